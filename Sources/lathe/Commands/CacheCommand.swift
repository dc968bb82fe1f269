import ArgumentParser
import FileAccess
import Workbench

/// `lathe cache`: what is kept between runs.
struct CacheCommand: ParsableCommand, Explained {
  static let configuration = CommandConfiguration(
    commandName: "cache", abstract: "What is kept between runs: its folder, its size, its limit.",
    discussion: discussion)

  static let explanation = """
    What was found out about a model is kept in $XDG_CACHE_HOME/lathe, else ~/.cache/lathe: statistics, histograms, errors, \
    sizes, what was measured. Opened again, the model shows it at once. It is kept by what the files hold (header, \
    sizes, times, sampled pages), wherever they lie; of a copy or a touched file, whose times are others, what holds for \
    tensors that have the same bytes is shown once they were read. Nothing is written beside a model. When all of it takes more than the \
    limit, the models that were used longest ago go first. --no-cache, with any command that opens a model, neither reads \
    nor writes it.
    """
  static let examples = ["lathe cache", "lathe cache --limit 4GB", "lathe cache --clear"]

  @Flag(help: "Take all of it away; the limit stays.") var clear = false
  @Option(help: ArgumentHelp("Bytes that all of it may take, remembered; 1GiB at first.", valueName: "SIZE"))
  var limit: String?
  @Flag(help: "JSON on standard output.") var json = false

  func validate() throws {
    if let limit {
      do { _ = try ByteSize(spec: limit) } catch { throw ValidationError("--limit \(error)") }
    }
  }

  func run() throws {
    guard let folder = CacheFolder.ofPerson else {
      throw Failure("nothing is kept: neither XDG_CACHE_HOME nor HOME names a folder for it")
    }
    if let limit { try folder.setLimit(try ByteSize(spec: limit).bytes) }
    if clear { try folder.clear() }
    let kept = folder.kept
    let bytes = kept.reduce(0) { $0 + $1.bytes }
    if json {
      let object = JSON.object([
        ("folder", .string(folder.path)), ("bytes", .int(bytes)), ("models", .int(kept.count)),
        ("limit", .int(folder.limit)),
      ])
      return try emit(try object.text())
    }
    try emit(
      """
      folder  \(printable(folder.path))
      size    \(Format.bytes(bytes))
      models  \(kept.count)
      limit   \(Format.bytes(folder.limit))
      """)
  }
}
