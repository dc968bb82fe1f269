import ArgumentParser
import Workbench

/// `lathe export`: the choice in a form that a tool reads.
struct ExportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export", abstract: "Write the choice for a tool.",
    discussion: """
      Targets: lathe (the recipe, which Lathe reads back), llama.cpp (a type file for llama-quantize; the command to use \
      it with is printed).
      Example: lathe export model.gguf --set '*=q4_0' --to llama.cpp -o types.txt
      """)

  @OptionGroup var model: ModelArgument
  @OptionGroup var choice: ChoiceOptions
  @Option(name: .customLong("to"), help: ArgumentHelp("What to write for.", valueName: "TARGET")) var target: String
  @Option(
    name: [.customShort("o"), .customLong("output")], help: ArgumentHelp("Where to write.", valueName: "PATH")
  )
  var output: String
  @Flag(help: "Read the file back and compare.") var verify = false

  func run() throws {
    let target = try Target(name: target)
    let session = try choice.session(model: model.paths)
    let export = try session.write(target, to: output)
    if verify {
      try session.verify(target, at: output)
      note("lathe: \(output): read back, the same choice")
    }
    note("lathe: wrote \(output), \(export.bytes.count) bytes; use it with")
    print(export.usage)
  }
}
