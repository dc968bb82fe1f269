import Foundation
import Support
import Testing

/// The real `lathe`, run as a shell would.
enum Program {
  /// What a run left.
  struct Result {
    /// The exit status; `nil` when a signal ended it.
    var status: Int32?
    var signal: Int32?
    var output: String
    var errors: String

    /// The lines of standard error.
    var errorLines: [Substring] { errors.split(separator: "\n", omittingEmptySubsequences: true) }

    /// Standard output as one JSON object.
    func object(_ location: SourceLocation = #_sourceLocation) throws -> [String: Any] {
      let value = try JSONSerialization.jsonObject(with: Data(output.utf8))
      return try #require(value as? [String: Any], sourceLocation: location)
    }
  }

  /// The executable, which the build puts beside the tests.
  static let path: String = {
    #if os(macOS)
      let bundle = Bundle.allBundles.first { $0.bundlePath.hasSuffix(".xctest") }?.bundleURL
      let folder = bundle?.deletingLastPathComponent()
    #else
      let folder = Bundle.main.executableURL?.deletingLastPathComponent()
    #endif
    return folder?.appending(path: "lathe").path ?? "lathe"
  }()

  static let digits = Fixtures.sample("digits-cnn.onnx")
  static let digitsAsSafetensors = Fixtures.sample("digits-cnn.safetensors")
  static let llama = Fixtures.sample("shakespeare-llama")
  static let llamaGGUF = Fixtures.sample("shakespeare-llama-f16.gguf")

  static func run(_ arguments: String..., folder: String? = nil) throws -> Result {
    try run(path, arguments, folder: folder)
  }

  /// - Parameter environment: variables beside the path and the locale.
  static func run(_ arguments: [String], environment: [String: String] = [:]) throws -> Result {
    try run(path, arguments, folder: nil, environment)
  }

  /// A line for the shell; `$0` is lathe.
  static func shell(
    _ line: String, folder: String? = nil, environment: [String: String] = [:]
  ) throws -> Result {
    try run("/bin/sh", ["-c", line, path], folder: folder, environment)
  }

  private static func run(
    _ program: String, _ arguments: [String], folder: String?, _ environment: [String: String] = [:]
  ) throws -> Result {
    let scratch = try ScratchFolder()
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    // No home: what is kept between runs is nobody's here.
    process.environment = ["PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "SWIFT_BACKTRACE": "enable=no"]
      .merging(environment) { _, own in own }
    if let folder { process.currentDirectoryURL = URL(fileURLWithPath: folder) }
    // Files, not pipes: a full pipe would wait for its reader.
    for name in ["output", "errors"] { try scratch.write("", to: name) }
    let output = try FileHandle(forWritingTo: URL(fileURLWithPath: scratch.path("output")))
    let errors = try FileHandle(forWritingTo: URL(fileURLWithPath: scratch.path("errors")))
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    process.standardError = errors
    try process.run()
    process.waitUntilExit()
    try output.close()
    try errors.close()
    let ended = process.terminationReason == .exit
    return Result(
      status: ended ? process.terminationStatus : nil, signal: ended ? nil : process.terminationStatus,
      output: String(decoding: scratch.bytes(of: "output") ?? [], as: UTF8.self),
      errors: String(decoding: scratch.bytes(of: "errors") ?? [], as: UTF8.self))
  }
}
