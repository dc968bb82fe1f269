import Checkpoints
import Inference
import Numerics

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// `benchmarks run-network MODEL INPUTS OUTPUTS [RUNS]`: runs a network on the arrays of a file (.npz, .safetensors),
/// writes its outputs as .safetensors, and prints the seconds of the fastest run: what Tests/Peers/compare_networks.py
/// compares with onnxruntime.
enum RunNetwork {
  static func run(_ words: [String]) throws {
    guard words.count >= 3 else { throw Failure("run-network takes a model, a file of inputs and one for outputs") }
    let network = try Network(try Checkpoint.open(words[0]))
    let file = try Checkpoint.open(words[1])
    var inputs: [String: Value] = [:]
    for input in network.inputs {
      guard let tensor = file.tensor(named: input.name) else { throw Failure("\(words[1]) has no \(input.name)") }
      inputs[input.name] =
        tensor.type.isFloatingPoint
        ? Value(tensor.shape, try file.floats(tensor)) : Value(tensor.shape, integers: try file.integers(tensor))
    }
    let weights = try network.loadWeights()
    var outputs = try network.run(inputs, weights: weights)
    var best = Double.infinity
    for _ in 0..<(words.count > 3 ? Int(words[3]) ?? 1 : 1) {
      best = min(best, try seconds { outputs = try network.run(inputs, weights: weights) })
    }
    try write(outputs, to: words[2])
    print("seconds \(best)")
    if getenv("LATHE_PROFILE") != nil { try profile(network, inputs, weights) }
  }

  /// Prints what each operator takes.
  private static func profile(_ network: Network, _ inputs: [String: Value], _ weights: Weights) throws {
    var times: [String: Double] = [:]
    var last: (String, ContinuousClock.Instant)?
    func stop() {
      guard let (name, start) = last else { return }
      let elapsed = (ContinuousClock.now - start).components
      times[name, default: 0] += Double(elapsed.seconds) + Double(elapsed.attoseconds) * 1e-18
    }
    _ = try network.run(inputs, weights: weights) { step, _ in
      stop()
      last = (step.node.operatorName, .now)
    }
    stop()
    for (name, time) in times.sorted(by: { $0.value > $1.value }).prefix(12) { print("operator \(name) \(time)") }
  }

  /// A safetensors file of F32 and I64.
  private static func write(_ values: [String: Value], to path: String) throws {
    var entries: [String] = []
    var body: [UInt8] = []
    for (name, value) in values.sorted(by: { $0.key < $1.key }) {
      let start = body.count
      switch value.elements {
      case .floats(let floats): floats.withUnsafeBytes { body += $0 }
      case .integers(let integers): integers.withUnsafeBytes { body += $0 }
      }
      let type = value.floats == nil ? "I64" : "F32"
      entries.append(
        "\"\(name)\":{\"dtype\":\"\(type)\",\"shape\":\(value.shape),\"data_offsets\":[\(start),\(body.count)]}")
    }
    let header = Array("{\(entries.joined(separator: ","))}".utf8)
    var bytes = withUnsafeBytes(of: UInt64(header.count).littleEndian) { Array($0) }
    bytes += header + body
    guard let file = fopen(path, "wb") else { throw Failure.system("cannot write \(path)") }
    defer { fclose(file) }
    guard fwrite(bytes, 1, bytes.count, file) == bytes.count else { throw Failure.system("cannot write \(path)") }
  }
}
