#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Writing GGUF, beside llama-quantize on the same cores and the same file: `lathe export --to gguf` as a person runs it.
///
/// Processor time is compared, the kernel's part (reading and writing pages) included: other work on the machine does
/// not count. The tensors' bytes are the same.
struct Exporting {
  let lathe: String
  let scratch: Scratch

  private static let layers = 4
  private static let types = ["f16", "q8_0", "q4_0", "q5_k", "q4_k", "q6_k", "q2_k", "q3_k", "iq4_xs"]

  func run() throws {
    let model = GeneratedModel.llama(layers: Self.layers, width: 2048, hidden: 5632, vocabulary: 1024)
    Table.title(
      "exporting: \(model.byteCount >> 20) MiB of F16 to GGUF on \(Machine.cores) cores; MB of input a second of processor time, best of 3"
    )
    let source = "\(scratch.path)/source.gguf"
    let ours = "\(scratch.path)/ours.gguf"
    let theirs = "\(scratch.path)/theirs.gguf"
    let config = "\(scratch.path)/config.json"
    defer {
      for file in [source, ours, theirs, config, scratch.model] { unlink(file) }
    }
    try model.write(to: scratch.model, .normal)
    try Self.config.write(to: config)
    _ = try usage(lathe, ["export", scratch.model, "--set", "*=f16", "--to", "gguf", "-o", source])
    let peer = getenv("LLAMA_QUANTIZE").map { String(cString: $0) } ?? "llama-quantize"
    let hasPeer = (try? usage(peer, ["--help"], mayFail: true)) != nil
    if !hasPeer { Table.note("LLAMA_QUANTIZE=PATH (or llama-quantize in PATH) compares with llama.cpp") }
    for type in Self.types {
      let own = try best { try usage(lathe, ["export", source, "--set", "*=\(type)", "--to", "gguf", "-o", ours]) }
      var comparison = "\(fixed(own.wall, 2)) s, \(own.memory >> 20) MiB"
      if hasPeer, let other = try? best({ try usage(peer, ["--pure", source, theirs, type, "\(Machine.cores)"]) }) {
        comparison +=
          "; llama-quantize \(rate(model.byteCount, other.processor)) MB/s, \(fixed(other.wall, 2)) s, \(other.memory >> 20) MiB: \(fixed(other.processor / own.processor, 1))×"
      }
      Table.row(type, "\(rate(model.byteCount, own.processor)) MB/s", comparison)
    }
  }

  private func rate(_ bytes: Int, _ seconds: Double) -> String { fixed(Double(bytes) / seconds / 1e6, 0) }

  private struct Usage {
    var wall: Double
    var processor: Double
    var memory: Int
  }

  private func best(_ body: () throws -> Usage) throws -> Usage {
    try (0..<3).map { _ in try body() }.min { $0.processor < $1.processor }!
  }

  /// Runs a program to its end, silent.
  private func usage(_ program: String, _ words: [String], mayFail: Bool = false) throws -> Usage {
    #if canImport(Darwin)
      var actions: posix_spawn_file_actions_t?
    #else
      var actions = posix_spawn_file_actions_t()
    #endif
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    for descriptor in [CInt(1), 2] { posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", O_WRONLY, 0) }
    var arguments: [UnsafeMutablePointer<CChar>?] = ([program] + words).map { (word: String) in strdup(word) } + [nil]
    defer { for argument in arguments { free(argument) } }
    var child = pid_t()
    var result = Usage(wall: 0, processor: 0, memory: 0)
    var status: CInt = 0
    result.wall = try seconds {
      guard posix_spawnp(&child, program, &actions, nil, &arguments, environ) == 0 else {
        throw Failure("\(program) cannot be run")
      }
      var used = rusage()
      guard wait4(child, &status, 0, &used) == child else { throw Failure.system("waiting for \(program)") }
      func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) * 1e-6 }
      result.processor = seconds(used.ru_utime) + seconds(used.ru_stime)
      result.memory = used.ru_maxrss * 1024
    }
    guard status == 0 || mayFail else { throw Failure("\(program) \(words.joined(separator: " ")) failed") }
    return result
  }

  /// What makes llama.cpp take the model for one that it runs.
  private static let config = """
    {"architectures": ["LlamaForCausalLM"], "vocab_size": 1024, "hidden_size": 2048, "intermediate_size": 5632,
     "num_hidden_layers": \(layers), "num_attention_heads": 16, "num_key_value_heads": 4, "rms_norm_eps": 1e-5,
     "max_position_embeddings": 256}
    """
}

extension String {
  /// Writes a small file.
  fileprivate func write(to path: String) throws {
    let file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
    guard file >= 0 else { throw Failure.system(path) }
    defer { close(file) }
    try Array(utf8).withUnsafeBytes { try writeAll(file, $0) }
  }
}
