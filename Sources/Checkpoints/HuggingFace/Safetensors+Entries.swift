internal import FileAccess
internal import Numerics

extension Safetensors {
  /// What a header says, read from its start to its end, or a part of it.
  struct Entries {
    private(set) var metadata: [(key: String, value: String)] = []
    private(set) var tensors: [Tensor] = []
    private let file: MappedFile
    /// Where the tensors begin.
    private let dataStart: Int
    private let number: Int
    private var forms = SharedForms()
    /// The entry that is read, and the type of the last one's.
    private var entry = JSONScanner.TensorEntry()
    private var lastType: (dtype: String, type: ElementType)?

    /// Reads the header of file number `number`, whose text is at `place`.
    init(_ file: MappedFile, _ number: Int, _ place: Range<Int>) throws(CheckpointError) {
      self.init(file, number, dataStart: place.upperBound)
      var json = try text(at: place)
      try json.beginObject()
      _ = try read(&json, isCut: false)
      try json.finish()
    }

    /// Reads a part of it.
    ///
    /// - Throws: where it does not begin or end as its place says, and as the whole.
    init(
      _ file: MappedFile, _ number: Int, _ place: Range<Int>, isFirst: Bool, isLast: Bool, dataStart: Int
    ) throws(CheckpointError) {
      self.init(file, number, dataStart: dataStart)
      var json = try text(at: place)
      if isFirst { try json.beginObject() } else { json.continueObject() }
      let isClosed = try read(&json, isCut: !isLast)
      if isLast { try json.finish() }
      guard isClosed == isLast else { throw json.fail("the object ends elsewhere") }
    }

    mutating func reserve(_ count: Int) { tensors.reserveCapacity(count) }

    /// Adds what the next part says.
    mutating func append(_ next: Self) {
      metadata += next.metadata
      tensors += next.tensors
    }

    private init(_ file: MappedFile, _ number: Int, dataStart: Int) {
      (self.file, self.number, self.dataStart) = (file, number, dataStart)
    }

    private mutating func text(at place: Range<Int>) throws(CheckpointError) -> JSONScanner {
      // An entry has some hundred bytes.
      tensors.reserveCapacity(place.count / 128)
      return JSONScanner(
        try file.copy(offset: place.lowerBound, count: place.count), file: file.path, part: "safetensors header",
        base: place.lowerBound)
    }

    /// Reads members of the object.
    ///
    /// - Parameter isCut: whether the text may end behind a member.
    /// - Returns: whether the object's end was read, and not the text's.
    private mutating func read(_ json: inout JSONScanner, isCut: Bool) throws(CheckpointError) -> Bool {
      let list = NameWriter()
      var key: [UInt8] = []
      while true {
        if isCut, json.isAtEnd { return false }
        guard try json.nextKey(into: &key) else { return true }
        if key.withUnsafeBufferPointer({ $0.isWord("__metadata__") }) {
          try readMetadata(&json)
        } else {
          tensors.append(try readTensor(key.withUnsafeBufferPointer { list.write($0) }, &json))
        }
      }
    }

    private mutating func readMetadata(_ json: inout JSONScanner) throws(CheckpointError) {
      try json.beginObject()
      while let key = try json.nextKey() { metadata.append((key, try json.printed())) }
    }

    private mutating func readTensor(_ name: Name, _ json: inout JSONScanner) throws(CheckpointError) -> Tensor {
      let file = file
      func fail(_ reason: String) -> CheckpointError {
        CheckpointError(file: file.path, tensor: String(name), reason)
      }
      if !json.plainEntry(&entry) { try readMembers(&json, fail) }
      if lastType?.dtype != entry.dtype {
        guard let type = Safetensors.types[entry.dtype] else {
          throw fail("has the unknown dtype '\(shortened(entry.dtype))'")
        }
        lastType = (entry.dtype, type)
      }
      guard let type = lastType?.type else { throw fail("has no dtype in the header") }
      guard entry.offsets.count == 2, entry.offsets[0] <= entry.offsets[1] else {
        throw fail("has data_offsets \(entry.offsets.prefix(8)); two offsets expected, the lower one first")
      }
      let known = forms.recent(type, entry.shape)
      let form = if let known { known } else { try newForm(type, entry.shape, fail) }
      let (from, to) = (entry.offsets[0], entry.offsets[1])
      guard to - from == form.byteCount else {
        throw fail("has \(bytes(to - from)), but \(type) \(form.shape) takes \(form.byteCount)")
      }
      guard to <= file.size - dataStart else {
        throw fail(
          "ends \(bytes(to)) after the header, but the file has only \(file.size - dataStart) there: cut short?"
        )
      }
      return Tensor(name, form, at: .file(number, offset: dataStart + from))
    }

    private mutating func newForm(
      _ type: ElementType, _ shape: [Int], _ fail: (String) -> CheckpointError
    ) throws(CheckpointError) -> TensorForm {
      guard let count = Tensor.count(of: shape), let needed = type.byteCount(of: count) else {
        throw fail("has the shape \(shape), whose product overflows")
      }
      guard count % type.block.weights == 0 else {
        throw fail("has \(count) elements of \(type), which fill no whole number of bytes")
      }
      return forms.shared(TensorForm(type: type, shape: shape, count: count, byteCount: needed))
    }

    /// Reads an entry with whatever members it has, in any order; of equal ones the last counts.
    private mutating func readMembers(
      _ json: inout JSONScanner, _ fail: (String) -> CheckpointError
    ) throws(CheckpointError) {
      var dtype: String?
      var shape: [Int]?
      var offsets: [Int] = []
      try json.beginObject()
      while let key = try json.nextKey() {
        switch key {
        case "dtype": dtype = try json.string()
        case "shape": shape = try sizes(&json)
        case "data_offsets": offsets = try sizes(&json)
        default: try json.skip()
        }
      }
      guard let dtype, let shape else { throw fail("has no dtype or no shape in the header") }
      entry = JSONScanner.TensorEntry(dtype: dtype, shape: shape, offsets: offsets)
    }

    private func sizes(_ json: inout JSONScanner) throws(CheckpointError) -> [Int] {
      var sizes: [Int] = []
      try json.beginArray()
      while try json.nextElement() { sizes.append(try json.size()) }
      return sizes
    }
  }
}
