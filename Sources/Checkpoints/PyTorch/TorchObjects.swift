internal import FileAccess
internal import Numerics

/// Makes tensors of the calls that a pickle asks for, which PyTorch would carry out to rebuild them.
struct TorchObjects {
  let pickle: Pickle
  /// The file that the pickle is in, as number in `list`.
  let file: Int
  let list: TorchTensors
  /// Finds a storage's bytes.
  let storage: (TorchStorageID) throws(CheckpointError) -> TorchStorage
  /// The tensors that a pickle names by their keys, as the oldest form does.
  var views: [String: TorchTar.View] = [:]
  /// What was decoded before, by its node: many values may refer to one.
  private let known = Known()

  private final class Known {
    var storages: [Pickle.Value: TorchStorage] = [:]
    var bytes: [Pickle.Value: [UInt8]] = [:]
  }

  init(
    _ pickle: Pickle, file: Int, _ list: TorchTensors,
    storage: @escaping (TorchStorageID) throws(CheckpointError) -> TorchStorage
  ) {
    self.pickle = pickle
    self.file = file
    self.list = list
    self.storage = storage
  }

  /// What a value turns out to be.
  enum Found {
    case tensor(Tensor)
    /// Something made of tensors: these are listed, under their own names.
    case parts([(name: String, value: Pickle.Value)], note: String)
    /// Without values that could be listed.
    case nothing(String)
  }

  /// Calls inside calls that only pass a tensor on.
  private static let maximumDepth = 8

  func fail(_ name: String, _ reason: String) -> CheckpointError {
    CheckpointError(file: list.path, tensor: name, reason)
  }

  /// The tensor that a value is; `nil` where it is something else.
  ///
  /// - Throws: where it is a tensor, but a damaged one.
  func find(_ value: Pickle.Value, _ name: String, depth: Int = 0) throws(CheckpointError) -> Found? {
    if let node = pickle[value], case .persistent(let identifier) = node.kind {
      if let key = TorchStorageID.key(identifier), let found = views[key] {
        return .tensor(
          try view(found.storage, found.storage.type, found.offset, found.shape, found.strides, name))
      }
      guard let id = TorchStorageID(pickle, identifier) else { return nil }
      let whole = try storage(id)
      let count = whole.byteCount / whole.type.block.bytes
      return .tensor(try view(whole, whole.type, 0, [count], [1], name))
    }
    guard let (function, arguments) = pickle.call(value) else { return nil }
    return try find(function, arguments, value, name, depth)
  }

  private func find(
    _ function: String, _ arguments: [Pickle.Value], _ value: Pickle.Value, _ name: String, _ depth: Int
  ) throws(CheckpointError) -> Found? {
    guard depth < Self.maximumDepth else { throw fail(name, "is wrapped more than \(Self.maximumDepth) times") }
    if let array = try NumPyObjects(self).find(function, arguments, value, name) { return array }
    guard function.hasPrefix("torch.") else { return nil }
    let last = function.split(separator: ".").last ?? ""
    switch last {
    case "_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_tensor_v3":
      let tensor = try rebuild(arguments, name)
      // The last argument, where there is one, is a dictionary of the bits that turn signs.
      let view = arguments.count > 6 ? view(of: arguments[arguments.count - 1]) : .plain
      guard view != .plain else { return .tensor(tensor) }
      guard tensor.type.isFloatingPoint || tensor.type == .complex64 || tensor.type == .complex128 else {
        throw fail(name, "is a view with other signs of \(tensor.type), which has none")
      }
      return .tensor(tensor.laidOut(.init(strides: tensor.layout.strides, view: view)))
    case "_rebuild_parameter", "_rebuild_parameter_with_state", "_rebuild_device_tensor_from_cpu_tensor",
      "_rebuild_device_tensor_from_numpy", "_rebuild_xla_tensor":
      guard let first = arguments.first else { throw fail(name, "is rebuilt from nothing") }
      return try find(first, name, depth: depth + 1)
    case "_rebuild_from_type", "_rebuild_from_type_v2":
      guard arguments.count >= 3, let inner = pickle.globalName(arguments[0]),
        let values = pickle.elements(arguments[2])
      else { throw fail(name, "is rebuilt by a function without a name") }
      return try find(inner, values, value, name, depth + 1)
    case "_rebuild_qtensor": return try quantised(arguments, name)
    case "_rebuild_sparse_tensor", "_rebuild_sparse_csr_tensor", "_rebuild_nested_tensor":
      return sparse(arguments, nested: last == "_rebuild_nested_tensor")
    case "_rebuild_meta_tensor_no_storage": return .nothing("a tensor on the meta device, which has no values")
    case "_rebuild_wrapper_subclass": return .nothing("a tensor of a class of its own, without a storage")
    case "_load_from_bytes":
      let whole = try loaded(value, name)
      return .tensor(try view(whole, whole.type, 0, [whole.byteCount / whole.type.block.bytes], [1], name))
    default: return nil
    }
  }

  /// What `torch._utils.get_tensor_metadata` says of a view: `{"neg": True}`, `{"conj": True}`.
  private func view(of metadata: Pickle.Value) -> Tensor.Layout.View {
    guard let node = pickle[metadata], case .dictionary = node.kind else { return .plain }
    var view = Tensor.Layout.View.plain
    let pairs = node.pairs
    for (key, value) in zip(pairs, pairs.dropFirst()) where value == .bool(true) {
      if case .string("neg") = key { view = .negative }
      if case .string("conj") = key { view = .conjugate }
    }
    return view
  }

  // MARK: Strided tensors

  /// `_rebuild_tensor(storage, offset, size, stride)`; version 3 has its dtype as the seventh argument.
  private func rebuild(_ arguments: [Pickle.Value], _ name: String) throws(CheckpointError) -> Tensor {
    guard arguments.count >= 4, case .int(let offset) = arguments[1],
      let shape = pickle.integers(arguments[2]), let strides = pickle.integers(arguments[3])
    else { throw fail(name, "is not described by a storage, an offset, a size and strides") }
    let whole = try storage(of: arguments[0], name)
    var type = whole.type
    if arguments.count > 6, let dtype = pickle.globalName(arguments[6]) {
      guard let known = TorchTypes.ofDtype(dtype) else {
        throw fail(name, "has the unknown dtype '\(shortened(dtype))'")
      }
      type = known
    }
    return try view(whole, type, offset, shape, strides, name)
  }

  /// The storage that a value stands for.
  private func storage(of value: Pickle.Value, _ name: String) throws(CheckpointError) -> TorchStorage {
    if let node = pickle[value], case .persistent(let identifier) = node.kind {
      guard let id = TorchStorageID(pickle, identifier) else {
        throw fail(name, "has a storage that \(TorchStorageID.description(pickle, identifier))")
      }
      do {
        return try storage(id)
      } catch {
        throw fail(name, error.reason)
      }
    }
    return try loaded(value, name)
  }

  /// A storage that is a file of its own inside the pickle: `torch.storage._load_from_bytes(b"…")`.
  private func loaded(_ value: Pickle.Value, _ name: String) throws(CheckpointError) -> TorchStorage {
    if let storage = known.storages[value] { return storage }
    guard let (function, arguments) = pickle.call(value), function == "torch.storage._load_from_bytes",
      let first = arguments.first, let (location, count) = try contents(first)
    else { throw fail(name, "has no storage") }
    var (number, range) = (file, 0..<count)
    switch location {
    case .file(_, let offset): range = offset..<offset + count
    case .inline(let bytes): number = try list.add(bytes)
    case .deflated: throw fail(name, "has no storage")
    }
    do {
      let storage = try TorchLegacy(list.files[number], range, number: number).onlyStorage()
      known.storages[value] = storage
      return storage
    } catch {
      throw fail(name, error.reason)
    }
  }

  /// A view of a storage, checked: no element of it may lie outside.
  func view(
    _ whole: TorchStorage, _ type: ElementType, _ offset: Int, _ shape: [Int], _ strides: [Int], _ name: String
  ) throws(CheckpointError) -> Tensor {
    let size = type.block.bytes
    guard offset >= 0, shape.count == strides.count, shape.count <= 64, strides.allSatisfy({ $0 >= 0 }) else {
      throw fail(
        name,
        "has the shape \(shape.prefix(64)), strides \(strides.prefix(64)) and offset \(offset), which make no view")
    }
    guard let count = Tensor.count(of: shape), let byteCount = type.byteCount(of: count) else {
      throw fail(name, "has the shape \(shape), whose product overflows or is negative")
    }
    var start = 0
    if count > 0 {
      let capacity = whole.byteCount / size
      var last = offset
      var isOver = false
      for (extent, step) in zip(shape, strides) {
        let (reach, over) = (extent - 1).multipliedReportingOverflow(by: step)
        let (sum, over2) = last.addingReportingOverflow(reach)
        isOver = isOver || over || over2
        last = sum
      }
      guard !isOver, last < capacity else {
        throw fail(
          name, "reaches to element \(isOver ? "beyond 63 bits" : "\(last)"), but its storage has \(capacity)")
      }
      start = offset * size
    }
    return Tensor(
      name: name, type: type, shape: shape, count: count, byteCount: byteCount,
      location: whole.location.advanced(by: start),
      layout: Tensor.Layout(
        isBigEndian: whole.isBigEndian && size > 1,
        strides: count == 0 || Self.isInOrder(shape, strides) ? nil : strides))
  }

  /// Whether strides are those of C order, wherever they matter.
  private static func isInOrder(_ shape: [Int], _ strides: [Int]) -> Bool {
    var expected = 1
    for (extent, step) in zip(shape, strides).reversed() where extent != 1 {
      if step != expected { return false }
      expected *= extent
    }
    return true
  }

  // MARK: Other kinds

  /// `_rebuild_qtensor(storage, offset, size, stride, (scheme, …), …)`: its codes, and what they mean in words.
  private func quantised(_ arguments: [Pickle.Value], _ name: String) throws(CheckpointError) -> Found {
    let tensor = try rebuild(Array(arguments.prefix(4)), name)
    let parameters = arguments.count > 4 ? pickle.elements(arguments[4]) ?? [] : []
    let scheme = parameters.first.flatMap { pickle.globalName($0) } ?? "an unknown scheme"
    let codes = Found.tensor(tensor)
    if parameters.count == 3, let scale = text(parameters[1]), let zero = text(parameters[2]) {
      list.note("\(name) quantised", "\(scheme), scale \(scale), zero point \(zero)")
    } else if parameters.count == 4, let axis = text(parameters[3]) {
      list.note("\(name) quantised", "\(scheme), axis \(axis), scales and zero points beside it")
      for (part, value) in zip(["scales", "zero_points"], parameters[1...2]) {
        if case .tensor(let companion) = try find(value, "\(name).\(part)", depth: 1) {
          try list.list(companion, ofOptimiser: false)
        }
      }
    }
    return codes
  }

  /// `(layout, (indices, values, size, …))`, or for compressed rows two indices; nested ones their buffer and sizes.
  private func sparse(_ arguments: [Pickle.Value], nested: Bool) -> Found {
    let layout = nested ? "nested tensor" : arguments.first.flatMap { pickle.globalName($0) } ?? "sparse tensor"
    let data = nested ? arguments : arguments.count > 1 ? pickle.elements(arguments[1]) ?? [] : []
    guard data.count <= 8 else { return .nothing(layout) }
    let isTensor = data.map { pickle.call($0)?.name.hasPrefix("torch._utils._rebuild") == true }
    let tensors = data.indices.filter { isTensor[$0] }.map { data[$0] }
    let names =
      nested
      ? ["buffer", "sizes", "strides", "offsets"]
      : tensors.count == 3 ? ["compressed_indices", "plain_indices", "values"] : ["indices", "values"]
    let shape = data.lazy.compactMap { pickle.integers($0) }.first
    return .parts(
      Array(zip(names, tensors)), note: "\(layout)\(shape.map { " \($0)" } ?? ""), listed by its parts")
  }

  /// Where the bytes of a bytes object lie, and how many there are; those that a pickle holds in another form are
  /// decoded, once.
  func contents(_ value: Pickle.Value) throws(CheckpointError) -> (location: Tensor.Location, count: Int)? {
    if case .bytes(let range) = value { return (.file(file, offset: range.lowerBound), range.count) }
    if let bytes = known.bytes[value] { return (.inline(bytes), bytes.count) }
    guard let bytes = try decodedBytes(value) else { return nil }
    try list.hold(bytes.count)
    known.bytes[value] = bytes
    return (.inline(bytes), bytes.count)
  }

  /// A number, a truth value or a text as metadata has it.
  func text(_ value: Pickle.Value) -> String? {
    switch value {
    case .bool(let value): return value ? "true" : "false"
    case .int(let value): return "\(value)"
    case .float(let value): return "\(value)"
    case .string(let value): return shortened(value, to: 1000)
    default: return NumPyObjects(self).scalar(value)
    }
  }
}
