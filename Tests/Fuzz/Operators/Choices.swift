import Checkpoints
import Inference
import Numerics

/// The fuzzer's bytes read as choices, one after another; zeros when they are used up.
struct Choices {
  private let bytes: UnsafeBufferPointer<UInt8>
  private var at = 0

  init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

  mutating func byte() -> Int {
    defer { at += 1 }
    return at < bytes.count ? Int(bytes[at]) : 0
  }

  mutating func number(below limit: Int) -> Int {
    limit > 256 ? (byte() << 8 | byte()) % limit : byte() % limit
  }

  mutating func one<Element>(of list: [Element]) -> Element? {
    list.isEmpty ? nil : list[number(below: list.count)]
  }

  // MARK: Numbers

  mutating func integer() -> Int {
    let extremes = [
      0, 1, -1, 2, -2, 3, 5, 1 << 16, 1 << 31, -(1 << 31), 1 << 32, 1 << 62, -(1 << 62), .max, .max - 1, .min, .min + 1,
      1 << 20, 1 << 24, 1 << 29, 1 << 40, 255,
    ]
    let choice = byte()
    return choice < 128 ? extremes[choice % extremes.count] : choice - 192
  }

  mutating func float() -> Float {
    let extremes: [Float] = [
      0, -0.0, 1, -1, 0.5, .nan, .infinity, -.infinity, .greatestFiniteMagnitude, -.greatestFiniteMagnitude,
      .leastNonzeroMagnitude, 1e30, -1e30, 1e10, 1e-30, 0x1p31, 0x1p63, -0x1p63, 3.7,
    ]
    let choice = byte()
    return choice < 128 ? extremes[choice % extremes.count] : Float(choice - 192) / 8
  }

  // MARK: Arrays

  /// The most elements of a changed input.
  private static let mostElements = 1 << 14

  /// Another shape, other numbers, or another type.
  mutating func changed(_ value: Value) -> Value {
    var shape = value.shape
    var (floats, integers) = (value.floats, value.integers)
    switch number(below: 8) {
    case 0: if !shape.isEmpty { shape[number(below: shape.count)] = 0 }
    case 1: if !shape.isEmpty { shape[number(below: shape.count)] = number(below: 20) }
    case 2: shape.insert(number(below: 4), at: number(below: shape.count + 1))
    case 3: if !shape.isEmpty { shape.remove(at: number(below: shape.count)) }
    case 4: shape = []
    case 5:
      let place = byte()
      if integers?.isEmpty == false { integers![place % integers!.count] = Int64(integer()) }
      if floats?.isEmpty == false { floats![place % floats!.count] = float() }
    case 6:
      integers = integers.map { all in all.map { _ in Int64(integer()) } }
      floats = floats.map { all in all.map { _ in float() } }
    default:
      if let numbers = floats {
        (floats, integers) = (nil, numbers.map { Int64(max(-1e9, min(1e9, $0.isNaN ? 0 : $0))) })
      } else {
        (floats, integers) = (integers!.map { Float($0) }, nil)
      }
    }
    let count = shape.reduce(1, *)
    guard count <= Self.mostElements else { return value }
    if let floats {
      let type = value.type.isFloatingPoint ? value.type : .f32
      return Value(shape, (0..<count).map { floats.isEmpty ? 0 : floats[$0 % floats.count] }, type: type)
    }
    let numbers = integers ?? []
    let types: [ElementType] = [.i64, .i32, .u8, .i8, .bool, .u64, .i16, .u4]
    var type = value.type.isFloatingPoint ? ElementType.i64 : value.type
    if number(below: 4) == 1 { type = types[number(below: types.count)] }
    return Value(shape, integers: (0..<count).map { numbers.isEmpty ? 0 : numbers[$0 % numbers.count] }, type: type)
  }

  // MARK: Graphs

  /// One node's attributes or inputs.
  mutating func change(_ graph: inout Graph) {
    guard !graph.nodes.isEmpty else { return }
    let index = number(below: graph.nodes.count)
    var node = graph.nodes[index]
    defer { graph.nodes[index] = node }
    if number(below: 6) == 0 {
      switch number(below: 3) {
      case 0: if !node.inputs.isEmpty { node.inputs.removeLast() }
      case 1: if !node.inputs.isEmpty { node.inputs[number(below: node.inputs.count)] = "" }
      default:
        if let other = one(of: graph.inputs.map(\.name)), !node.inputs.isEmpty {
          node.inputs[number(below: node.inputs.count)] = other
        }
      }
      return
    }
    let known = [
      "axis", "axes", "pads", "strides", "dilations", "group", "kernel_shape", "keepdims", "block_size", "p",
      "blocksize", "ceil_mode", "auto_pad", "perm", "mode", "output_shape", "output_padding", "num_groups", "size", "k",
      "batch_dims", "hidden_size", "layout", "direction", "to", "epsilon", "storage_order", "transA", "transB",
      "count_include_pad", "reduction", "batch_axis", "time_axis", "exclusive", "reverse", "onesided", "inverse",
      "num_outputs", "split", "cubic_coeff_a", "antialias", "sampling_ratio", "output_height", "clip",
    ]
    let own = node.attributes.keys.sorted()
    guard let name = number(below: 3) > 0 && !own.isEmpty ? one(of: own) : one(of: known) else { return }
    switch node.attributes[name] {
    case .graph?, .tensor?, .other?: return
    case .int?: node.attributes[name] = number(below: 8) == 0 ? nil : .int(integer())
    case .float?: node.attributes[name] = number(below: 8) == 0 ? nil : .float(float())
    case .ints(var list)?:
      switch number(below: 4) {
      case 0: list.append(integer())
      case 1: if !list.isEmpty { list.removeLast() }
      default: if !list.isEmpty { list[number(below: list.count)] = integer() }
      }
      node.attributes[name] = .ints(list)
    case .floats(var list)?:
      if list.isEmpty { list.append(float()) } else { list[number(below: list.count)] = float() }
      node.attributes[name] = .floats(list)
    case .string?, .strings?, nil:
      let words = [
        "SAME_UPPER", "SAME_LOWER", "VALID", "NOTSET", "linear", "nearest", "cubic", "reflect", "edge", "wrap", "none",
        "bidirectional", "reverse", "align_corners", "tf_crop_and_resize", "half_pixel", "max", "sum", "border",
        "reflection", "not_larger", "CRD", "tanh", "\u{1b}", "",
      ]
      switch number(below: 3) {
      case 0: node.attributes[name] = .string(words[number(below: words.count)])
      case 1: node.attributes[name] = .int(integer())
      default: node.attributes[name] = .ints([integer(), integer()])
      }
    }
  }
}
