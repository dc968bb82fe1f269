internal import Numerics

extension Layer {
  /// Puts an ONNX model's tensors together to layers by the operators that use them.
  ///
  /// A tensor that a node takes as its weight makes a layer with the node's bias, statistics and quantisation, named
  /// as the node where that is the weight's only user and has a name; all else is a layer by itself.
  static func grouped(_ tensors: [Tensor], _ graph: Graph, functions: [Graph] = []) -> [Layer] {
    var search = ONNXUses(tensors, functions)
    search.collect(graph, [:], depth: 0)
    let uses = search.allUses

    var isPart = [Bool](repeating: false, count: tensors.count)
    var biases: [Int: Int] = [:]
    var companions: [Int: [Int]] = [:]
    for weight in tensors.indices {
      guard let use = uses.first(of: weight) else { continue }
      if let bias = use.bias, uses.isEmpty(of: bias), !isPart[bias] {
        biases[weight] = bias
        isPart[bias] = true
      }
      for companion in use.companions where uses.isEmpty(of: companion) && !isPart[companion] {
        companions[weight, default: []].append(companion)
        isPart[companion] = true
      }
    }

    var writer = LayerWriter(uses, tensors)
    for index in tensors.indices where !isPart[index] {
      writer.write(
        index, bias: biases[index], companions: companions[index] ?? [],
        isParameter: search.parameters.contains(index))
    }
    return writer.layers
  }

  /// Writes the layers of an ONNX model, whose names, roles and blocks are mostly those of others too.
  private struct LayerWriter {
    private(set) var layers: [Layer] = []
    private let uses: ONNXUseLists
    private let tensors: [Tensor]
    private var taken: TakenNames
    private var roles = RolesByName()
    private let names = NameWriter()
    /// That of the last layer.
    private var lastBlock = ""

    init(_ uses: ONNXUseLists, _ tensors: [Tensor]) {
      self.uses = uses
      self.tensors = tensors
      let isASCII =
        uses.all.allSatisfy { $0.nodeName.withBytes(\.isASCII) }
        && tensors.allSatisfy { $0.storedName.withBytes(\.isASCII) }
      taken = TakenNames(isASCII: isASCII, minimumCapacity: tensors.count)
      layers.reserveCapacity(tensors.count)
    }

    mutating func write(_ index: Int, bias: Int?, companions: [Int], isParameter: Bool) {
      let tensor = tensors[index]
      let users = uses[index]
      let use = users.first
      let nodes = users.map(\.nodeName).filter { !$0.isEmpty }
      let whole = tensor.storedName
      let own = whole.withBytes { $0.ends(with: ".weight") } ? whole.prefix(whole.count - 7) : whole
      let node = use.map { $0.nodeName.isEmpty ? nil : $0.nodeName } ?? nil
      var name = own
      if users.count == 1, let node { name = names.write(node) }
      if taken.contains(name, among: layers) { name = whole }
      var (block, end) = whole.withBytes { blockPosition($0) }
      var blockName = end.map { whole.prefix($0) }
      if block == nil, let node {
        (block, end) = node.withBytes { blockPosition($0) }
        blockName = end.map { end in node.withBytes { names.write($0.part(0..<end)) } }
      }
      let role = role(tensor, use)
      let matrix = MatrixShape(tensor, use)
      let packed = use?.quantization?.packing(tensor, matrix, tensors)
      let isNumbers = tensor.type.isFloatingPoint || packed != nil
      name = taken.unique(name, among: layers)
      var rare = Rare(companions: companions, operatorName: use?.operatorName, ties: users.count < 2 ? [] : nodes)
      rare.packing = packed?.0
      rare.nodes = nodes
      if let blockName, !(name.count >= blockName.count && name.prefix(blockName.count).isSame(blockName)) {
        if !lastBlock.withBytes({ last in blockName.withBytes { $0.isSame(last) } }) { lastBlock = String(blockName) }
        rare.blockName = lastBlock
      }
      layers.append(
        Layer(
          name, weight: index, bias: bias, role: role, block: block, blockLength: end,
          matrix: packed?.1 ?? (isNumbers ? matrix : nil), rare: rare,
          isQuantizationParameter: users.isEmpty && isParameter))
    }

    private mutating func role(_ tensor: Tensor, _ use: ONNXUse?) -> Role {
      let byName = tensor.storedName.withBytes { roles.role($0, tensor.shape) }
      guard let use else {
        // Nothing says that a loose array is a matrix or a filter.
        return tensor.type.isFloatingPoint && byName != .linear && byName != .convolution ? byName : .other
      }
      switch use.operatorName {
      case "Conv", "FusedConv", "ConvTranspose", "ConvInteger", "QLinearConv": return .convolution
      case "Gather", "GatherBlockQuantized": return byName == .positional ? .positional : .embedding
      case "Attention", "QAttention": return .attentionQKV
      case "LSTM", "GRU", "RNN", "DynamicQuantizeLSTM": return .linear
      case "BatchNormalization", "InstanceNormalization", "LayerNormalization", "GroupNormalization",
        "RMSNormalization", "SimplifiedLayerNormalization", "SkipLayerNormalization",
        "SkipSimplifiedLayerNormalization", "PRelu":
        return .norm
      default:
        if byName != .linear, byName != .other, byName != .convolution { return byName }
        let parents = use.nodeName.split(separator: "/").dropLast().joined(separator: "/")
        let byParents = parents.withBytes { roles.role($0, tensor.shape) }
        return byParents == .convolution || byParents == .norm ? .linear : byParents
      }
    }
  }
}

extension MatrixShape {
  /// How an ONNX weight is read as a matrix of outputs by inputs; `nil` for what is none.
  init?(_ tensor: Tensor, _ use: ONNXUse?) {
    let shape = tensor.shape
    guard shape.count >= 2, tensor.type.isFloatingPoint || use?.quantization != nil, tensor.count > 0 else {
      return nil
    }
    // A vector shaped to be broadcast, as exporters write biases and gains.
    if use == nil, shape.contains(tensor.count) { return nil }
    if use?.isRightFactor == true {
      // (…, inputs, outputs)
      let rows = shape[shape.count - 1]
      self.init(rows: rows, columns: tensor.count / rows, outer: tensor.count / rows)
      return
    }
    switch use?.operatorName {
    case "ConvTranspose":
      // (inputs, outputs / groups, kernel …)
      let (inputs, rows) = (shape[0], shape[1])
      self.init(rows: rows, columns: tensor.count / rows, outer: inputs)
    case "DynamicQuantizeLSTM":
      // (directions, inputs, gates · hidden)
      guard shape.count == 3 else { return nil }
      self.init(rows: shape[0] * shape[2], columns: shape[1], outer: shape[1], stack: shape[0])
    case "LSTM", "GRU", "RNN":
      // (directions, gates · hidden, inputs)
      let columns = shape[shape.count - 1]
      self.init(rows: tensor.count / columns, columns: columns)
    default:
      self.init(rows: shape[0], columns: tensor.count / shape[0])
    }
  }
}
