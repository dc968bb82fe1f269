internal import Checkpoints
internal import FileAccess
internal import Numerics

/// Samples to run a network on: for each of its inputs an array whose first axis counts the samples, and an
/// integer label a sample.
///
/// From images (see `ImageFiles`), or any file that opens as named arrays (`.npz`, `.safetensors`); arrays are called as
/// the network's inputs, and `labels` (whole numbers: classes) or `targets` (real numbers). Which axis counts the samples,
/// and which arrays are the same for all, see `Column`. Samples are read batch by batch, except from deflated archives,
/// which cannot be entered midway.
public struct Dataset: Sendable {
  public let path: String
  /// How many samples.
  public let count: Int
  /// One a sample, from 0 on; empty where the file has no `labels`, or real numbers there.
  public let labels: [Int]
  /// What outputs should be, so many numbers a sample: `targets`, or `labels` that are real numbers.
  public let targets: Targets?

  public struct Targets: Sendable, Hashable {
    public let width: Int
    public let numbers: [Float]
  }

  /// Names of the classes, where the data have some.
  public let classNames: [String]
  private let source: Source
  /// Decoded images, where they are kept.
  private var kept: KeptInputs?

  /// The samples that the network must get at once, where its inputs' shapes fix that: 1 where each sample is given whole.
  public let fixedBatch: Int?

  private enum Source: Sendable {
    case arrays(Checkpoint, [Column])
    case images(ImageFiles, ImageInput)
    case selfMade(SelfMadeInputs)
  }

  /// Of inputs that nobody gave how they were made: `self (normalisation statistics)`.
  public var selfMadeTitle: String? {
    if case .selfMade(let inputs) = source { inputs.title } else { nil }
  }

  /// Opens a file of samples for a network; of `self` and `self:FILE` samples are drawn (`SelfMadeInputs`).
  ///
  /// - Throws: where an input has no array, shapes or types do not fit, the arrays disagree about how many samples
  ///   there are, or a label is negative; the message names array and sample.
  public init(
    _ path: String, for network: Network, images: ImageOptions = ImageOptions()
  ) throws(InferenceError) {
    self.path = path
    if let file = SelfMadeInputs.file(in: path) {
      source = .selfMade(try SelfMadeInputs(from: file, for: network, images: images))
      fixedBatch = network.inputs.first?.shape?.first.flatMap(Column.fixed)
      (count, labels, classNames, targets) = (SelfMadeInputs.count, [], [], nil)
      return
    }
    if let files = try ImageFiles(path) {
      source = .images(files, try ImageInput(network, images))
      fixedBatch = network.inputs.first?.shape?.first.flatMap(Column.fixed)
      (count, labels, classNames, targets) = (files.files.count, files.labels, files.classes, nil)
      return
    }
    classNames = []
    let file = try Self.reading { () throws(CheckpointError) in try Checkpoint.open(path) }
    var columns: [Column] = []
    for input in network.inputs {
      guard let tensor = file.tensor(named: input.name) else {
        let names = file.tensors.prefix(8).map(\.name).joined(separator: ", ")
        throw InferenceError(path, "has no array '\(input.name)', the network's input; it holds \(names)")
      }
      columns.append(try Column(tensor, input, file))
    }
    count = try Column.settle(&columns, path)
    fixedBatch = columns.lazy.compactMap(\.fixedBatch).first
    source = .arrays(file, columns)
    labels = try Self.labels(file, count)
    targets = try Self.targets(file, count)
  }

  private static func labels(_ file: Checkpoint, _ count: Int) throws(InferenceError) -> [Int] {
    guard let tensor = file.tensor(named: "labels"), !tensor.type.isFloatingPoint else { return [] }
    guard tensor.count == count, tensor.shape.first == count else {
      throw InferenceError(
        file.path, "has labels of shape \(tensor.shape) for \(count) samples; one a sample expected")
    }
    try check(tensor, file)
    let labels = try reading { () throws(CheckpointError) in try file.integers(tensor).map { Int($0) } }
    if let sample = labels.firstIndex(where: { $0 < 0 }) {
      throw InferenceError(file.path, "sample \(sample) has the label \(labels[sample]); 0 or more expected")
    }
    return labels
  }

  private static func targets(_ file: Checkpoint, _ count: Int) throws(InferenceError) -> Targets? {
    guard let tensor = file.tensor(named: "targets") ?? file.tensor(named: "labels"), tensor.type.isFloatingPoint else {
      return nil
    }
    guard tensor.shape.first == count else {
      throw InferenceError(
        file.path, "has '\(tensor.name)' of shape \(tensor.shape) for \(count) samples; a row a sample expected")
    }
    try check(tensor, file)
    let numbers = try reading { () throws(CheckpointError) in try file.floats(tensor) }
    return Targets(width: tensor.count / max(1, count), numbers: numbers)
  }

  /// The same samples, whose images are decoded once as far as they take no more than so many bytes.
  public func keepingDecoded(bytes: Int) -> Dataset {
    guard case .images = source else { return self }
    var data = self
    data.kept = KeptInputs(bytes: bytes)
    return data
  }

  /// The network's inputs for some samples.
  ///
  /// - Throws: where the file was cut short since it was opened.
  /// - Precondition: the samples lie in 0..<count.
  public func batch(_ samples: Range<Int>) throws(InferenceError) -> [String: Value] {
    var batch: [String: Value] = [:]
    switch source {
    case .selfMade(let inputs): return inputs.batch(samples)
    case .images(let files, let input): return [input.name: try input.batch(files.files[samples])]
    case .arrays(let file, let columns):
      for column in columns { batch[column.name] = try column.value(samples, file) }
      return batch
    }
  }

  /// The network's inputs for some samples in any order, which may come several times.
  ///
  /// - Throws: as `batch` of a range.
  /// - Precondition: the samples lie in 0..<count, one or more; one alone where each is given whole.
  func batch(_ samples: [Int]) throws(InferenceError) -> [String: Value] {
    var batch: [String: Value] = [:]
    switch source {
    case .selfMade(let inputs):
      let parts = samples.map { inputs.batch($0..<$0 + 1) }
      for (name, first) in parts[0] {
        batch[name] = Value(
          [samples.count] + first.shape.dropFirst(), parts.flatMap { $0[name]?.asFloats ?? [] })
      }
    case .images(let files, let input):
      batch[input.name] =
        if let kept {
          try kept.batch(samples) { sample throws(InferenceError) in try input.batch(files.files[sample...sample]) }
        } else {
          try input.batch(samples.map { files.files[$0] }[...])
        }
    case .arrays(let file, let columns):
      for column in columns { batch[column.name] = try column.value(samples, file) }
    }
    return batch
  }

  /// Refuses an array that is read whole and is far larger than its file: an archive's zeros, a sparse file's hole.
  static func check(_ tensor: Tensor, _ file: Checkpoint) throws(InferenceError) {
    let room = byteAllowance(file.path, ratio: 64)
    guard tensor.count <= room / 8 else {
      throw InferenceError(
        file.path, "'\(tensor.name)' has \(tensor.count) numbers, far more than the file holds; store it without holes")
    }
  }

  static func reading<Result>(
    _ body: () throws(CheckpointError) -> Result
  ) throws(InferenceError) -> Result {
    do throws(CheckpointError) {
      return try body()
    } catch {
      throw InferenceError(error.file, error.tensor.map { "'\($0)' \(error.reason)" } ?? error.reason)
    }
  }
}
