import Foundation
import Support
import Testing

@testable import Checkpoints

/// A pipeline's folder of diffusers opens as its parts.
struct PipelineTests {
  let scratch: ScratchFolder

  init() throws { scratch = try ScratchFolder() }

  private func part(_ name: String, _ file: String, _ tensors: [(String, [Int])], config: String = "{}") throws {
    let folder = scratch.path(name)
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let bytes = Support.safetensors(tensors.map { ($0.0, $0.1, counted($0.1.reduce(1, *))) })
    try Data(bytes).write(to: URL(fileURLWithPath: "\(folder)/\(file)"))
    try Data(config.utf8).write(to: URL(fileURLWithPath: "\(folder)/config.json"))
  }

  private func index(_ parts: String) throws {
    try scratch.write(
      #"{"_class_name": "StableDiffusionPipeline", "_diffusers_version": "0.30", \#(parts)}"#, to: "model_index.json")
  }

  @Test func partsStandUnderTheirNames() throws {
    try index(
      """
      "unet": ["diffusers", "UNet2DConditionModel"], "text_encoder": ["transformers", "CLIPTextModel"],
      "tokenizer": ["transformers", "CLIPTokenizer"], "safety_checker": [null, null]
      """)
    try part(
      "unet", "diffusion_pytorch_model.safetensors",
      [("down_blocks.1.attentions.0.proj.weight", [4, 3]), ("down_blocks.1.attentions.0.proj.bias", [4])])
    try part(
      "text_encoder", "model.safetensors", [("embed_tokens.weight", [5, 2])], config: #"{"tie_word_embeddings": true}"#)
    try FileManager.default.createDirectory(atPath: scratch.path("tokenizer"), withIntermediateDirectories: true)
    try scratch.write("{}", to: "tokenizer/vocab.json")

    let model = try Checkpoint.open(scratch.path)
    let layers = Dictionary(uniqueKeysWithValues: model.layers.enumerated().map { ($1.name, $0) })
    let names = model.layers.map(\.name)
    let projection = try #require(layers["unet.down_blocks.1.attentions.0.proj"], "\(names)")
    let layer = model.layers[projection]
    #expect(layer.block == 1 && layer.blockName == "unet.down_blocks.1" && layer.bias != nil)
    #expect(try model.matrix(layer: projection) == counted(12))
    let embedding = try #require(layers["text_encoder.embed_tokens"], "\(names)")
    #expect(try model.matrix(layer: embedding) == counted(10))
    #expect(model.layers[embedding].ties == ["text_encoder.lm_head"])
    #expect(model.parameterCount == 12 + 4 + 10)
    #expect(model.metadata.contains { $0 == ("pipeline", "StableDiffusionPipeline") })
  }

  @Test func aPartThatDoesNotOpenHidesNoOther() throws {
    try index(#""unet": ["diffusers", "A"], "vae": ["diffusers", "B"]"#)
    try part("unet", "diffusion_pytorch_model.safetensors", [("a.weight", [2, 2])])
    try part("vae", "diffusion_pytorch_model.safetensors", [("b.weight", [2, 2])])
    try scratch.write([1, 2, 3], to: "vae/diffusion_pytorch_model.safetensors")
    let model = try Checkpoint.open(scratch.path)
    #expect(model.layers.map(\.name) == ["unet.a"])
    #expect(model.metadata.contains { $0.key == "left out" && $0.value.hasPrefix("vae: ") })
    try scratch.write([1, 2, 3], to: "unet/diffusion_pytorch_model.safetensors")
    #expect(throws: CheckpointError.self) { try Checkpoint.open(scratch.path) }
  }

  /// Packed weights find their scales behind another part's tensors.
  @Test func packedWeightsMove() throws {
    try index(#""a": ["diffusers", "A"], "b": ["diffusers", "B"]"#)
    for name in ["a", "b"] {
      try FileManager.default.copyItem(atPath: Fixtures.fixture("packed/fp8-scale"), toPath: scratch.path(name))
    }
    let (whole, part) = (try Checkpoint.open(scratch.path), try Checkpoint.open(Fixtures.fixture("packed/fp8-scale")))
    let count = part.layers.count
    #expect(whole.layers.count == 2 * count)
    for index in part.layers.indices where part.layers[index].matrix != nil {
      let values = try part.matrix(layer: index)
      #expect(try whole.matrix(layer: index) == values && whole.matrix(layer: index + count) == values)
    }
  }
}
