internal import FileAccess
internal import Numerics

/// NumPy's arrays and numbers as pickles hold them:
///
///     numpy…_reconstruct(ndarray, (0,), b"b"), state (version, shape, dtype, in Fortran order, bytes)
///     numpy…_frombuffer(bytes, dtype, shape, order)
///     numpy…scalar(dtype, bytes)
///     numpy.dtype("f4", …), state (version, "<", …)
struct NumPyObjects {
  private let objects: TorchObjects
  private var pickle: Pickle { objects.pickle }

  init(_ objects: TorchObjects) { self.objects = objects }

  func find(
    _ function: String, _ arguments: [Pickle.Value], _ value: Pickle.Value, _ name: String
  ) throws(CheckpointError) -> TorchObjects.Found? {
    guard function.hasPrefix("numpy.") else { return nil }
    if function.hasSuffix("multiarray._reconstruct") {
      guard let state = pickle[value]?.state.flatMap({ pickle.elements($0) }), state.count >= 4 else {
        throw objects.fail(name, "is a NumPy array without its contents")
      }
      let fields = Array(state.suffix(4))
      return try array(fields[3], type: fields[1], shape: fields[0], isFortran: fields[2] == .bool(true), name)
    }
    if function.hasSuffix("numeric._frombuffer"), arguments.count >= 4 {
      let isFortran = arguments[3] == .string("F")
      return try array(arguments[0], type: arguments[1], shape: arguments[2], isFortran: isFortran, name)
    }
    return nil
  }

  private func array(
    _ contents: Pickle.Value, type: Pickle.Value, shape: Pickle.Value, isFortran: Bool, _ name: String
  ) throws(CheckpointError) -> TorchObjects.Found {
    guard let shape = pickle.integers(shape) else {
      throw objects.fail(name, "is a NumPy array without a shape")
    }
    let description = self.description(type)
    guard let description, let (type, isBigEndian) = NumPy.Header.elementType(description) else {
      return .nothing(
        "an array of \(description.map { "\(NumPy.Header.kind($0)) ('\(shortened($0, to: 40))')" } ?? "an unknown type")"
      )
    }
    guard let (location, count) = try objects.contents(contents) else {
      throw objects.fail(name, "is a NumPy array whose contents are no bytes")
    }
    let whole = TorchStorage(type: type, byteCount: count, location: location, isBigEndian: isBigEndian)
    let strides = isFortran ? Tensor.Layout.columnMajor(shape) : Self.rowMajor(shape)
    return .tensor(try objects.view(whole, type, 0, shape, strides, name))
  }

  private static func rowMajor(_ shape: [Int]) -> [Int] { Tensor.Layout.columnMajor(shape.reversed()).reversed() }

  /// A dtype as an array's header would describe it: `<f4`.
  private func description(_ value: Pickle.Value) -> String? {
    guard let (name, arguments) = pickle.call(value), name == "numpy.dtype",
      case .string(let code) = arguments.first
    else { return nil }
    guard let state = pickle[value]?.state.flatMap({ pickle.elements($0) }), state.count > 1,
      case .string(let order) = state[1], ["<", ">", "|", "="].contains(order)
    else { return code }
    return order + code
  }

  /// A NumPy number in words.
  func scalar(_ value: Pickle.Value) -> String? {
    guard let (name, arguments) = pickle.call(value), name.hasPrefix("numpy."),
      name.hasSuffix("multiarray.scalar"), arguments.count == 2,
      let (type, isBigEndian) = description(arguments[0]).flatMap({ NumPy.Header.elementType($0) }),
      let stored = objects.number(arguments[1]), stored.count == type.block.bytes
    else { return nil }
    let bytes = isBigEndian ? stored.reversed() : stored
    if type == .f64 {
      return "\(Double(bitPattern: bytes.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }))"
    }
    if let integers = type.decodeIntegers(bytes, count: 1) {
      return type == .bool ? (integers[0] == 0 ? "false" : "true") : "\(integers[0])"
    }
    return type.isDecodable ? "\(type.decode(bytes, count: 1)[0])" : nil
  }
}

extension TorchObjects {
  /// The bytes of a bytes object that a pickle does not hold as they are: Python 2's strings are bytes too, and
  /// protocol 2 writes `_codecs.encode("…", "latin1")`.
  func decodedBytes(_ value: Pickle.Value) throws(CheckpointError) -> [UInt8]? {
    if case .string(let text) = value { return Array(text.utf8) }
    guard let (name, arguments) = pickle.call(value) else { return nil }
    switch name {
    case "_codecs.encode":
      guard arguments.count == 2, arguments[1] == .string("latin1") else { return nil }
      if case .string(let short) = arguments[0] { return Self.latin1(Array(short.utf8)) }
      guard case .text(let range) = arguments[0], range.count <= TorchTensors.maximumDecoded else { return nil }
      return Self.latin1(try list.files[file].copy(offset: range.lowerBound, count: range.count))
    case "__builtin__.bytes", "builtins.bytes", "builtins.bytearray", "__builtin__.bytearray":
      guard let first = arguments.first else { return [] }
      if case .bytes(let range) = first, range.count <= TorchTensors.maximumDecoded {
        return try list.files[file].copy(offset: range.lowerBound, count: range.count)
      }
      // One level only: nothing writes more.
      guard pickle.call(first)?.name == "_codecs.encode" else { return nil }
      return try decodedBytes(first)
    default: return nil
    }
  }

  /// The bytes of a single number.
  func number(_ value: Pickle.Value) -> [UInt8]? {
    guard case .bytes(let range) = value else { return (try? decodedBytes(value)) ?? nil }
    return range.count <= 16 ? try? list.files[file].copy(offset: range.lowerBound, count: range.count) : nil
  }

  /// UTF-8 of characters up to U+00FF, one byte each; `nil` where there are others.
  private static func latin1(_ text: [UInt8]) -> [UInt8]? {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count)
    var lead: UInt8?
    for byte in text {
      if let first = lead {
        guard byte & 0xC0 == 0x80 else { return nil }
        bytes.append(first << 6 | byte & 0x3F)
        lead = nil
      } else if byte < 0x80 {
        bytes.append(byte)
      } else {
        guard byte == 0xC2 || byte == 0xC3 else { return nil }
        lead = byte & 3
      }
    }
    return lead == nil ? bytes : nil
  }
}
