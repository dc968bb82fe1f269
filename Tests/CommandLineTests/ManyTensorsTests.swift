import Support
import Testing

/// What tens of thousands of tensors take: far less than the 700 MB that whole surveys of all would.
@Suite struct ManyTensorsTests {
  #if os(Linux)
    @Test func manyTensorsTakeLittleMemory() throws {
      let folder = try ScratchFolder()
      let path = try folder.write(manyTensors(40_000), to: "many.safetensors")
      let result = try Program.shell("ulimit -v 600000; exec \"$0\" inspect '\(path)' > '\(folder.path("out"))'")
      #expect(result.status == 0, "\(result.errors) \(result.signal ?? 0)")
      let text = String(decoding: folder.bytes(of: "out") ?? [], as: UTF8.self)
      #expect(text.contains("model.layers.5714.self_attn.k_proj"))
    }
  #endif
}
