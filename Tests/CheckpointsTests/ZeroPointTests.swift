import Checkpoints
import Support
import Testing

/// GPTQ's zero points are stored less one, unless its config says `gptq_v2`; where they say otherwise a reader is told.
struct ZeroPointTests {
  let folder = TemporaryFolder()

  private func doubt(format: String, zeros: UInt32) throws -> String? {
    // 8 inputs by 8 outputs in 4 bits, two groups.
    var bytes = ByteWriter()
    let header =
      """
      {"a.qweight": {"dtype": "I32", "shape": [1, 8], "data_offsets": [0, 32]}, \
      "a.qzeros": {"dtype": "I32", "shape": [2, 1], "data_offsets": [32, 40]}, \
      "a.scales": {"dtype": "F32", "shape": [2, 8], "data_offsets": [40, 104]}}
      """
    bytes.integer(UInt64(header.utf8.count))
    bytes.text(header)
    for _ in 0..<8 { bytes.integer(UInt32(0x8765_4321)) }
    for _ in 0..<2 { bytes.integer(zeros) }
    for _ in 0..<16 { bytes.integer(Float(1).bitPattern) }
    folder.write("model.safetensors", bytes.bytes)
    folder.write(
      "config.json",
      #"{"quantization_config": {"quant_method": "gptq", "bits": 4, "group_size": 4, "checkpoint_format": "\#(format)"}}"#
    )
    return try #require(Checkpoint.open(folder.path).layers[0].packing).doubt
  }

  @Test func zerosThatContradictTheConfigAreSaid() throws {
    #expect(try doubt(format: "gptq", zeros: 0x7777_7777) == nil)
    #expect(try doubt(format: "gptq_v2", zeros: 0x8888_8888) == nil)
    // Asymmetric ones say nothing.
    #expect(try doubt(format: "gptq", zeros: 0x8877_5432) == nil)
    #expect(try doubt(format: "gptq", zeros: 0x8888_8888)?.contains("gptq_v2") == true)
    #expect(try doubt(format: "gptq_v2", zeros: 0x7777_7777)?.contains("read as gptq_v2") == true)
  }
}
