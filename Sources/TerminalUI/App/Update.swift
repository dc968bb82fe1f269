import Workbench

extension State {
  /// What a key does: to the prompt if one is open, to the popup, to the map, or else as the command table says.
  mutating func press(_ key: Key) -> [Effect] {
    switch key {
    case .resize(let size):
      self.size = size
      return []
    case .mouse(let event): return click(event)
    // Esc and a key within an instant look like Alt and the key; nothing here is bound to Alt.
    case .alt(let character) where prompt == nil: return press(.escape) + press(.character(character))
    default: break
    }
    isNew = false
    if prompt != nil { return type(key) }
    if popup != nil {
      clearMessage()
      return browse(key)
    }
    clearMessage()
    if let effects = takePending(key) { return effects }
    let count = pending.count
    pending = PendingKeys()
    if key == .escape { return escape() }
    if map != nil, walkMap(key) { return [] }
    if isZoomed, scrollPane(key) { return [] }
    guard let command = Command.forKey(key) else {
      if case .character = key { complain("\(key.label) does nothing here; ? lists the keys") }
      return []
    }
    return perform(command, times: count)
  }

  /// Counts, and chords: their first keys wait.
  ///
  /// - Returns: `nil` for a key that means what it means.
  private mutating func takePending(_ key: Key) -> [Effect]? {
    guard case .character(let character) = key else {
      guard pending.first != nil else { return nil }
      pending = PendingKeys()
      return key == .escape ? [] : nil
    }
    if let first = pending.first {
      let count = pending.count
      pending = PendingKeys()
      guard let chord = Chord.beginning(with: first).first(where: { $0.second == character }) else {
        complain("\(first)\(character) does nothing; after \(first): " + chordHints(first))
        return []
      }
      if let count, "\(chord.command)" == "top" { return move(to: count - 1) }
      return perform(.named(chord.command), chord.argument)
    }
    if pending.take(digit: character) { return [] }
    guard !Chord.beginning(with: character).isEmpty else { return nil }
    pending.first = character
    return []
  }

  private func chordHints(_ first: Character) -> String {
    Chord.beginning(with: first).map { "\($0.second) \($0.word)" }.joined(separator: ", ")
  }

  /// Runs a command so many times; one that goes to a row goes to the one of this number.
  private mutating func perform(_ command: Command, times count: Int?) -> [Effect] {
    guard let count else { return perform(command, "") }
    if command.name == "bottom" { return move(to: count - 1) }
    if command.name == "bits" { return perform(command, "\(count)") }
    guard command.repeats else { return perform(command, "") }
    var effects: [Effect] = []
    // Nothing moves, or steps, further than there is.
    for _ in 0..<min(count, command.section == .move ? max(1, rows.count) : 64) { effects += perform(command, "") }
    return effects
  }

  private mutating func move(to row: Int) -> [Effect] {
    go(to: row)
    return []
  }

  /// Runs a command if it works here; says why it does not otherwise.
  mutating func perform(_ command: Command, _ argument: String) -> [Effect] {
    if let obstacle = command.obstacle(self) {
      complain("\(command.name): \(obstacle)")
      return []
    }
    do {
      return try command.run(&self, argument)
    } catch {
      complain("\(error)")
      return []
    }
  }

  /// Esc takes one thing back at a time: the zoom, the map, the selection, the filter, then what is running.
  private mutating func escape() -> [Effect] {
    if isZoomed {
      isZoomed = false
    } else if map != nil {
      leaveMap()
    } else if range != nil || !marked.isEmpty {
      clearSelection()
    } else if !filter.isEmpty {
      filter = Filter("")
    } else if measuring != nil || calibrating != nil || recovering != nil || exporting != nil || progress != nil {
      return [.cancel]
    }
    return []
  }

  /// Zoomed tables scroll; the other keys keep their meaning.
  private mutating func scrollPane(_ key: Key) -> Bool {
    guard pane == .errors || pane == .channels else { return false }
    switch key {
    case .pageDown: paneScroll += page
    case .pageUp: paneScroll = max(0, paneScroll - page)
    default: return false
    }
    return true
  }

  // MARK: - The prompt

  private mutating func type(_ key: Key) -> [Effect] {
    guard var prompt else { return [] }
    switch prompt.purpose {
    case .confirmQuit: return answerQuit(key)
    case .confirm(let effect): return answer(key, effect)
    case .command, .filter: break
    }
    let isCommand = prompt.isCommand
    let outcome = prompt.editor.handle(key) { before in
      LineEditor.Completion(start: 0, candidates: isCommand ? completions(of: before) : [])
    }
    switch outcome {
    case .editing:
      self.prompt = prompt
      if !prompt.isCommand { filter = Filter(prompt.editor.text) }
    case .cancelled:
      if !prompt.isCommand { filter = Filter("") }
      self.prompt = nil
    case .submitted(let text):
      self.prompt = nil
      guard prompt.isCommand else {
        filterHistory = prompt.editor.history
        if !text.isEmpty { lastFilter = filter }
        break
      }
      commandHistory = prompt.editor.history
      do {
        return try Command.run(line: text, in: &self)
      } catch {
        complain("\(error)")
      }
    case .ignored: break
    }
    return []
  }

  private mutating func answerQuit(_ key: Key) -> [Effect] {
    prompt = nil
    switch key {
    case .character("y"), .character("Y"): isDone = true
    case .character("w"), .character("W"): prompt = commandPrompt("write-quit \(recipePath)")
    default: break
    }
    return []
  }

  /// Writes over what is there if the person says so.
  private mutating func answer(_ key: Key, _ effect: Effect) -> [Effect] {
    prompt = nil
    if key == .character("y") || key == .character("Y") { return [effect] }
    quitsWhenWritten = false
    say("not written")
    return []
  }
}
