internal import FileAccess
internal import Numerics

extension Checkpoint {
  /// The same with what names and shapes alone do not say: which weights are packed over several tensors, and which
  /// modules share one.
  consuming func understood(_ config: ModelConfig?) -> Checkpoint {
    var whole = self
    // Taken out, so that they are changed where they stand: a second list of a million would be made.
    var layers = whole.layers
    whole.layers = []
    if whole.graph == nil {
      for index in layers.indices where !layers[index].companions.isEmpty {
        if let (packing, matrix) = PackedModule(whole, layers[index], config).packing() {
          (layers[index].packing, layers[index].matrix) = (packing, matrix)
        }
      }
      if whole.format != .gguf { whole.turnWeights(&layers) }
      whole.findRouters(&layers)
      if whole.format != .gguf { whole.turnExperts(&layers, config) }
      whole.tieHead(&layers, config)
    }
    whole.tieSame(&layers)
    whole.layers = layers
    return whole
  }

  /// Finds weights that are stored as inputs by outputs (GPT-2's Conv1D, transposed convolutions): their bias has the
  /// second extent and not the first. What is square goes with its kind.
  private func turnWeights(_ layers: inout [Layer]) {
    func isTurnable(_ layer: Layer) -> Bool {
      layer.packing == nil && layer.matrix?.isRowMajor == true && tensors[layer.weight].shape.count >= 2
    }
    func turned(_ layer: Layer) -> MatrixShape {
      let shape = tensors[layer.weight].shape
      return MatrixShape(rows: shape[1], columns: tensors[layer.weight].count / shape[1], outer: shape[0])
    }
    func word(_ layer: Layer) -> Substring { layer.name.split(separator: ".").last ?? "" }
    let conv1D: Set<Substring> = ["c_attn", "q_attn", "c_proj", "c_fc"]
    var isConv1D = false
    for index in layers.indices where layers[index].bias != nil && isTurnable(layers[index]) {
      let shape = tensors[layers[index].weight].shape
      guard let bias = layers[index].bias, tensors[bias].shape == [shape[1]], shape[0] != shape[1] else { continue }
      if shape.count == 2, conv1D.contains(word(layers[index])) { isConv1D = true }
      layers[index].matrix = turned(layers[index])
    }
    guard isConv1D else { return }
    for index in layers.indices
    where layers[index].bias != nil && isTurnable(layers[index]) && conv1D.contains(word(layers[index])) {
      layers[index].matrix = turned(layers[index])
    }
  }

  /// A language model without a head of its own uses the embedding's matrix, where the config or GGUF's habit says
  /// so: there the output's weight is left out when it is tied. Where the head alone is stored, it is the embedding.
  private func tieHead(_ layers: inout [Layer], _ config: ModelConfig?) {
    let name = format == .gguf ? "output" : "lm_head"
    if format != .gguf, config?.tiesEmbeddings ?? (config?.families.isDisjoint(with: Self.tiedByHabit) == false),
      !layers.contains(where: { $0.role == .embedding && $0.matrix != nil }),
      let index = layers.firstIndex(where: { $0.role == .head && $0.name.hasSuffix("lm_head") && $0.matrix != nil })
    {
      layers[index].ties += ["embed_tokens"]
      return
    }
    guard format == .gguf ? isLanguageModel : config?.tiesEmbeddings == true,
      !layers.contains(where: { $0.role == .head && $0.matrix != nil }),
      let index = layers.firstIndex(where: {
        $0.role == .embedding && (format != .gguf || $0.name == "token_embd")
      })
    else { return }
    layers[index].ties += [name]
  }

  /// Families whose config need not say that they tie.
  private static let tiedByHabit: Set<String> = ["gemma", "gemma2", "gemma3", "gemma3_text", "gpt2"]

  /// GGUF: a decoder with a vocabulary has a head; an encoder (BERT and its relatives) has none.
  private var isLanguageModel: Bool {
    guard let architecture = metadata.first(where: { $0.key == "general.architecture" })?.value else { return false }
    return !["bert", "nomic-bert", "nomic-bert-moe", "jina-bert-v2", "t5encoder", "clip"].contains(architecture)
  }

  /// Layers whose weights are the same bytes of the same file.
  private func tieSame(_ layers: inout [Layer]) {
    guard !ties.isEmpty else { return }
    let owners = Dictionary(layers.enumerated().map { ($1.weight, $0) }) { first, _ in first }
    // The names of a layer's other users all at once: a file may tie any number to one.
    var users: [Int: [String]] = [:]
    for (weight, other) in ties.sorted(by: { $0.key < $1.key }) {
      guard let later = owners[weight], let first = owners[other] else { continue }
      users[first, default: []].append(layers[later].name)
      layers[later].ties += [layers[first].name]
    }
    for (first, names) in users { layers[first].ties += names }
  }
}
