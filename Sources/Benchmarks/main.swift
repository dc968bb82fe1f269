#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

// Measures what the README claims: `swift run -c release benchmarks [NAMES…]`. Every figure is taken in this one run
// and stands beside what it is compared with.

let names = [
  "first-frame", "keys", "opening", "reading", "throughput", "coders", "answers", "peers", "networks", "exporting",
  "language", "truth", "searching", "tuned", "recovered",
]
let asked = Array(CommandLine.arguments.dropFirst())
let usage = """
  usage: benchmarks [\(names.joined(separator: "|"))]… [MODEL…], in the package's folder; without names, all
  `opening` takes models of your own too; `language` runs the model that LATHE_LANGUAGE_MODEL names, and beside it
  llama.cpp where LLAMA_BENCH names its llama-bench; `truth`, `tuned` and `recovered` take models of your own, as MODEL CALIBRATION TEST
  """
/// Arguments that name files or folders: models to open.
let paths = asked.filter { $0.contains("/") || $0.contains(".") }

/// The program that was built beside this one.
func latheProgram() throws -> String {
  #if os(Linux)
    let own = "/proc/self/exe"
  #else
    let own = CommandLine.arguments[0]
  #endif
  guard let resolved = realpath(own, nil) else { throw Failure.system("cannot find the benchmarks' own program") }
  defer { free(resolved) }
  let folder = String(cString: resolved).split(separator: "/", omittingEmptySubsequences: false).dropLast()
  let path = folder.joined(separator: "/") + "/lathe"
  guard access(path, X_OK) == 0 else {
    throw Failure("\(path) is not there: build it with `swift build -c release`")
  }
  return path
}

func sampleFolder() throws -> String {
  guard access("Samples/digits-cnn.onnx", R_OK) == 0 else {
    throw Failure("there is no Samples/digits-cnn.onnx here: run the benchmarks in the package's folder")
  }
  return "Samples"
}

nonisolated var isDebugBuild: Bool {
  #if DEBUG
    true
  #else
    false
  #endif
}

func run() throws {
  guard !isDebugBuild else {
    throw Failure("this is a debug build, whose figures mean nothing: `swift run -c release benchmarks`")
  }
  let wanted = asked.count == paths.count ? names : asked
  let scratch = try Scratch()
  Table.line("Lathe's benchmarks on \(Machine.description)")
  if wanted.contains("first-frame") {
    try FirstFrame(lathe: latheProgram(), samples: sampleFolder(), scratch: scratch).run()
  }
  if wanted.contains("keys") { try KeyLatency(lathe: latheProgram(), scratch: scratch).run() }
  if wanted.contains("opening") { try Opening(samples: sampleFolder(), more: paths, scratch: scratch).run() }
  if wanted.contains("reading") { try Reading(scratch: scratch).run() }
  if wanted.contains("throughput") { try Throughput(scratch: scratch).run() }
  if wanted.contains("coders") { try Coders().run() }
  if wanted.contains("answers") { try Answers().run() }
  if wanted.contains("peers") { try Peers(scratch: scratch).run() }
  if wanted.contains("networks") { try Networks(scratch: scratch).run() }
  if wanted.contains("exporting") { try Exporting(lathe: latheProgram(), scratch: scratch).run() }
  if wanted.contains("truth") { try Truth(file: "Screenshots/truth.csv", more: paths).run() }
  if wanted.contains("searching") { Searching().run() }
  if wanted.contains("tuned") { try Tuned(more: paths).run() }
  if wanted.contains("language") { try LanguageModel(samples: sampleFolder()).run() }
}

// Not a benchmark, but what a comparison with another engine runs: see Tests/Peers/compare_networks.py.
if asked.first == "run-network" {
  do {
    try RunNetwork.run(Array(asked.dropFirst()))
    exit(0)
  } catch {
    print("benchmarks: \(error)")
    exit(1)
  }
}
if let unknown = asked.first(where: { !names.contains($0) && !paths.contains($0) }) {
  let isHelp = unknown == "-h" || unknown == "--help"
  print(isHelp ? usage : "benchmarks: there is no benchmark \"\(unknown)\"; \(usage)")
  exit(isHelp ? 0 : 64)
}
do {
  try run()
} catch {
  print("benchmarks: \(error)")
  exit(1)
}
