import ArgumentParser
import Workbench

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// `lathe`, with the screen as what it does when nothing else is asked.
struct LatheCommand: ParsableCommand, Explained {
  static let configuration = CommandConfiguration(
    commandName: "lathe",
    abstract: "Look at a neural network's weights layer by layer, shave them down, and see what it costs.",
    discussion: discussion,
    version: Version.line,
    subcommands: [
      OpenCommand.self, InspectCommand.self, EstimateCommand.self, EvaluateCommand.self, ExportCommand.self,
      SchemesCommand.self, CompletionsCommand.self, ManCommand.self, TuneCommand.self, CompareCommand.self,
    ],
    defaultSubcommand: OpenCommand.self)

  static let explanation = """
    lathe MODEL opens the screen. MODEL is a safetensors, GGUF, ONNX, PyTorch or NumPy file, an index of shards, or a \
    Hugging Face folder. On the screen, ? lists the keys.
    """
  static let examples = [
    "lathe Samples/digits-cnn.onnx", "lathe inspect Samples/shakespeare-llama",
    "lathe estimate Samples/digits-cnn.onnx --set '*=int4,channel'",
    "lathe export Samples/digits-cnn.onnx --set '*=q8_0' --to gguf \\\n    -o digits.gguf",
  ]

  /// Parses the process's arguments, runs, and leaves with the contract's status: 0, 1 for what was wrong, 2 for wrong
  /// usage.
  static func runFromProcess() -> Never {
    signal(SIGPIPE, SIG_IGN)
    let arguments = CommandLine.arguments.dropFirst()
    if arguments.first == CompletionRequest.word {
      print(CompletionRequest.answer(Array(arguments.dropFirst())), terminator: "")
      leave(0)
    }
    do {
      var command = try parseAsRoot()
      try command.run()
      leave(0)
    } catch let error as CheckpointError {
      note("lathe: \(error)")
    } catch let error as WorkbenchError {
      note("lathe: \(error)")
    } catch let error as Failure {
      note("lathe: \(error)")
    } catch let status as ExitCode {
      // All was said: the screen ended by a signal.
      leave(status.rawValue)
    } catch {
      let status = exitCode(for: error)
      if status.isSuccess {
        print(fullMessage(for: error))
        leave(0)
      }
      note(fullMessage(for: error))
      leave(status == .validationFailure ? 2 : 1)
    }
    leave(1)
  }
}

/// What was wrong with a run, said as it is.
struct Failure: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}

/// Ends the process; `ParsableCommand` has an `exit` of its own.
private func leave(_ status: Int32) -> Never { exit(status) }
