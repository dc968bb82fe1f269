/// Time from starting `lathe MODEL` on a terminal until its first full frame has arrived.
struct FirstFrame {
  let lathe: String
  let samples: String
  let scratch: Scratch
  static let runs = 15
  /// A 20 GB file may take this much longer than the smallest sample.
  static let target = 0.05

  func run() throws {
    Table.title("first frame: start of `lathe MODEL` to the last line of its first screen, median of \(Self.runs)")
    let names = [
      "digits-cnn.safetensors", "digits-cnn.onnx", "shakespeare-llama", "shakespeare-llama-f16.gguf",
    ]
    var base: Double?
    for name in names {
      let time = try median("\(samples)/\(name)")
      Table.row(name, milliseconds(time), compare(time, base))
      base = base ?? time
    }
    let model = GeneratedModel.llama(layers: 22, width: 4096, hidden: 30_720, vocabulary: 128_000)
    try model.write(to: scratch.model, .hole)
    defer { scratch.removeModel() }
    let size = Double(model.byteCount) / 1e9
    let time = try median(scratch.model)
    let verdict = time - (base ?? 0) < Self.target ? "met" : "missed"
    Table.row(
      "sparse safetensors, \(fixed(size, 1)) GB, \(model.tensors.count) tensors", milliseconds(time),
      "\(compare(time, base)); target: under +\(fixed(Self.target * 1000, 0)) ms, \(verdict)")
  }

  private func compare(_ time: Double, _ base: Double?) -> String {
    guard let base else { return "the smallest sample, compared with below" }
    return "\(time < base ? "" : "+")\(fixed((time - base) * 1000, 1)) ms"
  }

  private func median(_ model: String) throws -> Double {
    // Once before, so that program and header are in the page cache.
    _ = try once(model)
    return try (0..<Self.runs).map { _ in try once(model) }.median
  }

  private func once(_ model: String) throws -> Double {
    let terminal = try PseudoTerminal([lathe, model])
    defer { terminal.end() }
    var screen = TerminalScreen(width: PseudoTerminal.width, height: PseudoTerminal.height)
    let name = String((model.split(separator: "/").last ?? "").prefix(12))
    let deadline = terminal.started + .seconds(20)
    while ContinuousClock.now < deadline, let (bytes, time) = terminal.receive(upTo: 5000) {
      screen.feed(bytes)
      // The header is drawn first, the hints at the foot last.
      if screen.text(0).contains(name), screen.text(PseudoTerminal.height - 1).contains("help") {
        return (time - terminal.started).seconds
      }
    }
    throw Failure("no first frame of \(model); the screen:\n\(screen.text)")
  }
}
