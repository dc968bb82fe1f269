internal import FileAccess

/// A GGUF model in several files, as llama.cpp's gguf-split writes them (llama.cpp, `llama_split_path`):
///
///     NAME-00001-of-00003.gguf …   split.no (from 0), split.count, split.tensors.count
///
/// The first file has the model's metadata. Any of the files opens the whole model.
struct GGUFSplit {
  private let number: Int
  private let count: Int
  /// Tensors in all files together, where the file says.
  private let tensorCount: Int?
  private static let maximumCount = 99_999

  /// `nil` where the file is a model by itself.
  init?(_ part: GGUF.Part, _ file: MappedFile) throws(CheckpointError) {
    guard let count = part.number("split.count"), count > 1 else { return nil }
    guard let number = part.number("split.no"), number >= 0, number < count, count <= Self.maximumCount else {
      throw CheckpointError(
        file: file.path,
        "is a part of a split model, number \(part.number("split.no").map(String.init) ?? "(missing)") of \(count), counted from 0"
      )
    }
    (self.number, self.count, tensorCount) = (number, count, part.number("split.tensors.count"))
  }

  /// All parts as one; `part` is that of `file`.
  func joined(_ part: GGUF.Part, _ file: MappedFile) throws(CheckpointError) -> (GGUF.Part, [MappedFile]) {
    let ending = Self.ending(number, count)
    guard file.path.hasSuffix(ending) else {
      throw CheckpointError(
        file: file.path,
        "is part \(number + 1) of \(count) of a split model; its name must end in \(ending) for the others to be found"
      )
    }
    let prefix = file.path.dropLast(ending.count)
    var (whole, files): (GGUF.Part?, [MappedFile]) = (nil, [])
    for index in 0..<count {
      // Numbers of files in locations are those of the list, so the part that came first is read again.
      let shard = try index == number ? file : MappedFile(prefix + Self.ending(index, count))
      let part = try GGUF.Part(shard, number: index)
      guard part.number("split.no") == index, part.number("split.count") == count else {
        throw CheckpointError(
          file: shard.path, "is not part \(index + 1) of \(count), as its name says: split.no and split.count differ")
      }
      files.append(shard)
      if whole == nil { whole = part } else { whole?.tensors += part.tensors }
    }
    guard let whole else { return (part, [file]) }
    try TensorList.checkNames(whole.tensors, file.path)
    if let tensorCount, tensorCount != whole.tensors.count {
      throw CheckpointError(
        file: file.path,
        "belongs to a model of \(tensorCount) tensors, but its \(count) parts hold \(whole.tensors.count)")
    }
    return (whole, files)
  }

  /// The end of a part's name; `number` counts from 0.
  private static func ending(_ number: Int, _ count: Int) -> String {
    func five(_ number: Int) -> String {
      let digits = String(number)
      return String(repeating: "0", count: max(0, 5 - digits.count)) + digits
    }
    return "-\(five(number + 1))-of-\(five(count)).gguf"
  }
}
