import Foundation
import Support
import Testing

/// What help and the manual page say is so.
@Suite struct HelpTests {
  private static let commands = [
    "open", "inspect", "estimate", "evaluate", "export", "schemes", "cache", "completions", "man",
  ]

  private static func help(_ command: String) throws -> String {
    try Program.run(command.isEmpty ? ["--help"] : [command, "--help"]).output
  }

  /// The command lines below EXAMPLES, a backslash at a line's end leading on.
  private static func examples(in help: String) -> [String] {
    guard let start = help.range(of: "EXAMPLES:\n"), let end = help.range(of: "\nUSAGE:") else { return [] }
    let text = help[start.upperBound..<end.lowerBound].replacing("\\\n", with: " ")
    return text.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
  }

  @Test func helpNamesEveryCommand() throws {
    let help = try Self.help("")
    for command in Self.commands { #expect(help.contains("\n  \(command) ")) }
    #expect(help.contains("\n  tune ") && !help.contains("__complete"))
  }

  @Test(arguments: [""] + commands) func helpFitsEightyColumns(command: String) throws {
    for line in try Self.help(command).split(separator: "\n") where !line.hasPrefix("USAGE:") {
      #expect(line.count <= 80, "\(line)")
    }
  }

  @Test(arguments: [""] + commands) func everyExampleOfHelpWorks(command: String) throws {
    let examples = Self.examples(in: try Self.help(command))
    #expect((["schemes", "man"].contains(command) ? 1...4 : 2...4).contains(examples.count), "\(examples)")
    let (folder, caches) = (try ScratchFolder(), try ScratchFolder())
    try FileManager.default.createSymbolicLink(
      atPath: folder.path("Samples"), withDestinationPath: Fixtures.root.appending(path: "Samples").path)
    for example in examples {
      #expect(example.hasPrefix("lathe "))
      let function = "lathe() { '\(Program.path)' \"$@\"; }; "
      let isScreen =
        example.hasPrefix("lathe Samples") || example.hasPrefix("lathe open") && !example.contains("--script")
      if isScreen {
        let terminal = try PseudoTerminal(
          ["/bin/sh", "-c", "cd '\(folder.path)'; \(function)\(example)"],
          environment: ScreenContract([], ready: "").environment)
        try terminal.wait(for: "/conv1/Conv")
        terminal.send("q")
        #expect(try terminal.waitForEnd() == .exited(0), "\(example)")
      } else {
        let before = folder.names
        let result = try Program.shell(
          function + example, folder: folder.path, environment: ["XDG_CACHE_HOME": caches.path])
        #expect(result.status == 0, "\(example): \(result.errors)")
        // It answers, or writes the file that it names, and others beside it.
        let written = Set(folder.names).subtracting(before)
        #expect(!result.output.isEmpty || !written.isEmpty, "\(example)")
        #expect(written.isEmpty || written.contains { example.contains($0) }, "\(example)")
        for name in written {
          let stem = name.prefix { $0 != "." }
          #expect(example.contains(stem) && folder.bytes(of: name)?.isEmpty == false, "\(example): \(name)")
        }
      }
    }
  }

  @Test func versionIsOneLine() throws {
    let result = try Program.run("--version")
    #expect(result.status == 0 && result.errors.isEmpty)
    #expect(result.output.wholeMatch(of: /lathe \d+\.\d+\.\d+\n/) != nil)
  }

  @Test func withoutArgumentsTheUsageIsShown() throws {
    let result = try Program.run([])
    #expect(result.status == 2 && result.output.isEmpty)
    #expect(result.errors.contains("EXAMPLES:") && result.errors.contains("SUBCOMMANDS:"))
  }

  // MARK: - The manual page

  /// The paths of all fields in a value: `layers[].name`; keys that are the model's own words are NAME.
  private func paths(_ value: Any, _ path: String = "") -> Set<String> {
    if let object = value as? [String: Any], !object.isEmpty {
      let isFree = path == "metadata" || path.hasSuffix("relativeErrors")
      return object.reduce(into: []) { found, entry in
        found.formUnion(paths(entry.value, (path.isEmpty ? "" : path + ".") + (isFree ? "NAME" : entry.key)))
      }
    }
    if let array = value as? [Any], let inner = array as? [[String: Any]] {
      return inner.reduce(into: []) { $0.formUnion(paths($1, path + "[]")) }
    }
    return [path]
  }

  @Test func theManualPageTellsOfEveryFieldOfJSON() throws {
    let page = try Program.run("man").output
    let told = Set(page.split(separator: "\n").filter { $0.hasPrefix(".It Li ") }.map { String($0.dropFirst(7)) })
    var printed: Set<String> = []
    let folder = try ScratchFolder()
    let kept = folder.path + "/s.json"
    _ = try Program.run(
      "sensitivity", sample("digits-cnn.onnx"), "--data", sample("digits-test.npz"), "--samples", "16", "--recipes",
      "2",
      "-o", kept)
    let caches = try ScratchFolder()
    for arguments in [
      "inspect \(sample("digits-cnn.onnx")) --json --checksums",
      "inspect \(fixture("packed/stacked")) --json --checksums",
      "inspect \(fixture("packed/fp8-scale")) --json", "inspect \(fixture("packed/compressed-tensors")) --json",
      "inspect \(fixture("transformers/qwen3")) --json",
      "estimate \(sample("digits-cnn.onnx")) --set *=int4 --to csv --json",
      "estimate \(sample("digits-cnn.onnx")) --set *=int2,channel --sensitivity \(kept) --device apple-m2 --json",
      "evaluate \(sample("digits-cnn.onnx")) --set *=int4 --data \(sample("digits-test.npz")) --json",
      "tune \(sample("digits-cnn.onnx")) --budget 4bpw --data \(sample("digits-calibration.npz")) --samples 16 --json",
      "cache --json",
    ] {
      let result = try Program.run(
        arguments.split(separator: " ").map(String.init), environment: ["XDG_CACHE_HOME": caches.path])
      #expect(result.status == 0, "\(arguments): \(result.errors)")
      printed.formUnion(paths(try JSONSerialization.jsonObject(with: Data(result.output.utf8))))
    }
    #expect(printed.subtracting(told) == [])
    #expect(told.subtracting(printed).subtracting(["classNames", "layers[].packing.block"]) == [])
  }

  @Test func theManualPageHasEverySectionAndOption() throws {
    let page = try Program.run("man").output
    for section in [
      "NAME", "SYNOPSIS", "DESCRIPTION", "COMMANDS", "CHOICE", "SCHEMES", "ENVIRONMENT", "FILES", "EXIT STATUS",
      "EXAMPLES", "SEE ALSO",
    ] {
      #expect(page.contains("\n.Sh \(section)\n"))
    }
    let items = page.split(separator: "\n").filter { $0.hasPrefix(".It ") }
    for command in Self.commands {
      #expect(page.contains("\n.Ss lathe \(command)\n"))
      for option in try Self.help(command).matches(of: /\n  (?:-\w, )?--([a-z-]+)/).map(\.output.1)
      where option != "help" && option != "version" {
        let heading = #"Fl \-"# + option.replacing("-", with: #"\-"#) + " "
        #expect(items.contains { "\($0) ".contains(heading) }, "\(option)")
      }
      for line in Self.examples(in: try Self.help(command)) {
        let start = line.prefix(24).replacing("-", with: #"\-"#)
        #expect(page.contains("\n\(start)"), "\(line)")
      }
    }
  }

  @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/mandoc")))
  func mandocHasNothingAgainstTheManualPage() throws {
    let folder = try ScratchFolder()
    let result = try Program.shell("\"$0\" man > lathe.1 && mandoc -Tlint -Wall lathe.1", folder: folder.path)
    #expect(result.status == 0 && result.output.isEmpty && result.errors.isEmpty, "\(result.output)\(result.errors)")
  }

  @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/groff")))
  func groffHasNothingAgainstTheManualPageAndItFitsEightyColumns() throws {
    let folder = try ScratchFolder()
    let result = try Program.shell(
      "\"$0\" man > lathe.1 && groff -mdoc -ww -Tutf8 -P-cbou lathe.1", folder: folder.path)
    #expect(result.status == 0 && result.errors.isEmpty, "\(result.errors)")
    for line in result.output.split(separator: "\n") { #expect(line.count <= 80, "\(line)") }
    #expect(result.output.contains("SCHEMES"))
  }
}
