/// A module of the network with its weight and bias: what a person tunes.
public struct Layer: Sendable, Hashable {
  /// The module's name: the weight's name without `.weight`, or the ONNX node's name.
  public let name: String
  /// Index of the weight in the checkpoint's tensors.
  public let weight: Int
  /// Index of the bias, where there is one.
  public let bias: Int?
  /// Indices of what else belongs to it (running statistics, scales).
  public let companions: [Int]
  /// What the operator is called where the format says so (ONNX: `Conv`, `Gemm`).
  public let operatorName: String?
  public internal(set) var role: Role
  /// The number of the block that it stands in (`blk.7`, `model.layers.7`), and the block's name.
  public let block: Int?
  public let blockName: String?
  /// How the weight is read as a matrix; `nil` for scalars, vectors and tensors that are not weights.
  public internal(set) var matrix: MatrixShape?
  /// How a quantised checkpoint keeps the weight in several tensors; `nil` where the weight's tensor is all.
  public internal(set) var packing: Packing?
  /// Other modules that use the same weight: a head that is the embedding's transpose, a module that two parts of a
  /// network share.
  public internal(set) var ties: [String]
  /// Names of the ONNX nodes that use the weight; a node without a name is left out.
  public let nodes: [String]
  /// Whether the tensor is a scale or a zero point of something that is not here (activations, a form that is not known):
  /// no parameter of the network, and nothing to quantise.
  public let isQuantizationParameter: Bool

  /// Whether it is a head that is stored in place of the embedding to which it is tied.
  public var standsForEmbedding: Bool { role == .head && ties.contains("embed_tokens") }

  /// What the layer does in the network.
  public enum Role: String, Sendable, Codable, CaseIterable {
    case embedding, head, attentionQuery, attentionKey, attentionValue, attentionQKV, attentionOutput
    case feedForwardUp, feedForwardGate, feedForwardDown, expert, router
    case convolution, linear, norm, positional, other
  }

  public init(
    name: String, weight: Int, bias: Int? = nil, companions: [Int] = [], operatorName: String? = nil,
    role: Role, block: Int? = nil, blockName: String? = nil, matrix: MatrixShape?, packing: Packing? = nil,
    ties: [String] = [], nodes: [String] = [], isQuantizationParameter: Bool = false
  ) {
    self.name = name
    self.weight = weight
    self.bias = bias
    self.companions = companions
    self.operatorName = operatorName
    self.role = role
    self.block = block
    self.blockName = blockName
    self.matrix = matrix
    self.packing = packing
    self.ties = ties
    self.nodes = nodes
    self.isQuantizationParameter = isQuantizationParameter
  }
}
