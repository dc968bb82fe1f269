internal import Numerics

extension Checkpoint {
  /// The same with what names and shapes alone do not say: which weights are packed over several tensors, and which
  /// modules share one.
  func understood(_ config: ModelConfig?) -> Checkpoint {
    var layers = layers
    if graph == nil {
      for index in layers.indices where !layers[index].companions.isEmpty {
        if let (packing, matrix) = PackedModule(self, layers[index], config).packing() {
          layers[index] = layers[index].packed(packing, matrix)
        }
      }
      tieHead(&layers, config)
    }
    tieSame(&layers)
    return Checkpoint(
      path: path, format: format, files: files, metadata: metadata, tensors: tensors, layers: layers, graph: graph)
  }

  /// A language model without a head of its own uses the embedding's matrix, where the config or GGUF's habit says
  /// so: there the output's weight is left out when it is tied.
  private func tieHead(_ layers: inout [Layer], _ config: ModelConfig?) {
    let name = format == .gguf ? "output" : "lm_head"
    guard format == .gguf ? isLanguageModel : config?.tiesEmbeddings == true,
      !layers.contains(where: { $0.role == .head && $0.matrix != nil }),
      let index = layers.firstIndex(where: {
        $0.role == .embedding && (format != .gguf || $0.name == "token_embd")
      })
    else { return }
    layers[index] = layers[index].tied(to: [name])
  }

  /// GGUF: a decoder with a vocabulary has a head; an encoder (BERT and its relatives) has none.
  private var isLanguageModel: Bool {
    guard let architecture = metadata.first(where: { $0.key == "general.architecture" })?.value else { return false }
    return !["bert", "nomic-bert", "nomic-bert-moe", "jina-bert-v2", "t5encoder", "clip"].contains(architecture)
  }

  /// Layers whose weights are the same bytes of the same file.
  private func tieSame(_ layers: inout [Layer]) {
    let owners = Dictionary(layers.enumerated().map { ($1.weight, $0) }) { first, _ in first }
    for (weight, other) in ties.sorted(by: { $0.key < $1.key }) {
      guard let later = owners[weight], let first = owners[other] else { continue }
      let name = layers[later].name
      layers[later] = layers[later].tied(to: [layers[first].name])
      layers[first] = layers[first].tied(to: [name])
    }
  }
}
