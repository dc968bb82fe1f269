/// A module of the network with its weight and bias: what a person tunes.
///
/// A checkpoint may have a million, so each is small: what few have stands apart.
public struct Layer: Sendable, Hashable {
  /// The module's name: the weight's name without `.weight`, or the ONNX node's name.
  public var name: String { String(storedName) }
  let storedName: Name
  private var apart: Apart?
  /// The matrix's extents where it lies row by row; −1 for none, −2 where it stands apart.
  private var rows: Int
  private var columns: Int
  private let weightIndex: Int32
  /// −1 for none.
  private let biasIndex: Int32
  private let blockNumber: Int32
  /// The block's name is so many bytes of what the layer's begins with; −1 for none, −2 where it stands apart.
  private let blockLength: Int32
  public internal(set) var role: Role
  /// Whether the tensor is a scale or a zero point of something that is not here (activations, a form that is not known):
  /// no parameter of the network, and nothing to quantise.
  public let isQuantizationParameter: Bool

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
    var rare = Rare(companions: companions, operatorName: operatorName, ties: ties, blockName: blockName)
    rare.packing = packing
    rare.nodes = nodes
    self.init(
      Name(name), weight: weight, bias: bias, role: role, block: block, matrix: matrix, rare: rare,
      isQuantizationParameter: isQuantizationParameter)
  }

  /// - Parameters:
  ///   - blockLength: the block's name is so many bytes of what `name` begins with.
  ///   - rare: what else is known of it; its block's name where it is no part of the layer's.
  init(
    _ name: Name, weight: Int, bias: Int? = nil, role: Role, block: Int? = nil, blockLength: Int? = nil,
    matrix: MatrixShape?, rare: Rare? = nil, isQuantizationParameter: Bool = false
  ) {
    storedName = name
    weightIndex = Int32(clamping: weight)
    biasIndex = Int32(clamping: bias ?? -1)
    self.role = role
    blockNumber = Int32(clamping: block ?? -1)
    self.blockLength = rare?.blockName != nil ? -2 : Int32(clamping: blockLength ?? -1)
    (rows, columns) = (-1, 0)
    self.isQuantizationParameter = isQuantizationParameter
    apart = rare.flatMap { Apart($0) }
    self.matrix = matrix
  }
}

extension Layer {
  /// Index of the weight in the checkpoint's tensors.
  public var weight: Int { Int(weightIndex) }
  /// Index of the bias, where there is one.
  public var bias: Int? { biasIndex < 0 ? nil : Int(biasIndex) }
  /// The number of the block that it stands in.
  public var block: Int? { blockNumber < 0 ? nil : Int(blockNumber) }
  /// The name of the block that it stands in: `blk.7`, `model.layers.7`.
  public var blockName: String? { storedBlockName.map { String($0) } }
  var storedBlockName: Name? {
    blockLength >= 0
      ? storedName.prefix(Int(blockLength)) : blockLength == -1 ? nil : (apart?.rare.blockName).map { Name($0) }
  }

  /// Whether its name begins with that of the block that it stands in, which is this one.
  func hasBlock(named name: Name) -> Bool {
    blockLength == name.count
      && storedName.withLentBytes { own in name.withLentBytes { own.part(0..<name.count).isSame($0) } }
  }

  /// How the weight is read as a matrix; `nil` for scalars, vectors and tensors that are not weights.
  public internal(set) var matrix: MatrixShape? {
    get { rows >= 0 ? MatrixShape(rows: rows, columns: columns) : rows == -1 ? nil : apart?.rare.matrix }
    set {
      let isPlain = newValue.map { $0 == MatrixShape(rows: $0.rows, columns: $0.columns) && $0.rows >= 0 } ?? true
      if rows == -2 || !isPlain { change { $0.matrix = isPlain ? nil : newValue } }
      (rows, columns) = isPlain ? (newValue?.rows ?? -1, newValue?.columns ?? 0) : (-2, 0)
    }
  }

  /// Indices of what else belongs to it (running statistics, scales).
  public var companions: [Int] { apart?.rare.companions ?? [] }
  /// What the operator is called where the format says so (ONNX: `Conv`, `Gemm`).
  public var operatorName: String? { apart?.rare.operatorName }
  /// How a quantised checkpoint keeps the weight in several tensors; `nil` where the weight's tensor is all.
  public internal(set) var packing: Packing? {
    get { apart?.rare.packing }
    set { change { $0.packing = newValue } }
  }
  /// Whether the weight is kept in several tensors.
  public var isPacked: Bool { apart?.rare.isPacked ?? false }
  /// Whether the weight is read as a matrix.
  package var hasMatrix: Bool { rows != -1 }
  /// Other modules that use the same weight: a head that is the embedding's transpose, a module that two parts of a
  /// network share.
  public internal(set) var ties: [String] {
    get { apart?.rare.ties ?? [] }
    set { change { $0.ties = newValue } }
  }
  /// Names of the ONNX nodes that use the weight; a node without a name is left out.
  public var nodes: [String] { apart?.rare.nodes ?? [] }

  /// Whether it is a head that is stored in place of the embedding to which it is tied.
  public var standsForEmbedding: Bool { role == .head && ties.contains("embed_tokens") }

  private mutating func change(_ edit: (inout Rare) -> Void) {
    var rare = apart?.rare ?? Rare()
    edit(&rare)
    apart = Apart(rare)
  }
}

extension Layer {
  /// What most layers have none of.
  struct Rare: Sendable, Hashable {
    var companions: [Int] = []
    var operatorName: String?
    private var boxedPacking: Boxed<Packing>?
    var ties: [String] = []
    /// Nearly every ONNX weight has one node.
    private var firstNode: String?
    private var otherNodes: [String] = []
    /// One that does not lie row by row.
    private var boxedMatrix: Boxed<MatrixShape>?
    /// One that is no part of the layer's name.
    var blockName: String?

    init(
      companions: [Int] = [], operatorName: String? = nil, ties: [String] = [], blockName: String? = nil
    ) {
      (self.companions, self.operatorName, self.ties, self.blockName) = (companions, operatorName, ties, blockName)
    }

    var packing: Packing? {
      get { boxedPacking?.value }
      set { boxedPacking = newValue.map { Boxed($0) } }
    }
    var isPacked: Bool { boxedPacking != nil }

    var matrix: MatrixShape? {
      get { boxedMatrix?.value }
      set { boxedMatrix = newValue.map { Boxed($0) } }
    }

    var nodes: [String] {
      get { (firstNode.map { [$0] } ?? []) + otherNodes }
      set { (firstNode, otherNodes) = (newValue.first, Array(newValue.dropFirst())) }
    }

    var isEmpty: Bool {
      companions.isEmpty && operatorName == nil && boxedPacking == nil && ties.isEmpty && firstNode == nil
        && boxedMatrix == nil && blockName == nil
    }
  }

  private final class Apart: Sendable, Hashable {
    let rare: Rare

    /// `nil` for nothing.
    init?(_ rare: Rare) {
      if rare.isEmpty { return nil }
      self.rare = rare
    }

    static func == (a: Apart, b: Apart) -> Bool { a.rare == b.rare }

    func hash(into hasher: inout Hasher) {
      hasher.combine(rare.companions)
      hasher.combine(rare.operatorName)
      hasher.combine(rare.ties)
    }
  }
}
