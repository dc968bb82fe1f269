import Checkpoints
import Compression
import Foundation
import Numerics
import Support
import Testing

@testable import Workbench

/// Models of every format as plain numbers.
@Suite struct SafetensorsWriterTests {
  private let out: ScratchFolder

  init() throws { out = try ScratchFolder() }

  private func session(_ sample: String, _ rules: String...) throws -> Session {
    let path = Fixtures.root.appending(path: sample).path
    var session = Session(try Checkpoint.open(path))
    for rule in rules { try session.set(rule) }
    return session
  }

  /// Writes, compares, and reads back: chosen weights are their reconstructions, all others what they were.
  private func check(
    _ session: Session, _ writer: SafetensorsWriter = SafetensorsWriter(), at path: String, as type: ElementType? = nil
  ) throws {
    let export = try writer.write(session, to: path, WritingOptions(workers: 3))
    #expect(try writer.size(session) == export.bytes)
    try writer.verify(session, at: path, WritingOptions())
    let written = try Checkpoint.open(path)
    for item in session.items where item.isReadable {
      let place = try #require(written.tensors.firstIndex { $0.name == session.checkpoint.tensors[item.id].name })
      let found = try written.floats(tensor: place)
      if session.recipe[item].isKeep {
        #expect(try found == session.checkpoint.floats(tensor: item.id), "\(item.name)")
        continue
      }
      var expected = try session.reconstruction(of: item)
      if item.kind == .weight { expected = item.matrix.storageOrder(expected) }
      if written.tensors[place].type == .f16 { expected = expected.map { HalfType.f16.float(HalfType.f16.bits($0)) } }
      #expect(found == expected, "\(item.name)")
      if let type { #expect(written.tensors[place].type == type) }
    }
  }

  @Test func aGraphBecomesAFileOfItsTensors() throws {
    try check(
      try session("Samples/digits-cnn.onnx", "*=int4,channel", "/fc2*=ternary"), at: out.path("d.safetensors"), as: .f32
    )
  }

  @Test func halvesStayHalvesAndBlocksBecomeFloats() throws {
    try check(
      try session("Samples/shakespeare-llama-f16.gguf", "*attn_q*=int3,group=32", "*ffn_down*=q4_0"),
      at: out.path("l.safetensors"), as: .f16)
    let blocks = try session("Samples/shakespeare-llama-f16.gguf", "*=q8_0")
    _ = try GGUFWriter().write(blocks, to: out.path("b.gguf"), WritingOptions())
    var packed = Session(try Checkpoint.open(out.path("b.gguf")))
    try packed.set("*attn_k*=int4,channel")
    try check(packed, at: out.path("b.safetensors"))
  }

  @Test func aLargeOneIsCutIntoShards() throws {
    var writer = SafetensorsWriter()
    writer.largestShard = 100_000
    let session = try session("Samples/digits-cnn.onnx", "*=int4,channel")
    try check(session, writer, at: out.path("shards"))
    #expect(out.bytes(of: "shards/model.safetensors.index.json") != nil)
    let names = try FileManager.default.contentsOfDirectory(atPath: out.path("shards")).filter {
      $0.hasSuffix("-of-00003.safetensors")
    }
    #expect(names.count == 3)
  }

  @Test func aFolderKeepsItsFilesAndWhatGoesWithThem() throws {
    try check(try session("Samples/shakespeare-llama", "*q_proj*=int4,channel"), at: out.path("new"))
    let own = Fixtures.root.appending(path: "Samples/shakespeare-llama/config.json")
    #expect(out.bytes(of: "new/config.json") == [UInt8](try Data(contentsOf: own)))
  }

  @Test func whatIsPackedIsNamedOnceForAll() throws {
    let session = try session("Tests/Fixtures/formats/gptq.safetensors", "*=f16")
    let error = #expect(throws: WorkbenchError.self) { try SafetensorsWriter().plan(session) }
    #expect(error?.kind == .misfit && error?.description.contains("packed as GPTQ") == true)
  }
}
