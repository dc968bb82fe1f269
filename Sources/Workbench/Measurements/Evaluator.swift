import Checkpoints
import Compression
import Inference

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif
#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A person's own measure of a model: a command in which `{model}` stands for the candidate's path, and a pattern that
/// finds the figure in what it prints.
public struct Evaluator: Sendable {
  public let command: String
  private let pattern: String

  /// - Parameters:
  ///   - command: a line for the shell.
  ///   - pattern: a regular expression; its first group, or the whole match, is the figure. The last match counts.
  /// - Throws: `WorkbenchError` where the command names no `{model}`, or the pattern is no regular expression.
  public init(command: String, pattern: String) throws(WorkbenchError) {
    guard command.contains("{model}") else {
      throw WorkbenchError("evaluator \"\(command)\": expected {model} where the model's path goes")
    }
    do { _ = try Regex(pattern) } catch { throw WorkbenchError("metric pattern \"\(pattern)\": \(error)") }
    self.command = command
    self.pattern = pattern
  }

  /// The figure in a text; `nil` where the pattern finds none, or no number.
  func figure(in text: String) -> Double? {
    guard let regex = try? Regex(pattern) else { return nil }
    return text.matches(of: regex).last.flatMap { match in
      let part = match.output.count > 1 ? match.output[1].substring : match.output[0].substring
      return part.flatMap { Double($0.filter { $0 != " " }) }
    }
  }

  /// Runs the command on a model.
  ///
  /// - Parameter proceed: asked fifty times a second; `false` ends the command and all that it started.
  /// - Throws: `WorkbenchError` with the end of its output and where all of it is kept, when it fails or prints no figure;
  ///   `Cancelled`.
  func run(on model: String, output: String, proceed: () -> Bool) throws -> Double {
    let line = command.replacing("{model}", with: shellWord(model))
    let status = try Self.shell(line, output: output, proceed: proceed)
    let text = FileManager.default.contents(atPath: output).map { String(decoding: $0, as: UTF8.self) } ?? ""
    if status == 0, let figure = figure(in: text) { return figure }
    let end = text.split(whereSeparator: \.isNewline).suffix(3).joined(separator: "\n  ")
    let what = status == 0 ? "printed nothing that \"\(pattern)\" finds a number in" : "ended with status \(status)"
    throw WorkbenchError("the evaluator \(what); its output is kept in \(output)\(end.isEmpty ? "" : ":\n  \(end)")")
  }

  /// Runs a line in a process group of its own, its output in a file.
  private static func shell(_ line: String, output: String, proceed: () -> Bool) throws -> Int32 {
    #if canImport(Darwin)
      var actions: posix_spawn_file_actions_t?
      var attributes: posix_spawnattr_t?
    #else
      var actions = posix_spawn_file_actions_t()
      var attributes = posix_spawnattr_t()
    #endif
    posix_spawn_file_actions_init(&actions)
    posix_spawnattr_init(&attributes)
    defer {
      posix_spawn_file_actions_destroy(&actions)
      posix_spawnattr_destroy(&attributes)
    }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
    posix_spawn_file_actions_adddup2(&actions, 1, 2)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
    posix_spawnattr_setpgroup(&attributes, 0)
    var arguments: [UnsafeMutablePointer<CChar>?] =
      ["/bin/sh", "-c", line].map { (word: String) in strdup(word) } + [nil]
    defer { for argument in arguments { free(argument) } }
    var child = pid_t()
    let failure = posix_spawn(&child, "/bin/sh", &actions, &attributes, &arguments, environ)
    guard failure == 0 else { throw WorkbenchError("/bin/sh cannot be run: \(String(cString: strerror(failure)))") }
    Leftovers.add(group: child)
    defer { Leftovers.remove(group: child) }
    var status: Int32 = 0
    while true {
      let ended = waitpid(child, &status, WNOHANG)
      if ended == child { break }
      if !proceed() {
        // A tenth of a second to end in order.
        kill(-child, SIGTERM)
        for _ in 0..<10 where waitpid(child, &status, WNOHANG) != child { usleep(10_000) }
        kill(-child, SIGKILL)
        _ = waitpid(child, &status, 0)
        throw Cancelled()
      }
      usleep(20_000)
    }
    return status & 0x7f == 0 ? status >> 8 & 0xff : 128 + status & 0x7f
  }
}

extension Session {
  /// Measures the recipe with a person's own evaluator: writes the candidate into a temporary folder, runs the command,
  /// reads the figure; then once more on the model as it is. The folder goes; the output stays where the command failed.
  ///
  /// - Parameter proceed: asked now and then; `false` calls it off.
  /// - Returns: `nil` when it was called off.
  /// - Throws: `WorkbenchError`.
  public func measure(by evaluator: Evaluator, proceed: @escaping @Sendable () -> Bool = { true }) throws
    -> Measurement?
  {
    try requireRecovered()
    let folder =
      FileManager.default.temporaryDirectory.path + "/lathe-candidate-\(getpid())-\(UInt32.random(in: 0 ... .max))"
    do { try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true) } catch {
      throw WorkbenchError("\(folder): cannot be made: \(error)")
    }
    Leftovers.add(path: folder)
    defer {
      try? FileManager.default.removeItem(atPath: folder)
      Leftovers.remove(path: folder)
    }
    let start = ContinuousClock.now
    do {
      let model = try writeCandidate(in: folder, proceed: proceed)
      let output = folder + ".output"
      let figure = try evaluator.run(on: model, output: output, proceed: proceed)
      // The model as it is stands where it lies.
      let isWhole = recipe.choices.values.allSatisfy(\.scheme.isKeep)
      let baseline = isWhole ? figure : try evaluator.run(on: checkpoint.path, output: output, proceed: proceed)
      unlink(output)
      let seconds = (ContinuousClock.now - start).components.seconds
      let estimate = estimate
      return Measurement(
        recipe: recipe, metrics: [.init(name: "evaluator", value: figure, standardError: nil, baseline: baseline)],
        samples: 1, samplesPerSecond: seconds > 0 ? 1 / Double(seconds) : 1, peakBytes: Self.peakBytes,
        bytes: estimate.bytes, damage: estimate.damage, data: evaluator.command)
    } catch is Cancelled {
      unlink(folder + ".output")
      return nil
    }
  }
}
