internal import Numerics

extension Checkpoint {
  /// The same with what names and shapes alone do not say: which weights are packed over several tensors, and which
  /// modules share one.
  func understood(_ config: ModelConfig?) -> Checkpoint {
    var layers = layers
    if graph == nil {
      for index in layers.indices where !layers[index].companions.isEmpty {
        if let (packing, matrix) = PackedModule(self, layers[index], config).packing() {
          (layers[index].packing, layers[index].matrix) = (packing, matrix)
        }
      }
      if format != .gguf { turnWeights(&layers) }
      findRouters(&layers)
      tieHead(&layers, config)
    }
    tieSame(&layers)
    return Checkpoint(
      path: path, format: format, files: files, metadata: metadata, tensors: tensors, layers: layers, graph: graph,
      ties: ties)
  }

  /// Finds weights that are stored as inputs by outputs (GPT-2's Conv1D, transposed convolutions): their bias has the
  /// second extent and not the first. What is square goes with its kind.
  private func turnWeights(_ layers: inout [Layer]) {
    func isTurnable(_ layer: Layer) -> Bool {
      layer.packing == nil && layer.matrix?.isRowMajor == true && layer.bias != nil
        && tensors[layer.weight].shape.count >= 2
    }
    func turned(_ layer: Layer) -> MatrixShape {
      let shape = tensors[layer.weight].shape
      return MatrixShape(rows: shape[1], columns: tensors[layer.weight].count / shape[1], outer: shape[0])
    }
    func word(_ layer: Layer) -> Substring { layer.name.split(separator: ".").last ?? "" }
    let conv1D: Set<Substring> = ["c_attn", "q_attn", "c_proj", "c_fc"]
    var isConv1D = false
    for index in layers.indices where isTurnable(layers[index]) {
      let shape = tensors[layers[index].weight].shape
      guard let bias = layers[index].bias, tensors[bias].shape == [shape[1]], shape[0] != shape[1] else { continue }
      if shape.count == 2, conv1D.contains(word(layers[index])) { isConv1D = true }
      layers[index].matrix = turned(layers[index])
    }
    guard isConv1D else { return }
    for index in layers.indices where isTurnable(layers[index]) && conv1D.contains(word(layers[index])) {
      layers[index].matrix = turned(layers[index])
    }
  }

  /// Finds the routers of experts by their shape, whatever they are called: of the matrices in a block of experts, the one
  /// with an output an expert.
  private func findRouters(_ layers: inout [Layer]) {
    var experts: [String: Int] = [:]
    var numbers: [String: Set<Substring>] = [:]
    for layer in layers where layer.role == .expert {
      guard let block = layer.blockName else { continue }
      let shape = tensors[layer.weight].shape
      let parts = layer.name.split(whereSeparator: { $0 == "." || $0 == "/" })
      if let place = parts.firstIndex(where: { $0.hasSuffix("experts") }), place + 1 < parts.count,
        Int(parts[place + 1]) != nil
      {
        numbers[block, default: []].insert(parts[place + 1])
      } else if shape.count == 3 {
        experts[block] = shape[0]
      }
    }
    for (block, found) in numbers { experts[block] = found.count }
    // Where a name says which it is, no shape does.
    for layer in layers where layer.role == .router { layer.blockName.map { experts[$0] = nil } }
    guard !experts.isEmpty else { return }
    for index in layers.indices where layers[index].role == .linear || layers[index].role == .other {
      guard let block = layers[index].blockName, let count = experts[block], count > 1,
        let matrix = layers[index].matrix, tensors[layers[index].weight].shape.count == 2,
        matrix.rows == count, matrix.columns > count
      else { continue }
      layers[index].role = .router
    }
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
    layers[index].ties += [name]
  }

  /// GGUF: a decoder with a vocabulary has a head; an encoder (BERT and its relatives) has none.
  private var isLanguageModel: Bool {
    guard let architecture = metadata.first(where: { $0.key == "general.architecture" })?.value else { return false }
    return !["bert", "nomic-bert", "nomic-bert-moe", "jina-bert-v2", "t5encoder", "clip"].contains(architecture)
  }

  /// Layers whose weights are the same bytes of the same file.
  private func tieSame(_ layers: inout [Layer]) {
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
