public import FileAccess

/// A file format that a checkpoint can come in.
protocol CheckpointFormat {
  /// Whether the file is of this format, told by its content alone. `head` holds its first bytes (at most
  /// `Checkpoint.headSize`). A damaged file of the format should be recognised, so that `read` can say what is
  /// wrong with it.
  static func recognises(_ head: [UInt8], of file: MappedFile) -> Bool

  /// Reads the header. Memory and time are bounded by what is in the file, not by what it claims.
  ///
  /// - Throws: where the header is no whole header, or a tensor's bytes lie outside the file.
  static func read(_ file: MappedFile) throws(CheckpointError) -> Checkpoint
}

extension Checkpoint {
  /// The bytes that formats are told apart by.
  static let headSize = 512

  /// The formats in the order in which they are tried: those with a signature first.
  private static var formats: [any CheckpointFormat.Type] {
    [GGUF.self, NumPy.self, NPZ.self, ShardIndex.self, Safetensors.self, PyTorch.self, ONNX.self]
  }

  /// Opens a model: a file of any known format (told by content, not by name), the index of a
  /// model in several files, or a folder that holds one model (Hugging Face's layout, or a single file), or a pattern of the shell's that
  /// names a model's files.
  ///
  /// Only headers are read: the time does not depend on the size of the weights.
  ///
  /// - Throws: where there is no model, or the file is damaged; the message says what was found.
  public static func open(_ path: String) throws(CheckpointError) -> Checkpoint {
    if path == "-" {
      throw CheckpointError(
        file: path, "standard input cannot be opened: weights are read out of order; write the model to a file first")
    }
    switch fileKind(path) {
    case .missing(let reason):
      let matches = files(matching: path)
      if !matches.isEmpty { return try open(matches) }
      throw CheckpointError(file: path, "cannot open: \(reason)")
    case .folder: return try ModelFolder.open(path)
    case .file, .special:
      // One part of several stands for the whole, or says which are missing.
      if let parts = try parts(of: path) { return try open(parts) }
      // A file of a Hugging Face folder: what its config says of packed and tied weights holds for it too.
      return try open(file: path, try? ModelConfig("\(folder(of: path))/config.json"))
    }
  }

  /// Opens a file, or the files that it names; `config` is that of its folder.
  static func open(file path: String, _ config: ModelConfig?) throws(CheckpointError) -> Checkpoint {
    try open(try MappedFile(path), config)
  }

  /// The same of bytes in memory, and of a config's.
  package static func open(_ file: MappedFile, config: MappedFile?) throws(CheckpointError) -> Checkpoint {
    guard let config else { return try open(file, nil as ModelConfig?) }
    return try open(file, try ModelConfig(config))
  }

  private static func open(_ file: MappedFile, _ config: ModelConfig?) throws(CheckpointError) -> Checkpoint {
    let head = try file.copy(offset: 0, count: min(headSize, file.size))
    for format in formats where format.recognises(head, of: file) {
      return try format.read(file).bounded().understood(config)
    }
    throw CheckpointError(file: file.path, unknown(head))
  }

  /// More numbers than any model has: below it no sum over tensors of bytes, bits or products with small numbers can
  /// overflow. A view may repeat its numbers without end, and a sparse file claim any length.
  static let mostNumbers = 1 << 50

  /// - Throws: where the tensors claim more than `mostNumbers`.
  private consuming func bounded() throws(CheckpointError) -> Checkpoint {
    var room = Self.mostNumbers
    for tensor in tensors {
      guard tensor.count <= room else {
        throw CheckpointError(
          file: path, tensor: tensor.name,
          "has the shape \(tensor.shape): with it the file claims more than \(Self.mostNumbers) numbers")
      }
      room -= tensor.count
    }
    return self
  }

  /// Why a file that no format recognises is none, as far as its first bytes tell.
  private static func unknown(_ head: [UInt8]) -> String {
    let formats = "Lathe opens safetensors, GGUF, ONNX, PyTorch, .npy and .npz"
    func starts(_ text: String) -> Bool { head.starts(with: text.utf8) }
    if starts("version https://git-lfs.github.com/spec/") {
      return "is a git-lfs pointer, not the model itself; fetch it with `git lfs pull`"
    }
    if starts("PK") { return "is a zip archive, but neither PyTorch's nor .npz. \(formats)" }
    if starts("ggml") || starts("lmgg") || starts("tjgg") || starts("fmgg") {
      return "is a ggml file from before GGUF; convert it with llama.cpp's scripts. \(formats)"
    }
    if head.allSatisfy({ $0 >= 0x20 && $0 < 0x7F || $0 == 0x0A || $0 == 0x0D || $0 == 0x09 }) {
      return "is a text file, not a model. \(formats)"
    }
    return "is not a model that Lathe knows. \(formats)"
  }
}

extension Tensor {
  /// Product of a shape; `nil` where it overflows or an extent is negative.
  static func count(of shape: [Int]) -> Int? {
    var count = 1
    for extent in shape {
      let (product, overflow) = count.multipliedReportingOverflow(by: extent)
      guard extent >= 0, !overflow else { return nil }
      count = product
    }
    return count
  }
}

/// What every format checks of its list of tensors.
enum TensorList {
  /// Refuses a name that occurs twice: neither reading nor writing could tell the two apart.
  @discardableResult
  static func checkNames(_ tensors: [Tensor], _ file: String) throws(CheckpointError) -> TensorNames {
    let names = TensorNames(tensors)
    if let duplicate = names.duplicate {
      throw CheckpointError(file: file, tensor: tensors[duplicate].name, "occurs twice")
    }
    return names
  }

  /// Refuses tensors of file number `number` that share bytes. Costs a sort.
  static func checkOverlap(_ tensors: [Tensor], in number: Int, _ file: String) throws(CheckpointError) {
    if isInOrder(tensors, in: number) { return }
    var ranges: [(offset: Int, end: Int, index: Int)] = []
    for (index, tensor) in tensors.enumerated() {
      if case .file(number, let offset) = tensor.location, tensor.byteCount > 0 {
        ranges.append((offset, offset + tensor.byteCount, index))
      }
    }
    ranges.sort { $0.offset < $1.offset }
    for (one, next) in zip(ranges, ranges.dropFirst()) where next.offset < one.end {
      throw CheckpointError(
        file: file, tensor: tensors[next.index].name,
        "begins at byte \(next.offset), inside '\(tensors[one.index].name)', which ends at byte \(one.end)")
    }
  }

  /// Whether each tensor begins where the one before it ends or later.
  private static func isInOrder(_ tensors: [Tensor], in number: Int) -> Bool {
    var end = 0
    for tensor in tensors where tensor.byteCount > 0 {
      guard case .file(let file, let offset) = tensor.location, file == number else { continue }
      if offset < end { return false }
      end = offset + tensor.byteCount
    }
    return true
  }
}
