import Support
import Testing

@testable import Checkpoints

/// Views whose signs are turned, and arrays that are none of numbers (Tests/Peers/make_views.py).
@Suite struct ViewTests {
  @Test func aNegativeViewHasTheOtherSigns() throws {
    let model = try Checkpoint.open(Fixtures.fixture("views/negative.pt"))
    func values(_ name: String) throws -> [Float] {
      try model.floats(tensor: try #require(model.tensors.firstIndex { $0.name == name }))
    }
    #expect(try values("plain.weight") == [1, -2, 3, -4, 5, -6])
    #expect(try values("negative.weight") == [-1, 2, -3, 4, -5, 6])
    // They are not the same numbers, though they are the same bytes.
    #expect(model.ties.isEmpty && model.parameterCount == 12)
  }

  @Test func oneArrayOfTextHidesNoOther() throws {
    let model = try Checkpoint.open(Fixtures.fixture("views/kinds.npz"))
    #expect(model.tensors.map(\.name) == ["weight"])
    let left = try #require(model.metadata.first { $0.key == "left out" }?.value)
    #expect(left.contains("labels holds text") && left.contains("things holds Python objects"))
  }
}

/// What names and shapes say of layers.
@Suite struct RoleTests {
  @Test(arguments: [
    ("shared.weight", [32, 8], Layer.Role.embedding), ("model.layers.0.mlp.router.weight", [8, 64], .router),
    ("model.layers.0.feed_forward.router.weight", [8, 64], .router), ("h.0.moe.gate.wg.weight", [8, 64], .router),
    ("encoder.block.1.layer.1.mlp.router.classifier.weight", [8, 64], .router),
    ("model.layers.0.block_sparse_moe.gate.weight", [8, 64], .router),
    ("model.layers.0.mlp.gate_proj.weight", [64, 64], .feedForwardGate),
    ("vision.patch_embed.proj.weight", [64, 3, 16, 16], .convolution),
    ("vision.embeddings.patch_embedding.weight", [64, 3, 14, 14], .convolution),
    ("model.embed_tokens.weight", [32, 8], .embedding), ("normal.weight", [8, 8], .linear),
    ("layers.0.attn.q_norm.weight", [8, 8], .norm),
  ])
  func namesAndShapesSayWhatALayerDoes(name: String, shape: [Int], role: Layer.Role) {
    let short = name.hasSuffix(".weight") ? String(name.dropLast(7)) : name
    #expect(Layer.Role(name: short, shape: shape) == role)
  }
}
