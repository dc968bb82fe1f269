import Foundation
import Support
import Testing

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Any keys and any bytes on the real program, on terminals of nine sizes, with five models: it answers, it does not crash,
/// and however it ends, the terminal is as it was.
///
/// `LATHE_TERMINAL_KEYS=200000 swift test --filter RandomKeys` types more than the thousands of a usual run;
/// `LATHE_TERMINAL_KEYS_SEED` types others, `LATHE_TERMINAL_KEYS_RUN` one run of them. The seed of what fails, and the keys, stand in the failure.
@Suite(.serialized) struct RandomKeysTests {
  private static let count = environment("LATHE_TERMINAL_KEYS") ?? 5_000
  private static let seed = environment("LATHE_TERMINAL_KEYS_SEED") ?? 1

  /// One run alone, of those that a failure names.
  private static let only = environment("LATHE_TERMINAL_KEYS_RUN")

  private static func environment(_ name: String) -> Int? {
    ProcessInfo.processInfo.environment[name].flatMap { Int($0) }
  }

  /// Rows by columns.
  private static let sizes = [
    (5, 20), (10, 40), (15, 60), (24, 80), (30, 100), (40, 120), (50, 160), (50, 200), (100, 300),
  ]
  private static let models = [
    "Samples/digits-cnn.onnx", "Samples/shakespeare-llama", "Samples/shakespeare-llama-f16.gguf",
    "Tests/Fixtures/digits-qdq.onnx", "Tests/Fixtures/plain-decode.safetensors",
  ]
  /// Keys between two looks at whether the program answers.
  private static let burst = 50
  /// Seconds within which it has to, on a machine that has other things to do.
  private static let patience = 60.0

  @Test func anyKeysAtAnySizeOnAnyModel() throws {
    // Every size and every model; in a long run each with each.
    let runs = Self.count < 20_000 ? 15 : Self.models.count * Self.sizes.count
    var typed = 0
    for run in 0..<runs where Self.only == nil || run == Self.only {
      let place = Self.sizes[run % Self.sizes.count]
      let model = Self.models[run % Self.models.count]
      let most = (run + 1) * Self.count / runs - run * Self.count / runs
      guard most > 0 else { continue }
      let seed = Self.seed * 1000 + run
      let number = "run \(run), seed \(Self.seed): \(model) at \(place.0)x\(place.1)"
      var keys = RandomKeys(seed: UInt64(seed), rows: place.0, columns: place.1)
      do {
        try Self.type(most, &keys, on: model, place)
      } catch {
        Issue.record("\(number): \(error); the last keys: \(keys.last)")
      }
      typed += most
    }
    #expect(typed == Self.count || Self.only != nil)
  }

  private static func type(
    _ count: Int, _ keys: inout RandomKeys, on model: String, _ place: (rows: Int, columns: Int)
  ) throws {
    let folder = try ScratchFolder()
    let path = Fixtures.root.appending(path: model).path
    // What is written goes to a folder of its own.
    var contract = ScreenContract(
      ["/bin/sh", "-c", "cd '\(folder.path)' && exec '\(Program.path)' '\(path)'"], ready: "\u{1B}[?1049h")
    contract.environment["XDG_STATE_HOME"] = folder.path("state")
    contract.environment["XDG_CACHE_HOME"] = folder.path("cache")
    var left = count
    while left > 0 {
      let terminal = try contract.start(width: place.columns, height: place.rows)
      var end: PseudoTerminal.End?
      while left > 0, end == nil {
        let most = min(left, burst)
        for _ in 0..<most {
          switch keys.next() {
          case .bytes(let bytes): terminal.send(bytes)
          case .resize(let rows, let columns): terminal.resize(width: columns, height: rows)
          }
          // Read as it goes: a terminal's buffer is small.
          if end == nil { end = terminal.receive(upTo: 0).end }
        }
        left -= most
        if end == nil { end = try answer(terminal) }
        terminal.forget()
      }
      if end == nil { try Self.end(terminal, bySignal: keys.isEven) }
      // Signals that come when the screen is down already, from here or of keys that the terminal makes them of again, end
      // the program as they end any.
      let ended = try terminal.waitForEnd(seconds: patience)
      guard
        [PseudoTerminal.End.exited(0), .exited(128 + SIGTERM), .exited(128 + SIGQUIT), .exited(128 + SIGINT)].contains(
          ended)
          || [SIGTERM, SIGINT, SIGQUIT].contains(where: { ended == .signalled($0) })
      else {
        throw Wrong(description: "ended by \(ended); output ends: \(terminal.output.suffix(400).debugDescription)")
      }
      try contract.checkRestored(terminal)
    }
  }

  /// Leaves by keys, or by a signal where that does not help.
  private static func end(_ terminal: PseudoTerminal, bySignal: Bool) throws {
    if !bySignal {
      for keys in ["\u{1B}", "\u{1B}", "\u{1B}", ":quit!\r"] {
        terminal.send(keys)
        _ = terminal.receive(upTo: 60)
      }
      for _ in 0..<60 where terminal.receive(upTo: 50).end == nil { continue }
    }
    if terminal.receive(upTo: 0).end == nil { terminal.signal(SIGTERM) }
  }

  /// Waits until all that was typed is worked through: Ctrl-L paints the screen, whatever is open.
  private static func answer(_ terminal: PseudoTerminal) throws -> PseudoTerminal.End? {
    let deadline = ContinuousClock.now + .seconds(patience)
    // What is written while keys still wait is no answer.
    while terminal.receive(upTo: 20).count > 0, ContinuousClock.now < deadline {}
    while ContinuousClock.now < deadline {
      terminal.send("\u{c}")
      // A paste without an end takes all that comes within a second.
      let found = terminal.receive(upTo: 1500)
      if found.end != nil || found.count > 0 { return found.end }
    }
    throw Wrong(
      description:
        "no answer within \(patience) seconds; the terminal is \(terminal.isCooked ? "the shell's" : "raw"), its "
        + "modes \(terminal.modes.sorted()); output ends: \(terminal.output.suffix(200).debugDescription)")
  }
}

private struct Wrong: Error, CustomStringConvertible {
  var description: String
}

/// Keys as somebody at a loss would press them, and bytes as no terminal sends them.
private struct RandomKeys {
  enum Step {
    case bytes([UInt8])
    case resize(rows: Int, columns: Int)
  }

  private var generator: SeededGenerator
  private let rows: Int
  private let columns: Int
  private var sent: [String] = []

  init(seed: UInt64, rows: Int, columns: Int) {
    (generator, self.rows, self.columns) = (SeededGenerator(seed), rows, columns)
  }

  /// The last that were typed.
  var last: String { sent.suffix(120).joined(separator: " ") }

  var isEven: Bool { mutating get { Bool.random(using: &generator) } }

  private static let letters = Array(
    "jjjjkkGgvvVM  JK-+=gycxspp[]{}zhl?/:oOuZtLM!mRAaCYR|<>.,0123456789abdefinNqrwW*&^%$#@~`'\"\\;_(\u{7f}é漢\u{301}")
  private static let words = [
    ":bits 4", ":bits 99999999999999999999", ":group -3", ":sparsity 2:4", ":sparsity model:0.4", ":scheme q4_k",
    ":set *=int3,sparsity=0.5", ":sort error", ":select *", ":target gguf", ":target none", ":view channels", ":keep",
    ":lock", ":session save", ":session open x", ":session save /dev/null", ":rescued discard", ":export lathe a.json",
    ":export gguf a.gguf", ":export onnx a.onnx", ":recipe a.json", ":bins a.csv", ":device", ":messages", ":front",
    ":why",
    ":metrics", ":cancel", ":analyse", "/attn", "/!fc", "/\u{202e}", "/", ":", ":\t\t\t", ":about-estimate", ":w", ":q",
    ":wq",
  ]
  private static let sequences = [
    "[A", "[B", "[C", "[D", "OA", "OB", "[H", "[F", "[5~", "[6~", "[3~", "[2~", "[1;2A", "[1;2B", "[1;5C", "[Z", "OM",
    "[200~", "[201~", "[?62;22c", "]11;rgb:ffff/ffff/ffff\u{1B}\\", "]11;rgb:0/0/0\u{7}", "]11;", "]52;c;AAAA\u{7}",
    "[", "O",
    "]", "P", "[999999999999999999999A", "[;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;", "[M", "[<", "[I", "[O",
    "[27;5;9~",
  ]

  mutating func next() -> Step {
    let step = make()
    switch step {
    case .bytes(let bytes): sent.append(String(decoding: bytes, as: UTF8.self).debugDescription)
    case .resize(let rows, let columns): sent.append("\(rows)x\(columns)")
    }
    if sent.count > 4096 { sent.removeFirst(2048) }
    return step
  }

  private mutating func make() -> Step {
    switch Int.random(in: 0..<1000, using: &generator) {
    case 0..<560: return text(String(Self.letters.randomElement(using: &generator) ?? "j"))
    case 560..<700:
      return text(["\r", "\r", "\u{1B}", "\u{1B}", "\t", "\t", "\u{7f}", " "].randomElement(using: &generator) ?? "\r")
    case 700..<800: return text("\u{1B}" + (Self.sequences.randomElement(using: &generator) ?? "[A"))
    case 800..<840: return .bytes([UInt8.random(in: 0..<0x20, using: &generator)])
    case 840..<880:
      let (word, ends) = (Self.words.randomElement(using: &generator) ?? ":", Bool.random(using: &generator))
      return text("\u{1B}\u{1B}\(word)\(ends ? "\r" : "")")
    case 880..<930:
      let button = [0, 0, 0, 1, 2, 4, 32, 35, 64, 65, 96, 999].randomElement(using: &generator) ?? 0
      let (x, y) = (
        Int.random(in: 0...columns + 2, using: &generator), Int.random(in: 0...rows + 2, using: &generator)
      )
      return text("\u{1B}[<\(button);\(x);\(y)\(Bool.random(using: &generator) ? "M" : "m")")
    case 930..<940: return text("\u{1B}[200~\(Self.words.randomElement(using: &generator) ?? "")\nx\u{1B}[201~")
    case 940..<985:
      return .bytes(
        (0..<Int.random(in: 1...6, using: &generator)).map { _ in UInt8.random(in: 0...255, using: &generator) })
    case 985..<990:
      return .resize(
        rows: Int.random(in: 1...rows + 10, using: &generator),
        columns: Int.random(in: 1...columns + 10, using: &generator))
    case 990..<995: return .resize(rows: rows, columns: columns)
    default: return text(String(repeating: "j", count: Int.random(in: 1...40, using: &generator)))
    }
  }

  private func text(_ text: String) -> Step { .bytes(Array(text.utf8)) }
}
