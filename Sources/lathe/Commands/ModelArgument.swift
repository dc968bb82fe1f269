import ArgumentParser

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

  func validate() throws {
    // A word too many is no part of a model.
    if let extra = paths.dropFirst().first(where: { access($0, F_OK) != 0 }) {
      throw ValidationError("Unexpected argument '\(extra)': there is no such file.")
    }
  }
}
