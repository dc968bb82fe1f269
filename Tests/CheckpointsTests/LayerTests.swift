import Checkpoints
import Support
import Testing

/// How names and shapes alone become layers.
struct LayerTests {
  let folder = TemporaryFolder()

  /// The layers of a safetensors file of these shapes.
  private func layers(_ shapes: [(String, [Int])], config: String? = nil) throws -> [String: Layer] {
    let tensors = shapes.map { ($0.0, $0.1, counted($0.1.reduce(1, *))) }
    let path = folder.write("model.safetensors", Support.safetensors(tensors))
    if let config { folder.write("config.json", config) }
    let model = try Checkpoint.open(path)
    return Dictionary(model.layers.map { ($0.name, $0) }) { first, _ in first }
  }

  @Test func gpt2sWeightsAreInputsByOutputsTheSquareOnesToo() throws {
    let layers = try layers([
      ("h.0.attn.c_attn.weight", [4, 12]), ("h.0.attn.c_attn.bias", [12]), ("h.0.attn.c_proj.weight", [4, 4]),
      ("h.0.attn.c_proj.bias", [4]), ("wte.weight", [9, 4]), ("h.0.ln_1.weight", [4]), ("h.0.ln_1.bias", [4]),
    ])
    #expect(layers["h.0.attn.c_attn"]?.matrix == MatrixShape(rows: 12, columns: 4, outer: 4))
    #expect(layers["h.0.attn.c_proj"]?.matrix == MatrixShape(rows: 4, columns: 4, outer: 4))
    #expect(layers["h.0.attn.c_proj"]?.role == .attentionOutput)
    #expect(layers["wte"]?.matrix == MatrixShape(rows: 9, columns: 4) && layers["wte"]?.role == .embedding)
    #expect(layers["h.0.ln_1"]?.role == .norm && layers["h.0.ln_1"]?.bias != nil)
  }

  @Test func aTransposedConvolutionsOutputsAreItsSecondExtent() throws {
    let layers = try layers([
      ("up.weight", [3, 5, 2, 2]), ("up.bias", [5]), ("conv.weight", [5, 3, 2, 2]), ("conv.bias", [5]),
    ])
    #expect(layers["up"]?.matrix == MatrixShape(rows: 5, columns: 12, outer: 3))
    #expect(layers["conv"]?.matrix == MatrixShape(rows: 5, columns: 12))
  }

  @Test func kernelsOfJAXAndKerasAreWeights() throws {
    let layers = try layers([
      ("params/dense/kernel", [4, 6]), ("params/dense/bias", [6]), ("params/conv/kernel", [3, 3, 2, 8]),
    ])
    #expect(layers["params/dense"]?.matrix == MatrixShape(rows: 6, columns: 4, outer: 4))
    #expect(layers["params/dense"]?.bias != nil)
    #expect(layers["params/conv"]?.matrix == MatrixShape(rows: 8, columns: 18, outer: 18))
  }

  @Test func theOldNamesOfNormsBelongTogether() throws {
    let layers = try layers([("bert.LayerNorm.gamma", [4]), ("bert.LayerNorm.beta", [4])])
    #expect(layers.count == 1 && layers["bert.LayerNorm.gamma"]?.bias == 1)
  }

  @Test func aConfigThatIsNoneChangesNothing() throws {
    let shapes = [("model.embed_tokens.weight", [6, 4])]
    #expect(try layers(shapes, config: "no JSON")["model.embed_tokens"]?.ties == [])
    #expect(try layers(shapes, config: #"{"tie_word_embeddings": true}"#)["model.embed_tokens"]?.ties == ["lm_head"])
    #expect(
      try layers(shapes, config: #"{"text_config": {"tie_word_embeddings": true}}"#)["model.embed_tokens"]?.ties
        == ["lm_head"])
  }
}
