#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The folder for generated models, removed at the end, also when the run is interrupted.
final class Scratch {
  let path: String

  // Written before the signals are caught, and only read from then on.
  private nonisolated(unsafe) static var interruptedPath: UnsafeMutablePointer<CChar>?
  private nonisolated(unsafe) static var interruptedFile: UnsafeMutablePointer<CChar>?

  init() throws {
    let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    var template = Array("\(parent)/lathe-benchmarks-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw Failure.system("no temporary folder in \(parent)") }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    // One file at a time, always under the same name, so that a handler of signals can remove it.
    Self.interruptedPath = strdup(path)
    Self.interruptedFile = strdup("\(path)/model.safetensors")
    for number in [SIGINT, SIGTERM, SIGHUP] {
      signal(number) { number in
        unlink(Scratch.interruptedFile!)
        rmdir(Scratch.interruptedPath!)
        _exit(128 + number)
      }
    }
  }

  /// The one generated model that there is at a time.
  var model: String { "\(path)/model.safetensors" }

  func removeModel() { unlink(model) }

  deinit {
    removeModel()
    rmdir(path)
  }
}
