import ArgumentParser

/// Something that a shell may offer.
struct Candidate: Equatable {
  enum Kind: String {
    /// A whole word.
    case word
    /// The beginning of one: no space follows.
    case part
    /// Files that end so (all of them when `text` is empty) and folders; the shell lists them itself.
    case files
    /// Folders; the shell lists them itself.
    case folders
  }

  var kind: Kind
  var text: String
  var description = ""
  /// With files: what stands before the path in the same word, as in `--recipe=`.
  var before = ""
}

/// Tells what may come next on a command line, out of the commands' definitions.
///
/// The parser's own scripts do not know that `lathe MODEL` is `lathe open MODEL`, and bash cuts words at `=`; so the
/// shells ask the program, which answers the same to all of them.
struct Completer {
  private let root: CommandTree

  init(_ root: CommandTree = .lathe) { self.root = root }

  /// - Parameters:
  ///   - words: those before the cursor's, the program's name left out.
  ///   - current: what is typed of the word.
  func candidates(after words: [String], typing current: String) -> [Candidate] {
    let commands = root.shownCommands
    if words.first == "help" {
      return words.count == 1 ? named(commands, current) : []
    }
    guard let first = words.first else {
      let open = parameters(of: root.defaultSubcommand)
      if current.hasPrefix("-") { return options(of: open, given: [], current) }
      let help = Candidate(kind: .word, text: "help", description: "Show help of a command.")
      return named(commands, current) + ("help".hasPrefix(current) ? [help] : [])
        + positional(open, index: 0, words, current)
    }
    if let command = (root.subcommands ?? []).first(where: { $0.commandName == first }) {
      // One that this version has not says so when it runs.
      return command.shouldDisplay ? complete(command.parameters, first, Array(words.dropFirst()), current) : []
    }
    return complete(parameters(of: root.defaultSubcommand), root.defaultSubcommand ?? "", words, current)
  }

  private func named(_ commands: [CommandTree], _ current: String) -> [Candidate] {
    commands.filter { $0.commandName.hasPrefix(current) }
      .map { Candidate(kind: .word, text: $0.commandName, description: $0.abstract ?? "") }
  }

  private func parameters(of name: String?) -> [CommandTree.Parameter] {
    root.shownCommands.first { $0.commandName == name }?.parameters ?? []
  }

  private func complete(
    _ parameters: [CommandTree.Parameter], _ command: String, _ words: [String], _ current: String
  ) -> [Candidate] {
    var given: Set<String> = []
    var positionals = 0
    var isOver = false
    var valueOf: CommandTree.Parameter?
    for word in words {
      if valueOf != nil {
        valueOf = nil
      } else if isOver || !word.hasPrefix("-") || word == "-" {
        positionals += 1
      } else if word == "--" {
        isOver = true
      } else {
        let name = String(word.prefix { $0 != "=" })
        guard let parameter = parameters.first(where: { $0.words.contains(name) }) else { continue }
        if !parameter.isRepeating { given.formUnion(parameter.words) }
        if parameter.kind == .option, !word.contains("=") { valueOf = parameter }
      }
    }
    if let valueOf { return values(of: valueOf, command, words, current, before: "") }
    if !isOver, current.hasPrefix("--"), let equals = current.firstIndex(of: "=") {
      let name = String(current[..<equals])
      guard let parameter = parameters.first(where: { $0.words.contains(name) && $0.kind == .option }) else {
        return []
      }
      return values(
        of: parameter, command, words, String(current[current.index(after: equals)...]), before: name + "=")
    }
    if !isOver, current.hasPrefix("-") { return options(of: parameters, given: given, current) }
    // Once there is a model, what comes next is more often an option; a name that is begun is a file's.
    let isServed = positionals >= parameters.count { $0.kind == .positional }
    if !isOver, current.isEmpty, isServed { return options(of: parameters, given: given, current) }
    return positional(parameters, index: positionals, words, current)
  }

  private func options(of parameters: [CommandTree.Parameter], given: Set<String>, _ current: String) -> [Candidate] {
    parameters.filter { $0.kind != .positional }.flatMap { parameter in
      // A short name only where it was begun.
      parameter.words.filter { $0.hasPrefix(current) && !given.contains($0) && ($0.hasPrefix("--") || current == $0) }
        .map { Candidate(kind: .word, text: $0, description: parameter.abstract ?? "") }
    }
  }

  private func positional(
    _ parameters: [CommandTree.Parameter], index: Int, _ words: [String], _ current: String
  ) -> [Candidate] {
    let all = parameters.filter { $0.kind == .positional }
    guard let last = all.last, index < all.count || last.isRepeating else { return [] }
    return values(of: index < all.count ? all[index] : last, "", words, current, before: "")
  }

  private func values(
    of parameter: CommandTree.Parameter, _ command: String, _ words: [String], _ current: String, before: String
  ) -> [Candidate] {
    guard let kind = parameter.completionKind else { return [] }
    if let file = kind.file {
      return [Candidate(kind: .files, text: file.extensions.joined(separator: " "), before: before)]
    }
    if kind.directory != nil { return [Candidate(kind: .folders, text: "", before: before)] }
    var found = kind.list?.values ?? []
    if kind.custom != nil, let name = parameter.preferredWord {
      found = custom(name, command, words + [current])
    }
    // A target may also be a sheet.
    let sheets =
      found == ValueCompletion.targets ? [Candidate(kind: .files, text: "target", before: before)] : []
    return sheets
      + found.filter { $0.hasPrefix(current) }.map { text in
        let isPart = text.hasSuffix("=") || text.hasSuffix(",")
        return Candidate(kind: isPart ? .part : .word, text: before + text)
      }
  }

  /// What an option's own closure offers, asked for as the parser's scripts do.
  private func custom(_ option: String, _ command: String, _ words: [String]) -> [String] {
    let line = ["lathe"] + words
    let call = ["---completion", command, "--", option, "\(line.count - 1)", "\(words.last?.count ?? 0)"] + line
    do {
      _ = try LatheCommand.parseAsRoot(call)
      return []
    } catch {
      guard LatheCommand.exitCode(for: error).isSuccess else { return [] }
      return LatheCommand.fullMessage(for: error).split(separator: "\n").map(String.init)
    }
  }
}
