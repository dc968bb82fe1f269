import ArgumentParser
import Compression
import Workbench

/// The manual page of lathe(1), made of the commands' definitions, their explanations and examples, and the grammar of
/// schemes. Sections stand in mdoc's order.
struct ManualPage {
  private let root = CommandTree.lathe
  /// Options that several commands share are told once.
  private let choice: [CommandTree.Parameter]

  init() {
    choice =
      root.shownCommands.map { $0.parameters.filter { $0.sectionTitle == Self.choiceTitle } }
      .first { !$0.isEmpty } ?? []
  }

  private static let choiceTitle = "Choice"

  var text: String {
    var page = Mdoc()
    page.macro("Dd \(Version.day)")
    page.macro("Dt LATHE 1")
    page.macro("Os")
    page.macro("Sh NAME")
    page.macro("Nm lathe")
    page.macro("Nd \(Mdoc.escaped(phrase(root.abstract)))")
    synopsis(&page)
    page.macro("Sh DESCRIPTION")
    page.paragraphs(LatheCommand.explanation)
    page.macro("Pp")
    page.prose("This page tells of version \(Version.number).")
    page.macro("Sh COMMANDS")
    for command in root.shownCommands { describe(command, &page) }
    describeChoice(&page)
    describeSchemes(&page)
    describeSurroundings(&page)
    examples(&page)
    page.macro("Sh SEE ALSO")
    page.macro("Lk https://github.com/ggml\\-org/llama.cpp llama.cpp")
    return page.text
  }

  /// An abstract within a sentence: without its capital and its full stop.
  private func phrase(_ abstract: String?) -> String {
    var text = abstract ?? ""
    if text.last == "." { text.removeLast() }
    return text.prefix(1).lowercased() + text.dropFirst()
  }

  private func synopsis(_ page: inout Mdoc) {
    page.macro("Sh SYNOPSIS")
    page.macro("Nm")
    page.macro("Ar model ...")
    for command in root.shownCommands {
      page.macro("Nm")
      page.macro("Cm \(command.commandName)")
      for parameter in command.parameters where parameter.kind == .positional { positional(parameter, &page) }
      var isChoiceShown = false
      for parameter in command.parameters where parameter.kind != .positional && !isGeneral(parameter) {
        if parameter.sectionTitle == Self.choiceTitle {
          if !isChoiceShown { page.macro("Op Ar choice ...") }
          isChoiceShown = true
        } else {
          let isOptional = parameter.isOptional || parameter.kind == .flag
          page.macro((isOptional ? "Op " : "") + heading(parameter, names: 1))
        }
      }
    }
    page.macro("Nm")
    page.macro("Fl \\-version | \\-help")
  }

  private func positional(_ parameter: CommandTree.Parameter, _ page: inout Mdoc) {
    let name = parameter.allValues?.joined(separator: " | ") ?? parameter.valueName ?? ""
    page.macro("Ar \(name)\(parameter.isRepeating ? " ..." : "")")
  }

  /// `--help` and `--version`, which every command has.
  private func isGeneral(_ parameter: CommandTree.Parameter) -> Bool {
    parameter.words.contains("--help") || parameter.words.contains("--version")
  }

  /// An option's names, or the first of them, and its value: `Fl o , Fl \-output Ar PATH`.
  private func heading(_ parameter: CommandTree.Parameter, names count: Int = .max) -> String {
    let names = parameter.words.prefix(count).map { "Fl " + Mdoc.escaped(String($0.dropFirst())) }.joined(
      separator: " , ")
    guard parameter.kind == .option, let value = parameter.valueName else { return names }
    return names + " Ar " + Mdoc.argument(value)
  }

  private func describe(_ command: CommandTree, _ page: inout Mdoc) {
    page.macro("Ss lathe \(command.commandName)")
    page.prose(command.abstract ?? "")
    page.paragraphs(explained(command)?.explanation ?? "")
    if let glossary = explained(command)?.glossary {
      page.macro("Pp")
      page.prose(glossary.title + ":")
      tags(glossary.rows.map { ($0.word, $0.meaning) }, "Cm", &page)
      page.macro("Pp")
      page.prose("Arguments:")
    }
    let all = command.parameters.filter { !isGeneral($0) }
    let own = all.filter { $0.sectionTitle != Self.choiceTitle && $0.kind != .positional }
    if own.count < all.count { list(all.filter { $0.kind == .positional } + own, &page) } else { list(own, &page) }
    if all.contains(where: { $0.sectionTitle == Self.choiceTitle }) {
      page.macro("Pp")
      page.prose("It takes the options of a choice too: see")
      page.macro("Sx CHOICE .")
    }
    if let fields = explained(command)?.fields, !fields.isEmpty {
      page.macro("Pp")
      page.prose("What --json prints (a field without a value is null):")
      tags(fields.map { ($0.path, $0.meaning) }, "Li", &page)
    }
  }

  private func list(_ parameters: [CommandTree.Parameter], _ page: inout Mdoc) {
    guard !parameters.isEmpty else { return }
    page.macro("Bl -tag -width Ds")
    for parameter in parameters {
      if parameter.kind == .positional {
        page.macro("It Ar " + (parameter.valueName ?? "") + (parameter.isRepeating ? " ..." : ""))
      } else {
        page.macro("It " + heading(parameter))
      }
      page.prose(parameter.abstract ?? "")
      if let values = parameter.allValues { page.prose("One of: \(values.joined(separator: ", ")).") }
      if let value = parameter.defaultValue { page.prose("The default is \(value).") }
    }
    page.macro("El")
  }

  private func explained(_ command: CommandTree) -> (any Explained.Type)? {
    LatheCommand.configuration.subcommands.first { $0.configuration.commandName == command.commandName }
      as? any Explained.Type
  }

  private func describeChoice(_ page: inout Mdoc) {
    page.macro("Sh CHOICE")
    page.prose("A choice says what becomes of which layer. These options make it:")
    list(choice, &page)
    page.macro("Pp")
    page.prose(
      "A PATTERN is tried against a layer's name and its weight's full name; * matches any run of characters, ? one, "
        + "[...] a set, and a backslash escapes. It applies to weights of two or more dimensions; a bias or a norm is "
        + "changed only when it is named without wildcards. The last match wins. A weight that the scheme cannot take "
        + "stays as it is and is listed; if it was named exactly, that is an error.")
  }

  private func describeSchemes(_ page: inout Mdoc) {
    page.macro("Sh SCHEMES")
    page.prose("A SPEC is a scheme word and options, separated by commas:")
    page.literal([SpecGrammar.example])
    page.macro("Pp")
    page.prose("Options by scheme, with what holds without them in parentheses:")
    page.macro("Bl -tag -width Ds")
    for family in SpecGrammar.families {
      page.macro("It \(Mdoc.escaped(family.words).replacing(", ", with: " , "))")
      for (index, option) in family.options.enumerated() {
        if index > 0 { page.macro("br") }
        page.prose(option)
      }
    }
    page.macro("El")
    page.macro("Pp")
    page.prose("The words are:")
    page.prose(Scheme.words.joined(separator: ", ") + ".")
  }

  private func describeSurroundings(_ page: inout Mdoc) {
    page.macro("Sh ENVIRONMENT")
    tags(
      [
        ("NO_COLOR", "If it is set and not empty, the screen is drawn without colours."),
        ("TERM", "The terminal's type, as terminfo knows it."),
        ("COLORFGBG", "Its last number tells a light background, where the terminal does not say what it is."),
        ("LC_ALL, LC_CTYPE, LANG", "Where they do not name UTF-8, the screen is drawn with ASCII alone."),
        ("LATHE_KERNELS", "With baseline, no vector instructions beyond the processor's least are used."),
        ("TMPDIR", "Where a candidate is written for an evaluator, instead of /tmp."),
        ("COLUMNS", "The width that help is wrapped to."),
      ], "Ev", &page)
    page.macro("Sh FILES")
    page.prose(
      "Nothing is written beside a model or anywhere else unless you name the file, but for what is kept between runs, and "
        + "for the session when the screen ends without being told to. An evaluator's candidate lies in a temporary folder, which is removed after it."
    )
    tags(
      [
        (
          "~/.cache/lathe",
          "What was found out about models, so that they show it at once when they are opened again (lathe cache); or in "
            + "$XDG_CACHE_HOME/lathe."
        ),
        (
          "~/.local/state/lathe",
          "Sessions of screens that a signal or a crash ended, until they are taken up or discarded when their model is "
            + "opened again; or in $XDG_STATE_HOME/lathe."
        ),
        (
          "~/.config/lathe/config",
          "Settings of the screen; or in $XDG_CONFIG_HOME/lathe. A line says key = value, # begins a comment. The keys: theme "
            + "(auto, dark or light), ascii and mouse (yes or no), target (a target's name), scheme (the SPEC that - gives a "
            + "weight that is kept), columns (names of the list's columns, with commas between them). Options of lathe open "
            + "come before it; a mistake in it is told with its line, and lathe ends with status 1."
        ),
        ("~/.local/share/bash-completion/completions/lathe", "The script of bash, where you put it there."),
        ("~/.config/fish/completions/lathe.fish", "The script of fish."),
        ("~/.local/share/man/man1/lathe.1", "This page."),
      ], "Pa", &page)
    page.macro("Sh EXIT STATUS")
    tags(
      [
        ("0", "All went well."), ("1", "Something was wrong; standard error says what."),
        ("2", "The command line was wrong; standard error says how it is used."),
        ("129, 143", "The screen was ended by SIGHUP, SIGTERM, and the terminal restored."),
      ], "No", &page)
  }

  private func tags(_ rows: [(tag: String, text: String)], _ macro: String, _ page: inout Mdoc) {
    page.macro("Bl -tag -width Ds")
    for row in rows {
      page.macro("It \(macro) \(Mdoc.escaped(row.tag).replacing(", ", with: " , "))")
      page.prose(row.text)
    }
    page.macro("El")
  }

  private func examples(_ page: inout Mdoc) {
    page.macro("Sh EXAMPLES")
    page.prose("With the samples that come with Lathe:")
    let all = [LatheCommand.self as any Explained.Type] + root.shownCommands.compactMap(explained)
    for (index, command) in all.enumerated() {
      if index > 0 {
        page.macro("Pp")
        page.prose(command.configuration.abstract)
      }
      page.literal(command.examples.flatMap { $0.split(separator: "\n").map(String.init) })
    }
  }
}
