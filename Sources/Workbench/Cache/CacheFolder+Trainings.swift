import FileAccess

/// States of trainings that were called off, to be gone on from: `trainings/training-KEY.state` and the like.
extension CacheFolder {
  private static let mostStates = 64
  private static let beginning = "training-"

  private var trainings: String { path + "/trainings" }

  /// The folder for them, made where there is none; states beyond the limit, or beyond 64, are taken away, those that were
  /// written longest ago first.
  ///
  /// - Returns: `nil` where it cannot be made.
  public func trainingFolder() -> String? {
    guard makeFolder(path), makeFolder(trainings) else { return nil }
    let (limit, all) = (limit, states)
    var bytes = 0
    for (number, state) in all.enumerated() {
      bytes += state.bytes
      if bytes > limit || number >= Self.mostStates { removeEntry(state.path) }
    }
    return trainings
  }

  /// Takes all away.
  func clearTrainings() { for state in states { removeEntry(state.path) } }

  /// Those that are there, the latest first.
  private var states: [(path: String, bytes: Int)] {
    let names = (folderNames(trainings) ?? []).filter { $0.hasPrefix(Self.beginning) }
    let all = names.compactMap { name -> (path: String, bytes: Int, writtenAt: Int)? in
      let path = "\(trainings)/\(name)"
      guard let status = fileStatus(path), !status.isFolder else { return nil }
      return (path, fileSize(path) ?? 0, status.writtenAt)
    }
    return all.sorted { ($0.writtenAt, $0.path) > ($1.writtenAt, $1.path) }.map { ($0.path, $0.bytes) }
  }
}
