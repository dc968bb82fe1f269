import CNcurses

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

extension Terminal {
  /// What woke the loop.
  struct Events {
    var isHangup = false
  }

  /// A signal that the loop has to act on.
  enum Signal {
    case none
    case end(Int32)
    case suspend
    case continued
  }

  /// Sleeps until a key, a message or a signal comes, or the time is up.
  func wait(for mailbox: CInt, upTo limit: Duration?) -> Events {
    var descriptors = [
      pollfd(fd: input, events: Int16(POLLIN), revents: 0),
      pollfd(fd: mailbox, events: Int16(POLLIN), revents: 0),
      pollfd(fd: lathe_signals_fd(), events: Int16(POLLIN), revents: 0),
    ]
    let count = poll(&descriptors, nfds_t(descriptors.count), typedAhead.isEmpty ? limit?.pollMilliseconds ?? -1 : 0)
    guard count > 0 else { return Events() }
    let keyboard = CInt(descriptors[0].revents)
    if keyboard & CInt(POLLHUP | POLLERR | POLLNVAL) != 0 { return Events(isHangup: true) }
    // A terminal that vanished can read as empty for ever.
    emptyReads = keyboard & CInt(POLLIN) != 0 && lathe_waiting(input) == 0 ? emptyReads + 1 : 0
    return Events(isHangup: emptyReads >= 3)
  }

  /// The most urgent of the signals noted; the others wait for the next call.
  func takeSignals() -> Signal {
    waitingSignals |= lathe_signals_take()
    guard waitingSignals != 0 else { return .none }
    for number in [SIGHUP, SIGTERM, SIGINT, SIGQUIT] where waitingSignals & 1 << UInt64(number) != 0 {
      return .end(number)
    }
    let stops = waitingSignals & 1 << UInt64(SIGTSTP) != 0
    waitingSignals = 0
    return stops ? .suspend : .continued
  }

  /// Comes back after a stop that the program could not see coming.
  func resume() {
    leave()
    reenter()
  }
}
