import Checkpoints
import Compression
import FileAccess
import Inference
import Numerics
import Support
import Testing

@testable import Workbench

/// Biases that were moved or corrected, in what is written.
@Suite struct CorrectedBiasTests {
  private let folder = TemporaryFolder()

  /// A copy with changed numbers is the network that was measured.
  @Test func aCopyComputesWhatWasMeasured() throws {
    var session = Session(try Checkpoint.open(sample("digits-cnn.onnx")))
    try session.apply([try Rule("*=int4,tensor")])
    #expect(try session.chooseEqualised(all: true).pairs == 4)
    let biases = try session.chooseCorrectedBiases()
    #expect(biases.biases == 5 && biases.withoutBias == 0)
    var request = RecoveryRequest(MeasurementRequest(data: sample("digits-calibration.npz")))
    request.equalises = true
    let found = try #require(try session.recover(request))
    #expect(session.take(found.chosen).isEmpty && session.unrecovered.isEmpty)
    let test = MeasurementRequest(data: sample("digits-test.npz"))
    let measured = try #require(try session.measure(test))
    let path = try session.writeCandidate(in: folder.path, proceed: { true })
    let copy = Session(try Checkpoint.open(path))
    let again = try #require(try copy.measure(test))
    func entropy(_ one: Measurement) -> Double { one.metrics.first { $0.name == "cross entropy" }?.value ?? .nan }
    #expect(abs(entropy(measured) - entropy(again)) < 1e-6)
    // It is not the original's, and its biases are what was chosen.
    #expect(measured.metrics.contains { $0.name == "KL divergence" && $0.value > 1e-4 })
    let bias = try #require(copy.checkpoint.tensor(named: "conv2.bias"))
    let chosen = try #require(found.chosen["conv2.bias"])
    #expect(try copy.checkpoint.floats(bias) == chosen.values)
    #expect(
      chosen.values != (try session.checkpoint.floats(try #require(session.checkpoint.tensor(named: "conv2.bias")))))
    // Without one of them the others would be another network.
    try session.apply([try Rule("fc1.bias=keep")])
    do {
      _ = try session.measure(test)
      Issue.record("it was measured")
    } catch { #expect("\(error)".contains("fc1.bias: was equalised together with")) }
  }

  /// Of a transformer's biases too, in GGUF; layers without one are counted.
  @Test(arguments: [("qwen2", 6), ("llama-3", 8)]) func biasesOfATransformerAreWritten(_ model: String, _ count: Int)
    throws
  {
    var random = SeededGenerator(2)
    var bytes: [UInt8] = []
    let header = "{'descr': '<i4', 'fortran_order': False, 'shape': (640,), }"
    bytes += [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(header.utf8.count + 1), 0] + Array(header.utf8) + [10]
    for _ in 0..<640 {
      withUnsafeBytes(of: Int32.random(in: 0..<48, using: &random).littleEndian) { bytes += $0 }
    }
    let data = folder.write("tokens.npy", bytes)
    var session = Session(try Checkpoint.open(fixture("transformers/\(model)")))
    try session.apply([try Rule("*_proj=q4_0")])
    let choice = try session.chooseCorrectedBiases()
    // Of seven a block what goes down does not fit, and the feed-forward part has none.
    #expect(choice.biases == count && choice.withoutBias == 12 - count)
    let request = RecoveryRequest(MeasurementRequest(data: data, context: 32))
    let recovered = try #require(try session.recover(request))
    session.take(recovered.chosen)
    let name = "model.layers.1.self_attn.q_proj.bias"
    let chosen = try #require(recovered.chosen[name])
    let own = try session.checkpoint.floats(try #require(session.checkpoint.tensor(named: name)))
    #expect(chosen.values != own && zip(chosen.values, own).allSatisfy { abs($0 - $1) < 1 })
    let path = "\(folder.path)/m.gguf"
    _ = try GGUFWriter().write(session, to: path, WritingOptions())
    let written = try Checkpoint.open(path)
    let tensor = try #require(written.tensors.first { $0.name == "blk.1.attn_q.bias" })
    // llama.cpp's Llama has each head's halves interleaved.
    let order = { (index: Int) in model == "qwen2" ? index : index / 8 * 8 + index % 2 * 4 + index % 8 / 2 }
    let found = try written.floats(tensor)
    #expect(found.indices.allSatisfy { abs(found[$0] - chosen.values[order($0)]) <= 1e-3 })
  }
}
