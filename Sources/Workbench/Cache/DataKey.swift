import Compression
import FileAccess
import Inference

extension MeasurementRequest {
  /// What stands for the data as they are now, and for how they go through a model; `nil` for data that cannot be told
  /// from others without reading them: a pipe, a folder in which nothing is found.
  ///
  /// - Parameter data: where they are; of the request, where they were found first.
  func key(data: String) -> Digest? {
    var digester = Digester()
    guard digester.add(dataAt: data) else { return nil }
    digester.add(settings)
    if let activations {
      digester.add("\(activations.bits) \(activations.percentile)")
      guard digester.add(dataAt: activations.calibration) else { return nil }
    }
    return digester.finish()
  }

  /// All that is asked for beside the data, in words.
  private var settings: String {
    func word<Value>(_ value: Value?) -> String { value.map { "\($0)" } ?? "-" }
    let size = images.size.map { "\($0.width)x\($0.height)" }
    return [
      "context \(word(context))", "size \(word(size))", "crop \(word(images.crop))", "mean \(images.mean)",
      "deviation \(images.deviation)", "scale \(images.scale)", "blue \(images.isBlueFirst)",
      "channels \(word(images.isChannelsFirst))", "batch \(word(options.batch))", "output \(word(options.output))",
    ].joined(separator: "\n")
  }
}

extension Digester {
  /// Pages of one file that are looked at where data are many files.
  private static let pagesOfMany = 2
  /// Files of which pages are looked at: of more, size and time must do.
  private static let mostSampled = 256

  /// Adds what tells data from others: of each file its size, its time and some pages.
  ///
  /// - Returns: `false` where that cannot be found out.
  fileprivate mutating func add(dataAt path: String) -> Bool {
    // What a model makes itself is the model's.
    if path == ScoredText.selfMadePath {
      add(path)
      return true
    }
    // What is drawn like samples is the samples'.
    let drawn = ScoredText.selfMadePath + ":"
    if path.hasPrefix(drawn) {
      add(drawn)
      return add(dataAt: String(path.dropFirst(drawn.count)))
    }
    guard let files = try? DataFiles.all(of: path) else { return false }
    add(files.count)
    var isFirst = true
    for (index, file) in files.enumerated() {
      // A folder's own time changes with every file that comes and goes.
      guard let status = fileStatus(file) else { return false }
      if status.isFolder {
        guard isFirst, files.count > 1 else { return false }
      } else {
        if !isFirst { add(lastPart(file)) }
        add(status.size)
        add(status.writtenAt)
        if index < Self.mostSampled {
          guard let sample = FileSample(path: file, most: files.count == 1 ? 16 : Self.pagesOfMany) else {
            return false
          }
          add(sample.pages)
        }
      }
      isFirst = false
    }
    return true
  }

  private func lastPart(_ path: String) -> String { path.split(separator: "/").last.map(String.init) ?? path }
}
