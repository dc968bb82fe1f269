import Checkpoints
import Support
import Testing

@testable import Workbench

/// What vLLM runs as one must have one scheme: w1 and w3, all experts of a block, and MLA's two projections of a block.
@Suite struct FusedExpertsTests {
  private static func session(_ names: [String]) throws -> Session {
    let folder = try ScratchFolder()
    var generator = SeededGenerator(5)
    let tensors = names.map { ("model.layers.0.\($0).weight", [64, 64], generator.gaussian(64 * 64)) }
    return Session(try Checkpoint.open(try folder.write(safetensors(tensors), to: "model.safetensors")))
  }

  @Test(arguments: ["llm-compressor", "compressed-tensors-config", "gptqmodel", "auto-round"])
  func expertsOfABlockAgree(target: String) throws {
    var session = try Self.session([
      "block_sparse_moe.experts.0.w1", "block_sparse_moe.experts.0.w3", "block_sparse_moe.experts.1.w2",
    ])
    try session.set("*=int4,group=64")
    _ = try session.export(to: .named(target), path: "o")
    try session.set("*.experts.0.w3=int8,group=64")
    #expect(throws: WorkbenchError.self) { try session.export(to: .named(target), path: "o") }
    try session.set("*.w1=int8,group=64")
    #expect { try session.export(to: .named(target), path: "o") } throws: { "\($0)".contains("experts.*") }
    try session.set("*.w2=int8,group=64")
    _ = try session.export(to: .named(target), path: "o")
  }

  @Test func theTwoProjectionsOfLatentAttentionAgree() throws {
    var session = try Self.session(["self_attn.q_a_proj", "self_attn.kv_a_proj_with_mqa"])
    try session.set("*=int4,group=64", "*q_a_proj=int8,group=64")
    #expect(throws: WorkbenchError.self) { try session.export(to: .named("llm-compressor"), path: "o") }
  }
}
