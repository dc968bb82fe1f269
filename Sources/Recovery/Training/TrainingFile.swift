import Compression
import FileAccess
import Inference

/// A training's state in a file.
extension TrainingProgress {
  /// - Throws: where it cannot be written; what was there is whole then.
  func save(to path: String, of name: String) throws(RecoveryError) {
    do throws(FileError) {
      try AtomicFile.write(bytes(of: name), to: path)
    } catch { throw RecoveryError(error.description) }
  }

  /// Takes the state of a file.
  ///
  /// - Returns: `false` where there is none.
  /// - Throws: where it is no training's, or another's.
  mutating func resume(from path: String, of name: String) throws(RecoveryError) -> Bool {
    guard AtomicFile.isSame(path, path) else { return false }
    do {
      let file = try MappedFile(path)
      let bytes = try file.copy(offset: 0, count: file.size)
      try restore(bytes, of: name)
    } catch let error as FileError {
      throw RecoveryError(error.description)
    } catch let error as RecoveryError {
      throw RecoveryError("\(printable(path)): \(error.description)")
    } catch { throw RecoveryError("\(printable(path)): \(error)") }
    return true
  }

  /// What tells one training from another: how it goes, what it begins with.
  func name(_ options: TrainingOptions, _ samples: TrainingSamples) -> String {
    var digest = Digest.zero
    for (layer, weight) in weights.sorted(by: { $0.key < $1.key }) {
      let words = Array("\(layer) \(type(of: weight)) \(weight.rows) \(weight.columns)".utf8)
      digest = words.withUnsafeBytes { Digest(ofMany: $0, after: digest) }
      digest = weight.values.withUnsafeBytes { Digest(ofMany: $0, after: digest) }
    }
    let loss = options.loss
    return
      "\(options.steps) steps of \(samples.batch) of \(samples.learnt.count) samples, seed \(samples.seed), rate \(options.rate), T \(loss.temperature), alpha \(loss.alpha)\(loss.usesLabels ? "" : ", no labels"), \(options.checks) checks, saved every \(options.checkpointEvery), \(weights.count) layers (\(digest.hexadecimal.prefix(16)))"
  }
}
