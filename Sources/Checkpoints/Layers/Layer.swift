/// A module of the network with its weight and bias: what a person tunes.
public struct Layer: Sendable, Hashable {
  /// The module's name: the weight's name without `.weight`, or the ONNX node's name.
  public let name: String
  /// The name of the block that it stands in: `blk.7`, `model.layers.7`.
  public let blockName: String?
  /// How the weight is read as a matrix; `nil` for scalars, vectors and tensors that are not weights.
  public internal(set) var matrix: MatrixShape?
  public internal(set) var role: Role
  /// Whether the tensor is a scale or a zero point of something that is not here (activations, a form that is not known):
  /// no parameter of the network, and nothing to quantise.
  public let isQuantizationParameter: Bool
  /// Index of the weight in the checkpoint's tensors.
  public let weight: Int
  /// −1 for none: a checkpoint has hundreds of thousands of layers, and an optional number takes the room of two.
  private let biasIndex: Int
  private let blockNumber: Int
  /// `nil` where there is nothing of it.
  private var rare: Rare?

  /// Index of the bias, where there is one.
  public var bias: Int? { biasIndex < 0 ? nil : biasIndex }
  /// The number of the block that it stands in.
  public var block: Int? { blockNumber < 0 ? nil : blockNumber }
  /// Indices of what else belongs to it (running statistics, scales).
  public var companions: [Int] { rare?.companions ?? [] }
  /// What the operator is called where the format says so (ONNX: `Conv`, `Gemm`).
  public var operatorName: String? { rare?.operatorName }
  /// How a quantised checkpoint keeps the weight in several tensors; `nil` where the weight's tensor is all.
  public internal(set) var packing: Packing? {
    get { rare?.packing }
    set { rare = Rare.of(companions, operatorName, newValue, ties, nodes) }
  }
  /// Whether the weight is kept in several tensors.
  public var isPacked: Bool { rare?.packing != nil }
  /// Other modules that use the same weight: a head that is the embedding's transpose, a module that two parts of a
  /// network share.
  public internal(set) var ties: [String] {
    get { rare?.ties ?? [] }
    set { rare = Rare.of(companions, operatorName, packing, newValue, nodes) }
  }
  /// Names of the ONNX nodes that use the weight; a node without a name is left out.
  public var nodes: [String] { rare?.nodes ?? [] }

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
    biasIndex = bias ?? -1
    self.role = role
    blockNumber = block ?? -1
    self.blockName = blockName
    self.matrix = matrix
    self.isQuantizationParameter = isQuantizationParameter
    rare = Rare.of(companions, operatorName, packing, ties, nodes)
  }
}

extension Layer {
  /// What most layers have none of, in a place of its own.
  private final class Rare: Sendable, Hashable {
    let companions: [Int]
    let operatorName: String?
    let packing: Packing?
    let ties: [String]
    let nodes: [String]

    /// `nil` for nothing.
    static func of(
      _ companions: [Int], _ operatorName: String?, _ packing: Packing?, _ ties: [String], _ nodes: [String]
    ) -> Rare? {
      if companions.isEmpty, operatorName == nil, packing == nil, ties.isEmpty, nodes.isEmpty { return nil }
      return Rare(companions, operatorName, packing, ties, nodes)
    }

    private init(
      _ companions: [Int], _ operatorName: String?, _ packing: Packing?, _ ties: [String], _ nodes: [String]
    ) {
      self.companions = companions
      self.operatorName = operatorName
      self.packing = packing
      self.ties = ties
      self.nodes = nodes
    }

    static func == (a: Rare, b: Rare) -> Bool {
      a.companions == b.companions && a.operatorName == b.operatorName && a.packing == b.packing && a.ties == b.ties
        && a.nodes == b.nodes
    }

    func hash(into hasher: inout Hasher) {
      hasher.combine(companions)
      hasher.combine(operatorName)
      hasher.combine(ties)
    }
  }
}
