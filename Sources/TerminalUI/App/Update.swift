import Workbench

extension State {
  /// What a key does: to the prompt if one is open, to the popup, or else as the command table says.
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
    if prompt != nil { return type(key) }
    if popup != nil { return browse(key) }
    clearMessage()
    if key == .escape { return escape() }
    if isZoomed, scrollPane(key) { return [] }
    guard let command = Command.forKey(key) else {
      if case .character = key { complain("\(key.label) does nothing here; ? lists the keys") }
      return []
    }
    return perform(command, "")
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

  /// Esc takes one thing back at a time: the zoom, the selection, the filter, then what is running.
  private mutating func escape() -> [Effect] {
    if measuring != nil || calibrating != nil || exporting != nil { return [.cancel] }
    if isZoomed {
      isZoomed = false
    } else if range != nil || !marked.isEmpty {
      clearSelection()
    } else if !filter.isEmpty {
      filter = Filter("")
    } else if progress != nil {
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
    if prompt.purpose == .confirmQuit { return answerQuit(key) }
    let outcome = prompt.editor.handle(key) { before in
      LineEditor.Completion(start: 0, candidates: prompt.purpose == .command ? completions(of: before) : [])
    }
    switch outcome {
    case .editing:
      self.prompt = prompt
      if prompt.purpose == .filter { filter = Filter(prompt.editor.text) }
    case .cancelled:
      if prompt.purpose == .filter { filter = Filter("") }
      self.prompt = nil
    case .submitted(let text):
      self.prompt = nil
      guard prompt.purpose == .command else { break }
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
    switch key {
    case .character("y"), .character("Y"): isDone = true
    case .character("w"), .character("W"):
      prompt = commandPrompt("export lathe \(recipePath)")
      return []
    default: break
    }
    prompt = nil
    return []
  }

  // MARK: - The mouse

  private mutating func click(_ event: MouseEvent) -> [Effect] {
    guard prompt == nil, popup == nil else {
      // A click beside it is Esc.
      return event.kind == .press && prompt == nil ? browse(.escape) : []
    }
    let layout = Layout(state: self)
    switch event.kind {
    case .scrollDown: return move(3)
    case .scrollUp: return move(-3)
    case .press, .doublePress:
      if layout.list.contains(event.point), !layout.list.isEmpty {
        let index = scroll + event.point.y - layout.list.minY
        guard rows.indices.contains(index) else { return [] }
        if event.shift { beginRange() } else if range != nil { clearSelection() }
        go(to: index)
        if event.kind == .doublePress { return perform(.named("zoom"), "") }
        if case .block(_, let isFolded, _) = rows[index], event.point.x <= layout.list.minX + 2 {
          return fold(!isFolded)
        }
      } else if let pane = layout.panes.first(where: { $0.value.contains(event.point) })?.key {
        self.pane = pane
        if event.kind == .doublePress { isZoomed.toggle() }
      }
    case .release: break
    }
    return []
  }
}
