import ArgumentParser
import Checkpoints
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
      OpenCommand.self, InspectCommand.self, EstimateCommand.self, EvaluateCommand.self, SensitivityCommand.self,
      TuneCommand.self, RecoverCommand.self, ExportCommand.self, SchemesCommand.self, DevicesCommand.self,
      CacheCommand.self,
      CompletionsCommand.self, ManCommand.self, CompareCommand.self,
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
      try? emit(raw: CompletionRequest.answer(Array(arguments.dropFirst())))
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
    } catch let error as UsageError {
      note("lathe: \(error)")
      leave(2)
    } catch is OutputClosed {
      leave(1)
    } catch let status as ExitCode {
      // All was said: the screen ended by a signal.
      leave(status.rawValue)
    } catch {
      let status = exitCode(for: error)
      let message = fullMessage(for: error)
      if status.isSuccess { leaveAfter { try emit(message) } }
      note("lathe: " + (message.hasPrefix("Error: ") ? String(message.dropFirst(7)) : message))
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

/// What was wrong with the words of a command line, whatever the model: status 2.
struct UsageError: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}

extension Target {
  /// A target as a command line names it.
  ///
  /// - Throws: `UsageError` for a name that is unknown, `WorkbenchError` for a sheet that is wrong.
  init(argument name: String) throws {
    do { try self.init(name: name) } catch {
      throw name.hasSuffix(".target") ? error : UsageError(error.description)
    }
  }
}

/// Ends the process with what came of writing its last words.
private func leaveAfter(_ words: () throws -> Void) -> Never {
  do {
    try words()
    leave(0)
  } catch let error as Failure {
    note("lathe: \(error)")
  } catch {}
  leave(1)
}

/// Ends the process. Work that is still under way in other threads goes with it: what libraries tidy up at an exit is what
/// that work may be using.
private func leave(_ status: Int32) -> Never {
  fflush(nil)
  _exit(status)
}
