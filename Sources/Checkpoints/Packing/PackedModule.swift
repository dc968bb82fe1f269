internal import Numerics

/// A module's tensors, found by name: `weight` is the tensor that holds the codes.
struct PackedModule {
  let checkpoint: Checkpoint
  let layer: Layer
  let quantization: ModelConfig.Quantization?
  /// The companions and the bias by what their names have after the module's.
  private var parts: [String: Int] = [:]

  var weight: Tensor { checkpoint.tensors[layer.weight] }

  init(_ checkpoint: Checkpoint, _ layer: Layer, _ config: ModelConfig?) {
    self.checkpoint = checkpoint
    self.layer = layer
    let name = checkpoint.tensors[layer.weight].name
    let module = name.lastIndex(of: ".").map { name[...$0] } ?? ""
    quantization = config?.quantization
    for index in layer.companions {
      let name = checkpoint.tensors[index].name
      if name.hasPrefix(module) { parts[String(name.dropFirst(module.count))] = index }
    }
  }

  func part(_ name: String) -> Int? { parts[name] }
  /// The scales of a weight's own numbers, under whichever of the names that they go by.
  var scalePart: Int? {
    let leaf = String(
      weight.name[(weight.name.lastIndex(of: ".").map(weight.name.index(after:)) ?? weight.name.startIndex)...])
    let names = ["weight_scale_inv", "weight_scale", "scale_inv", "scale", "qscale_weight", "weight_scaler"]
    return (names + ["_scale_inv", "_scale", "_scales"].map { leaf + $0 }).lazy.compactMap { parts[$0] }.first
  }
  /// Matrices of a stack and the rows of each: experts in one tensor; `nil` for a matrix, or a convolution's kernel.
  var stack: (count: Int, rows: Int)? {
    guard weight.shape.count == 3 else { return nil }
    let isStack =
      weight.name.contains("experts") || layer.companions.contains { checkpoint.tensors[$0].shape.count == 3 }
    return isStack ? (weight.shape[0], weight.shape[1]) : nil
  }
  /// Rows of the matrix that the weight's words make: a stack's one after another.
  var rowCount: Int { stack.map { $0.count * $0.rows } ?? weight.shape[0] }
  func tensor(_ name: String) -> Tensor? { parts[name].map { checkpoint.tensors[$0] } }
  /// The first part whose name begins so.
  func part(beginning prefix: String) -> Int? { parts.first { $0.key.hasPrefix(prefix) }?.value }

  typealias Found = (Packing, MatrixShape)

  /// More numbers than a file can hold: below it, an extent times the codes of a word cannot overflow.
  static let most = 1 << 50

  /// How the module's weight is packed; `nil` where it is not, or not in a known way.
  func packing() -> Found? {
    guard !weight.shape.isEmpty, weight.count > 0, weight.count < Self.most,
      layer.companions.allSatisfy({ checkpoint.tensors[$0].count < Self.most })
    else { return nil }
    switch weight.type {
    case .i32 where part("qweight") == nil && part("qzeros") != nil: return words()
    case .i32, .u8, .i8, .u32, .f8e4m3, .f8e5m2: break
    default: return nil
    }
    return compressedTensors() ?? mlx() ?? bitsandbytes() ?? blocks() ?? scaled()
  }
}
