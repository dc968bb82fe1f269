import ArgumentParser
import Compression
import Workbench

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// How every command takes its model: one path, or the files that a shell makes of `model-*.safetensors`.
struct ModelArgument: ParsableArguments {
  @Argument(
    help: ArgumentHelp("The model's file or folder; or the files that it is spread over.", valueName: "model"),
    completion: .file(extensions: ValueCompletion.models))
  var paths: [String]
  @Flag(help: "Neither read nor write what is kept between runs; see lathe cache.") var noCache = false

  /// Where answers are kept between runs.
  var cache: CacheFolder? { noCache ? nil : .ofPerson }

  /// Where the first word is no file and nearly a command's name.
  private var hint: String {
    guard let first = paths.first, access(first, F_OK) != 0, !first.contains(where: { "/.*?[".contains($0) }) else {
      return ""
    }
    let commands = LatheCommand.configuration.subcommands.compactMap { $0.configuration.commandName }
    return suggestion(for: first, among: commands)
  }

  func validate() throws {
    // A word too many is no part of a model.
    if let extra = paths.dropFirst().first(where: { access($0, F_OK) != 0 }) {
      throw ValidationError("Unexpected argument '\(extra)': there is no such file.\(hint)")
    }
    if let first = paths.first, !hint.isEmpty, access(first, F_OK) != 0 {
      throw ValidationError("\(first): there is no such file\(hint)")
    }
  }
}
