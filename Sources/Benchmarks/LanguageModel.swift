import Checkpoints
import Inference

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Tokens a second of a language model in F32, one thread: a text of 512 tokens at once, and token after token; beside
/// llama.cpp's where LLAMA_BENCH names its llama-bench. The model is the one that LATHE_LANGUAGE_MODEL names, else the
/// sample; for the comparison it should be F32.
struct LanguageModel {
  let samples: String
  private static let prompt = 512
  private static let generated = 64

  func run() throws {
    let path = getenv("LATHE_LANGUAGE_MODEL").map { String(cString: $0) } ?? "\(samples)/shakespeare-llama-f16.gguf"
    Table.title("language: \(path), tokens a second, one thread, F32; the best of 3")
    let model = try Transformer(try Checkpoint.open(path))
    let weights = try model.loadWeights()
    let tokens = (0..<Self.prompt).map { (7 * $0 * $0 + 3 * $0 + 5) % model.vocabularySize }
    let prefill = try best {
      let done = try model.run(try model.embed([tokens], weights: weights), weights: weights)
      _ = try model.logits(done, rows: Self.prompt - 1..<Self.prompt, weights: weights)
    }
    let decode = try best {
      var cache = model.makeCache(capacity: Self.generated)
      for token in tokens.prefix(Self.generated) { _ = try model.append([token], to: &cache, weights: weights) }
    }
    let ours = (prefill: Double(Self.prompt) / prefill, decode: Double(Self.generated) / decode)
    let theirs = try peer(path)
    func row(_ name: String, _ own: Double, _ peer: Double?) {
      Table.row(name, "\(fixed(own, 1))", peer.map { "llama.cpp \(fixed($0, 1)); \(fixed(own / $0, 2)) of it" } ?? "")
    }
    row("a text of \(Self.prompt) tokens", ours.prefill, theirs?["pp\(Self.prompt)"])
    row("token after token, \(Self.generated)", ours.decode, theirs?["tg\(Self.generated)"])
    if theirs == nil { Table.note("llama.cpp left out: LLAMA_BENCH names no llama-bench") }
  }

  private func best(_ body: @escaping @Sendable () throws -> Void) throws -> Double {
    try (0..<3).map { _ in try seconds { try Machine.pinned(threads: 1) { _ in try body() } } }.min() ?? 0
  }

  /// llama-bench's tokens a second, the best of its runs, on one processor.
  private func peer(_ path: String) throws -> [String: Double]? {
    guard let program = getenv("LLAMA_BENCH").map({ String(cString: $0) }), access(program, X_OK) == 0 else {
      return nil
    }
    return try Python.run(Self.script, [program, path, "\(Self.prompt)", "\(Self.generated)"])
  }

  private static let script = """
    import json, os, subprocess, sys
    program, path, prompt, generated = sys.argv[1:]
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    for tests in (["-p", prompt, "-n", "0"], ["-p", "0", "-n", generated]):
        done = subprocess.run([program, "-m", path, "-t", "1", "-r", "3", "-o", "json", *tests], capture_output=True)
        for test in json.loads(done.stdout):
            name = f"pp{test['n_prompt']}" if test["n_prompt"] else f"tg{test['n_gen']}"
            print(name, max(test["samples_ts"]))
    """
}
