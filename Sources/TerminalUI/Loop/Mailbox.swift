import Synchronization

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Where background work leaves what it found, for the one thread that draws. Posting wakes that
/// thread from `poll(2)`: a byte goes into a pipe when the box was empty, and only then.
final class Mailbox<Message: Sendable>: Sendable {
  private let messages = Mutex<[Message]>([])
  private let readEnd: CInt
  private let writeEnd: CInt

  init() {
    var ends: [CInt] = [-1, -1]
    precondition(pipe(&ends) == 0, "no file descriptors left for a pipe")
    (readEnd, writeEnd) = (ends[0], ends[1])
    for end in ends {
      _ = fcntl(end, F_SETFL, O_NONBLOCK)
      _ = fcntl(end, F_SETFD, FD_CLOEXEC)
    }
  }

  deinit {
    close(readEnd)
    close(writeEnd)
  }

  /// Leaves a message; from any thread, never blocks on the reader.
  func post(_ message: Message) {
    let wasEmpty = messages.withLock { box in
      box.append(message)
      return box.count == 1
    }
    guard wasEmpty else { return }
    var byte: UInt8 = 1
    while write(writeEnd, &byte, 1) < 0, errno == EINTR {}
  }

  /// The descriptor to poll: readable while messages wait.
  var descriptor: CInt { readEnd }

  /// All messages that wait, in the order in which they were posted.
  func take() -> [Message] {
    // The pipe first: a message posted after it was emptied writes again, so none is slept through.
    var buffer: (UInt64, UInt64) = (0, 0)
    while read(readEnd, &buffer, 16) > 0 {}
    return messages.withLock { box in
      let taken = box
      box = []
      return taken
    }
  }

  /// Blocks until there is a message or the time is up.
  ///
  /// - Returns: what waits; empty when the time is up.
  func wait(upTo limit: Duration?) -> [Message] {
    let deadline = limit.map { ContinuousClock.now + $0 }
    while true {
      let waiting = take()
      if !waiting.isEmpty { return waiting }
      var timeout: CInt = -1
      if let deadline {
        let left = ContinuousClock.now.duration(to: deadline)
        guard left > .zero else { return [] }
        timeout = left.pollMilliseconds
      }
      var poll = [pollfd(fd: readEnd, events: Int16(POLLIN), revents: 0)]
      _ = Self.wait(&poll, timeout)
    }
  }

  private static func wait(_ descriptors: inout [pollfd], _ timeout: CInt) -> CInt {
    poll(&descriptors, nfds_t(descriptors.count), timeout)
  }
}

extension Duration {
  /// For `poll(2)`, rounded up so that it never wakes just before the deadline.
  var pollMilliseconds: CInt {
    let (seconds, attoseconds) = components
    guard seconds < 1_000_000 else { return 1_000_000_000 }
    let milliseconds = seconds * 1000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000
    return CInt(max(0, milliseconds))
  }
}
