internal import FileAccess
internal import Numerics

/// PyTorch's names of number types.
enum TorchTypes {
  /// The type of a storage class: `torch.FloatStorage`, `torch.cuda.HalfStorage`, `torch.storage.UntypedStorage`.
  static func ofStorage(_ name: String) -> ElementType? {
    guard name.hasPrefix("torch."), name.hasSuffix("Storage") else { return nil }
    let last = name.split(separator: ".").last ?? ""
    return storages[String(last.dropLast("Storage".count))]
  }

  /// The type of a dtype: `torch.float32`.
  static func ofDtype(_ name: String) -> ElementType? {
    name.hasPrefix("torch.") ? dtypes[String(name.dropFirst("torch.".count))] : nil
  }

  /// Untyped storages are counted in bytes.
  private static let storages: [String: ElementType] = [
    "Double": .f64, "Float": .f32, "Half": .f16, "BFloat16": .bf16, "Long": .i64, "Int": .i32, "Short": .i16,
    "Char": .i8, "Byte": .u8, "Bool": .bool, "ComplexFloat": .complex64, "ComplexDouble": .complex128,
    "QInt8": .i8, "QUInt8": .u8, "QInt32": .i32, "Untyped": .u8, "_Untyped": .u8,
    "Float8_e4m3fn": .f8e4m3, "Float8_e5m2": .f8e5m2, "Float8_e4m3fnuz": .f8e4m3fnuz,
    "Float8_e5m2fnuz": .f8e5m2fnuz, "Float8_e8m0fnu": .f8e8m0, "UInt16": .u16, "UInt32": .u32, "UInt64": .u64,
  ]

  private static let dtypes: [String: ElementType] = [
    "float64": .f64, "float32": .f32, "float16": .f16, "bfloat16": .bf16, "int64": .i64, "int32": .i32,
    "int16": .i16, "int8": .i8, "uint64": .u64, "uint32": .u32, "uint16": .u16, "uint8": .u8, "bool": .bool,
    "complex64": .complex64, "complex128": .complex128, "float8_e4m3fn": .f8e4m3, "float8_e5m2": .f8e5m2,
    "float8_e4m3fnuz": .f8e4m3fnuz, "float8_e5m2fnuz": .f8e5m2fnuz, "float8_e8m0fnu": .f8e8m0,
    "float4_e2m1fn_x2": .u8, "qint8": .i8, "quint8": .u8, "qint32": .i32, "double": .f64, "float": .f32,
    "half": .f16, "long": .i64, "int": .i32, "short": .i16,
  ]
}

/// A storage: numbers one after another, of which tensors are views.
struct TorchStorage {
  let type: ElementType
  let byteCount: Int
  /// Where its first number lies.
  let location: Tensor.Location
  let isBigEndian: Bool
}

/// A storage as a pickle names it: ("storage", class, key, device, number of elements[, view]).
struct TorchStorageID {
  let type: ElementType
  let key: String
  let count: Int
  /// Before 1.6: the view's place in the storage called `key`, in elements.
  var view: (offset: Int, count: Int)?
  let device: String

  init?(_ pickle: Pickle, _ identifier: Pickle.Value) {
    guard let parts = pickle.elements(identifier), parts.count >= 5, parts[0] == .string("storage"),
      let type = pickle.globalName(parts[1]).flatMap(TorchTypes.ofStorage), let key = Self.key(parts[2]),
      case .int(let count) = parts[4], count >= 0
    else { return nil }
    self.type = type
    self.key = key
    self.count = count
    device = if case .string(let name) = parts[3] { name } else { "" }
    if parts.count > 5, let view = pickle.elements(parts[5]), view.count == 3 {
      guard case .int(let offset) = view[1], case .int(let size) = view[2], offset >= 0, size >= 0 else {
        return nil
      }
      self.view = (offset, size)
    }
  }

  /// Keys are texts, in old files numbers.
  static func key(_ value: Pickle.Value) -> String? {
    switch value {
    case .string(let key): key
    case .int(let key): "\(key)"
    default: nil
    }
  }

  /// What an identifier that is none says of itself, for messages.
  static func description(_ pickle: Pickle, _ identifier: Pickle.Value) -> String {
    guard let parts = pickle.elements(identifier), parts.count > 1 else { return "is no storage" }
    return pickle.globalName(parts[1]).map { "is of the class '\(shortened($0))', no storage that is known" }
      ?? "is no storage"
  }
}

extension Tensor.Location {
  /// The place `count` bytes further on.
  func advanced(by count: Int) -> Tensor.Location {
    guard count > 0 else { return self }
    return switch self {
    case .file(let file, let offset): .file(file, offset: offset + count)
    case .deflated(let file, let offset, let length, let skip):
      .deflated(file, offset: offset, length: length, skip: skip + count)
    case .inline(let bytes): .inline(Array(bytes.dropFirst(count)))
    }
  }
}
