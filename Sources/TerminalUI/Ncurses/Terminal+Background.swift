import CNcurses

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

extension Terminal {
  /// How long the first frame waits at most for what the background is: no longer than a frame takes on most screens. An
  /// answer from far away comes later and then changes the theme.
  private static let patience = Duration.milliseconds(15)
  /// How long the rest of an answer that has begun is waited for, or the whole of it before the terminal is given back.
  private static let patienceForRest = Duration.milliseconds(50)

  /// Asks what the background is; `takeAnswer()` takes what comes.
  func askForBackground() {
    query = BackgroundQuery()
    asked = .now
    send(BackgroundQuery.request)
  }

  /// Waits for the answer as long as a person does not notice, and takes the theme from it. What was typed meanwhile is kept
  /// for `readKeys()`. An answer that comes later is taken when it comes.
  func takeAnswer() {
    guard var query, let asked else { return }
    self.query = nil
    let deadline = asked + Self.patience
    var buffer = [UInt8](repeating: 0, count: 1024)
    while !query.isAnswered {
      // Half an answer is waited for once more.
      let left = ContinuousClock.now.duration(to: query.isWithin ? deadline + Self.patienceForRest : deadline)
      var descriptor = pollfd(fd: input, events: Int16(POLLIN), revents: 0)
      guard left > .zero, poll(&descriptor, 1, left.pollMilliseconds) > 0 else { break }
      let count = read(input, &buffer, buffer.count)
      guard count > 0 else { break }
      query.take(buffer[..<count])
    }
    query.finish()
    typedAhead += query.typed
    if query.isAnswered { self.asked = nil }
    if let backdrop = query.backdrop { take(backdrop) }
  }

  /// Whether an answer may still come: a terminal that has not answered within a second will not.
  var isAnswerDue: Bool { asked.map { $0.duration(to: .now) < .seconds(1) } ?? false }

  /// The rest of an answer after `ESC ]`, which came after the first frame.
  ///
  /// - Returns: whether the theme is another now.
  func takeLateAnswer() -> Bool {
    var bytes = Array("\u{1B}]".utf8)
    var late = BackgroundQuery()
    while bytes.count < 64, bytes.last != 0x07, bytes.suffix(2) != [0x1B, UInt8(ascii: "\\")] {
      let next = readOne()
      if next.kind == LATHE_INPUT_NONE {
        var descriptor = pollfd(fd: input, events: Int16(POLLIN), revents: 0)
        guard poll(&descriptor, 1, 25) > 0, lathe_waiting(input) > 0 else { break }
        continue
      }
      guard next.kind == LATHE_INPUT_SCALAR, let byte = UInt8(exactly: next.code) else { break }
      bytes.append(byte)
    }
    late.take(bytes)
    guard let backdrop = late.backdrop, backdrop != theme.backdrop else { return false }
    take(backdrop)
    return true
  }

  /// Before the terminal is given back: an answer that is on its way is not for the shell.
  func dropAnswer() {
    guard isAnswerDue else { return }
    asked = nil
    var query = self.query ?? BackgroundQuery()
    self.query = nil
    let deadline = ContinuousClock.now + Self.patienceForRest
    var buffer = [UInt8](repeating: 0, count: 1024)
    while !query.isAnswered {
      let left = ContinuousClock.now.duration(to: deadline)
      var descriptor = pollfd(fd: input, events: Int16(POLLIN), revents: 0)
      guard left > .zero, poll(&descriptor, 1, left.pollMilliseconds) > 0 else { return }
      let count = read(input, &buffer, buffer.count)
      guard count > 0 else { return }
      query.take(buffer[..<count])
    }
  }

  private func take(_ backdrop: Backdrop) {
    guard backdrop != theme.backdrop else { return }
    theme = Theme(tier: theme.tier, backdrop: backdrop)
    appearances = [:]
    shown = nil
  }

  /// The next event: first what was typed before the screen was up, then what comes.
  func readOne() -> lathe_input {
    guard let first = typedAhead.first else { return lathe_read(keys) }
    // A character that is not whole is no key.
    let length = first < 0x80 ? 1 : first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2
    let character = typedAhead.prefix(length)
    typedAhead.removeFirst(character.count)
    let scalar = String(validating: character, as: UTF8.self)?.unicodeScalars.first
    return lathe_input(kind: Int(LATHE_INPUT_SCALAR), code: scalar.map { Int($0.value) } ?? 0xFFFD)
  }
}
