internal import Checkpoints
internal import Numerics

/// Inputs of a network that nobody gave: drawn by what its graph tells of them (`self`), or by the statistics of a few
/// samples (`self:FILE`).
struct SelfMadeInputs: Sendable {
  private let kind: Kind

  private enum Kind: Sendable {
    case images(InputStatistics, ImageInput)
    case samples(SampleStatistics, file: String)
  }

  /// So many may be drawn: eight times what each layer is measured on.
  static let count = 2048
  /// As in `ImageOptions`.
  private static let longestSide = 8192

  /// The file of samples in `self:FILE`; `""` for `self`, `nil` for other data.
  static func file(in path: String) -> String? {
    if path == ScoredText.selfMadePath { return "" }
    let start = ScoredText.selfMadePath + ":"
    return path.hasPrefix(start) ? String(path.dropFirst(start.count)) : nil
  }

  /// - Throws: for a network that takes whole numbers, or without a file something else than images of one or three
  ///   channels.
  init(from file: String, for network: Network, images: ImageOptions) throws(InferenceError) {
    guard file.isEmpty else {
      let data = try Dataset(file, for: network, images: images)
      kind = .samples(try SampleStatistics(data, of: network), file: file)
      return
    }
    let path = network.checkpoint.path
    if let input = network.inputs.first(where: { $0.type.map { !$0.isFloatingPoint } ?? false }) {
      throw InferenceError(
        path, "takes whole numbers ('\(input.name)'), which are not drawn: give data, or images in real numbers")
    }
    let input: ImageInput
    do throws(InferenceError) {
      input = try ImageInput(network, images)
    } catch {
      throw InferenceError(path, "\(error.reason); other inputs are drawn like samples of yours: --data self:FILE")
    }
    let sides = 1...Self.longestSide
    guard sides.contains(input.width), sides.contains(input.height) else {
      throw InferenceError(
        path, "takes images of \(input.width)x\(input.height); up to \(Self.longestSide) a side are drawn")
    }
    kind = .images(try InputStatistics(network.checkpoint, input), input)
  }

  /// Where they come from: `self (normalisation statistics)`.
  var title: String {
    switch kind {
    case .images(let statistics, _): "\(ScoredText.selfMadePath) (\(statistics.source.rawValue))"
    case .samples(_, let file):
      "\(ScoredText.selfMadePath) (statistics of \(file.split(separator: "/").last.map(String.init) ?? file))"
    }
  }

  func batch(_ samples: Range<Int>) -> [String: Value] {
    var values: [Float] = []
    switch kind {
    case .images(let statistics, let input):
      for index in samples {
        values += input.ordered(statistics.image(index, width: input.width, height: input.height))
      }
      return [input.name: Value([samples.count] + input.sampleShape, values)]
    case .samples(let statistics, _):
      for index in samples { values += statistics.sample(index) }
      return [statistics.name: Value([samples.count] + statistics.shape, values)]
    }
  }
}

extension Network {
  /// Its inputs' names.
  var inputsInWords: String { inputs.map(\.name).joined(separator: ", ") }
}
