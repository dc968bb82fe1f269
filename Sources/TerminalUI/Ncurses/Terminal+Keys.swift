import CNcurses

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

extension Terminal {
  /// All keys that are there already, at most some hundreds so that a held key cannot starve the
  /// screen. Never waits, but for the 25 ms that tell Esc from the start of a sequence.
  func readKeys() -> [Key] {
    var found: [Key] = []
    while found.count < 256 {
      let input = readOne()
      guard input.kind != LATHE_INPUT_NONE else { break }
      if input.kind == LATHE_INPUT_KEY, input.code == LATHE_KEY_RESIZE {
        // A drag of the window's corner sends many; the last one tells.
        found.removeAll { if case .resize = $0 { true } else { false } }
        repaint()
        found.append(.resize(size))
      } else if input.kind == LATHE_INPUT_KEY, input.code == LATHE_KEY_MOUSE {
        found += mouseEvents().map(Key.mouse)
      } else if input.kind == LATHE_INPUT_KEY {
        if let key = special(input.code) { found.append(key) }
      } else if let key = scalar(input.code) {
        found.append(key)
      }
    }
    return found
  }

  private func special(_ code: Int) -> Key? {
    switch code {
    case LATHE_KEY_UP: .up
    case LATHE_KEY_DOWN: .down
    case LATHE_KEY_LEFT: .left
    case LATHE_KEY_RIGHT: .right
    case LATHE_KEY_SHIFT_UP: .shiftUp
    case LATHE_KEY_SHIFT_DOWN: .shiftDown
    case LATHE_KEY_SHIFT_LEFT: .shiftLeft
    case LATHE_KEY_SHIFT_RIGHT: .shiftRight
    case LATHE_KEY_HOME: .home
    case LATHE_KEY_END: .end
    case LATHE_KEY_PAGE_UP: .pageUp
    case LATHE_KEY_PAGE_DOWN: .pageDown
    case LATHE_KEY_BACKSPACE: .backspace
    case LATHE_KEY_DELETE: .delete
    case LATHE_KEY_ENTER: .enter
    case LATHE_KEY_BACK_TAB: .backTab
    default: nil
    }
  }

  private func scalar(_ code: Int) -> Key? {
    switch code {
    case 0x1B: afterEscape()
    case 0x0D, 0x0A: .enter
    case 0x09: .tab
    case 0x08, 0x7F: .backspace
    case 0: .control(" ")
    case 1...31: .control(Character(Unicode.Scalar(UInt8(code < 27 ? code + 0x60 : code + 0x40))))
    default: UInt32(exactly: code).flatMap(Unicode.Scalar.init).map { .character(Character($0)) }
    }
  }

  /// Esc alone; or, when more is there at the same instant, a sequence that the terminal's
  /// description does not have, or Alt with a key.
  private func afterEscape() -> Key? {
    let next = readOne()
    switch (next.kind, next.code) {
    case (LATHE_INPUT_NONE, _): return .escape
    case (LATHE_INPUT_KEY, let code): return special(code)
    case (_, 0x1B): return .escape
    case (_, 0x5D) where asked != nil: return takeLateAnswer() ? .resize(size) : nil
    case (_, 0x5B), (_, 0x4F):
      guard let sequence = readSequence() else {
        return Unicode.Scalar(UInt32(next.code)).map { .alt(Character($0)) }
      }
      if sequence.hasPrefix("<") { return mouse(sequence) }
      return sequence == "200~" ? paste() : ControlSequence.key(sequence)
    case (_, let code):
      if case .character(let character)? = scalar(code) { return .alt(character) }
      return code == 0x7F ? .alt("\u{7F}") : .escape
    }
  }

  /// The rest of a control sequence, to its final letter; nil when nothing follows.
  private func readSequence() -> String? {
    var text = ""
    while text.utf8.count < 32 {
      let next = readOne()
      if next.kind == LATHE_INPUT_NONE, !text.isEmpty {
        // A report may come in two pieces.
        var descriptor = pollfd(fd: input, events: Int16(POLLIN), revents: 0)
        guard poll(&descriptor, 1, 25) > 0, lathe_waiting(input) > 0 else { break }
        continue
      }
      guard next.kind == LATHE_INPUT_SCALAR, let scalar = Unicode.Scalar(UInt32(next.code)) else { break }
      text.unicodeScalars.append(scalar)
      if (0x40...0x7E).contains(next.code) { break }
    }
    return text.isEmpty ? nil : text
  }

  /// What was pasted, to the terminal's closing mark; whatever has come when a second passes
  /// without more.
  private func paste() -> Key {
    var scalars = String.UnicodeScalarView()
    let most = 1 << 20
    while true {
      let next = readOne()
      if next.kind == LATHE_INPUT_NONE {
        var descriptor = pollfd(fd: input, events: Int16(POLLIN), revents: 0)
        guard poll(&descriptor, 1, 1000) > 0, lathe_waiting(input) > 0 else { break }
        continue
      }
      guard next.kind == LATHE_INPUT_SCALAR, let scalar = Unicode.Scalar(UInt32(next.code)) else { continue }
      if scalar == "\u{1B}" {
        let bracket = readOne()
        guard bracket.code == 0x5B else { continue }
        if readSequence() == "201~" { break }
      } else if scalars.count < most {
        scalars.append(scalar == "\r" ? "\n" : scalar)
      }
    }
    return .paste(String(scalars))
  }

  /// What the mouse did, of a report such as `<0;12;5M` (XTerm Control Sequences, SGR 1006): button and modifiers, column
  /// and row from 1, `M` for a press and `m` for a release.
  private func mouse(_ sequence: String) -> Key? {
    let numbers = sequence.dropFirst().dropLast().split(separator: ";", omittingEmptySubsequences: false).map {
      Int($0)
    }
    guard isMouseOn, let final = sequence.last, final == "M" || final == "m", numbers.count == 3,
      let code = numbers[0], let column = numbers[1], let row = numbers[2], (0..<256).contains(code),
      (1...1 << 15).contains(column), (1...1 << 15).contains(row)
    else { return nil }
    var report = lathe_mouse()
    (report.x, report.y, report.shift) = (CInt(column - 1), CInt(row - 1), code & 4 != 0)
    switch (code & 0x40 != 0, code & 3) {
    case (true, 0): report.button = 4
    case (true, 1): report.button = 5
    case (false, 0...2): report.button = CInt((code & 3) + 1)
    default: return nil
    }
    // Its way while a button is held.
    report.drag = code & 0x60 == 0x20
    guard code & 0x20 == 0 || report.drag else { return nil }
    (report.press, report.release) = (final == "M" && !report.drag, final == "m" && !report.drag)
    // A wheel has no release.
    guard report.press || report.drag || report.button < 4 else { return nil }
    return .mouse(event(report))
  }

  /// What the mouse did, as curses reports it of terminals with older reports. A press and its release that arrive
  /// together are one key to curses, and it hands out the last of them first.
  private func mouseEvents() -> [MouseEvent] {
    var reports: [lathe_mouse] = []
    var report = lathe_mouse()
    while reports.count < 16, lathe_mouse_read(&report) { reports.append(report) }
    return reports.reversed().compactMap { $0.button == 0 ? nil : event($0) }
  }

  private func event(_ report: lathe_mouse) -> MouseEvent {
    let point = Point(x: Int(report.x), y: Int(report.y))
    if report.button >= 4 {
      return MouseEvent(
        report.button == 4 ? .scrollUp : .scrollDown, at: point, button: 0, shift: report.shift)
    }
    if report.drag { return MouseEvent(.drag, at: point, button: Int(report.button), shift: report.shift) }
    var event = MouseEvent(
      report.press ? .press : .release, at: point, button: Int(report.button), shift: report.shift)
    guard report.press else { return event }
    let now = ContinuousClock.now
    if let last = lastPress, last.event == event, last.time.duration(to: now) < .milliseconds(400) {
      event.kind = .doublePress
      lastPress = nil
    } else {
      lastPress = (event, now)
    }
    return event
  }
}
