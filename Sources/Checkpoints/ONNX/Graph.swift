internal import FileAccess
public import Numerics

/// A network as ONNX has it: operators joined by named values. Enough to run it; weights stay in the file.
public struct Graph: Sendable, Hashable {
  public let name: String
  /// In the file's order, which is an order of execution (ONNX demands it).
  public package(set) var nodes: [Node]
  /// What a caller must give: the graph's inputs less those that the file holds a value for.
  public let inputs: [Value]
  public let outputs: [Value]
  /// Initializers by the value's name: the checkpoint's tensor.
  public let initializers: [String: Int]
  /// The version of each operator set by its domain; ONNX's own domain is "".
  public package(set) var operatorSets: [String: Int]

  /// The version of ONNX's own operator set, 0 where the file has none.
  public var operatorSet: Int { operatorSets[""] ?? 0 }

  public struct Node: Sendable, Hashable {
    /// May be empty: names are optional.
    public let name: String
    /// `Conv`, `MatMul`, …
    public let operatorName: String
    /// "" for ONNX's own operators.
    public let domain: String
    /// Names of values; "" where an optional input is left out.
    public package(set) var inputs: [String]
    public let outputs: [String]
    public package(set) var attributes: [String: Attribute]
  }

  public enum Attribute: Sendable, Hashable {
    case int(Int)
    case float(Float)
    case string(String)
    case tensor(Tensor)
    case ints([Int])
    case floats([Float])
    case strings([String])
    case graph(Graph)
    /// A kind that nothing here runs (sparse tensors, types, lists of tensors and graphs).
    case other(String)
  }

  /// A value that goes in or comes out.
  public struct Value: Sendable, Hashable {
    public let name: String
    /// `nil` where the file does not say, or the value is no tensor of numbers.
    public let type: ElementType?
    /// `nil` where the file does not say.
    public let shape: [Extent]?
  }

  public enum Extent: Sendable, Hashable {
    case fixed(Int)
    /// Named (`batch`) or unknown ("").
    case free(String)
  }
}
