import ArgumentParser

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// A command as its definition describes it: what the parser writes with `--experimental-dump-help`, read back.
///
/// The manual page and completion are made of it, so that both know every option that the parser knows.
struct CommandTree: Decodable {
  var commandName: String
  var abstract: String?
  var shouldDisplay: Bool
  var defaultSubcommand: String?
  var subcommands: [CommandTree]?
  var arguments: [Parameter]?

  /// A positional argument, an option with a value, or a flag.
  struct Parameter: Decodable {
    enum Kind: String, Decodable { case positional, option, flag }

    struct Name: Decodable {
      var kind: String
      var name: String
      /// As it is typed.
      var word: String { (kind == "long" ? "--" : "-") + name }
    }

    /// How a value is completed; what the parser's own scripts know.
    struct CompletionKind: Decodable {
      struct Values: Decodable { var values: [String] }
      struct Extensions: Decodable { var extensions: [String] }
      struct Nothing: Decodable {}
      var list: Values?
      var file: Extensions?
      var directory: Nothing?
      var custom: Nothing?
    }

    var kind: Kind
    var shouldDisplay: Bool
    var sectionTitle: String?
    var isOptional: Bool
    var isRepeating: Bool
    var names: [Name]?
    var valueName: String?
    var defaultValue: String?
    var allValues: [String]?
    var abstract: String?
    var completionKind: CompletionKind?

    var words: [String] { (names ?? []).map(\.word) }
    /// The long name, where there is one.
    var preferredWord: String? { words.first { $0.hasPrefix("--") } ?? words.first }
  }

  /// The commands that help shows, but for `help` itself.
  var shownCommands: [CommandTree] { (subcommands ?? []).filter { $0.shouldDisplay && $0.commandName != "help" } }
  /// The arguments that help shows, in its order.
  var parameters: [Parameter] { (arguments ?? []).filter(\.shouldDisplay) }

  private struct Dump: Decodable { var command: CommandTree }

  /// The tree of `lathe` itself.
  static let lathe: CommandTree = {
    do {
      return try JSONDecoder().decode(Dump.self, from: Data(LatheCommand._dumpHelp().utf8)).command
    } catch {
      // The text is the parser's own, of the version that is built in: no input gets here.
      fatalError("the commands cannot be described: \(error)")
    }
  }()
}
