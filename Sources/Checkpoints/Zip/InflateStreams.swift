internal import FileAccess
import Synchronization

/// The inflating streams of a checkpoint's deflated tensors, kept between reads: a tensor that is read piece after
/// piece is inflated once, not from its beginning for every piece.
final class InflateStreams: Sendable {
  /// Safe: a stream is in the list or with one borrower, never with two.
  private struct Idle: @unchecked Sendable {
    let stream: InflateStream
    let location: Tensor.Location
    /// Where the next reader is expected to begin.
    let position: Int
  }

  /// Each holds a window of 32 KiB, or a whole tensor that does not lie in C order.
  private static let maximumIdle = 4
  private let idle = Mutex<[Idle]>([])

  /// A stream on loan: it goes back when the last reference to this goes.
  final class Loan {
    let stream: InflateStream
    private let location: Tensor.Location
    private let owner: InflateStreams

    fileprivate init(_ stream: InflateStream, _ location: Tensor.Location, _ owner: InflateStreams) {
      self.stream = stream
      self.location = location
      self.owner = owner
    }

    deinit { owner.take(back: Idle(stream: stream, location: location, position: stream.position)) }
  }

  /// Lends the stream of a deflated location, of those that are idle the one that stands nearest before `position`
  /// (a byte of what comes out); `nil` for other locations.
  func lend(_ location: Tensor.Location, of files: [MappedFile], at position: Int) -> Loan? {
    guard case .deflated(let file, let offset, let length, let skip) = location else { return nil }
    let found: Idle? = idle.withLock { list in
      let fit = list.indices.filter { list[$0].location == location }
      let before = fit.filter { list[$0].position <= position }.max { list[$0].position < list[$1].position }
      return (before ?? fit.first).map { list.remove(at: $0) }
    }
    let stream = found?.stream ?? InflateStream(files[file], offset: offset, length: length, skip: skip)
    return Loan(stream, location, self)
  }

  private func take(back stream: Idle) {
    idle.withLock { list in
      list.append(stream)
      if list.count > Self.maximumIdle { list.removeFirst() }
    }
  }
}
