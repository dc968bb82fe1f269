import Checkpoints
import Support
import Testing

struct FolderTests {
  let folder = TemporaryFolder()
  let one = safetensors(#"{"a.weight":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}"#, data: 2)
  let two = safetensors(#"{"b.weight":{"dtype":"F16","shape":[1,2],"data_offsets":[0,4]}}"#, data: 4)

  @Test func shardsOpenByTheirIndexAndAsAFolder() throws {
    folder.write("model-1.safetensors", one)
    folder.write("model-2.safetensors", two)
    let index = folder.write(
      "model.safetensors.index.json",
      #"{"metadata": {"total_size": 6}, "weight_map": {"a.weight": "model-1.safetensors", "b.weight": "model-2.safetensors"}}"#
    )
    folder.write(
      "config.json",
      #"{"architectures": ["LlamaForCausalLM"], "tie_word_embeddings": true, "quantization_config": {"bits": 4}, "x": [1]}"#
    )
    for path in [index, folder.path] {
      let model = try Checkpoint.open(path)
      #expect(model.tensors.map(\.name) == ["a.weight", "b.weight"] && model.files.count == 2)
      #expect(model.metadata.contains { $0 == ("total_size", "6") })
    }
    let metadata = try Checkpoint.open(folder.path).metadata
    #expect(metadata.contains { $0 == ("architecture", "LlamaForCausalLM") })
    #expect(metadata.contains { $0 == ("tie_word_embeddings", "true") })
    #expect(metadata.contains { $0 == ("quantization_config", #"{"bits": 4}"#) })
  }

  @Test func anIndexThatNamesAMissingFileIsRefused() {
    let path = folder.write("model.safetensors.index.json", #"{"weight_map": {"a": "gone.safetensors"}}"#)
    expectRefusal(path, "gone.safetensors: cannot open")
  }
  @Test func anIndexThatLeavesItsFolderIsRefused() {
    for name in ["../x.safetensors", "/etc/passwd", "a/../../x", ""] {
      let path = folder.write("model.safetensors.index.json", #"{"weight_map": {"a": "\#(name)"}}"#)
      expectRefusal(path, "not in its folder")
    }
  }
  @Test func aTensorThatItsShardLacksIsRefused() {
    folder.write("one.safetensors", one)
    let path = folder.write("model.safetensors.index.json", #"{"weight_map": {"z": "one.safetensors"}}"#)
    expectRefusal(path, "does not hold it")
  }
  @Test func aFolderWithoutAModelIsRefused() {
    folder.write("notes.txt", "hello")
    expectRefusal(folder.path, "holds no model")
  }
  @Test func aFolderWithTwoModelsIsRefused() {
    folder.write("a.gguf", "x")
    folder.write("b.gguf", "x")
    expectRefusal(folder.path, "name one of them")
  }
  @Test func aFolderWithOneGGUFOpens() throws {
    folder.write("model.gguf", contents(fixture("models/small.gguf")))
    #expect(try Checkpoint.open(folder.path).format == .gguf)
  }
  @Test func filesThatAreNoModelsAreRefused() {
    expectRefusal(folder.write("a.gguf", ""), "is empty")
    expectRefusal(folder.write("a.txt", "hello world, this is text\n"), "is a text file")
    expectRefusal(
      folder.write("a.safetensors", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"),
      "git-lfs")
    expectRefusal(folder.write("a.json", #"{"hello": 1}"#), "is a text file")
    expectRefusal(folder.write("a.pt", [0x80, 2, 0x7D, 0x71]), "pickle")
    expectRefusal(folder.write("a.zip", [0x50, 0x4B, 3, 4] + [UInt8](repeating: 0, count: 40)), "zip")
    expectRefusal("\(folder.path)/nothing", "cannot open")
    expectRefusal("/dev/null", "device")
  }
}

struct SeveralFilesTests {
  let folder = TemporaryFolder()
  let one = safetensors(#"{"a.weight":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}"#, data: 2)
  let two = safetensors(#"{"b.weight":{"dtype":"F16","shape":[1,2],"data_offsets":[0,4]}}"#, data: 4)

  @Test func aPatternOfTheShellOpensItsFilesAsOneModel() throws {
    let paths = [
      folder.write("model-00001-of-00002.safetensors", one), folder.write("model-00002-of-00002.safetensors", two),
    ]
    let model = try Checkpoint.open("\(folder.path)/model-*.safetensors")
    #expect(model.tensors.map(\.name) == ["a.weight", "b.weight"] && model.files.count == 2)
    #expect(try Checkpoint.open(paths).tensors == model.tensors)
    #expect(try Checkpoint.open(paths[1]).tensors == model.tensors)
  }
  @Test func aPatternOfASplitGGUFOpensItOnce() throws {
    let model = try Checkpoint.open(fixture("formats/split-*.gguf"))
    #expect(model.tensors.count == 5)
  }
  @Test func partsThatAreMissingAreRefused() {
    let paths = [
      folder.write("model-00001-of-00003.safetensors", one), folder.write("model-00003-of-00003.safetensors", two),
    ]
    #expect {
      try Checkpoint.open(paths)
    } throws: { "\($0)".contains("1 are missing: number 2") }
  }
  @Test func aTensorInTwoFilesIsRefused() {
    let paths = [folder.write("a.safetensors", one), folder.write("b.safetensors", one)]
    #expect {
      try Checkpoint.open(paths)
    } throws: { "\($0)".contains("occurs twice") }
  }
  @Test func filesOfTwoFormatsAreRefused() {
    let paths = [folder.write("a.safetensors", one), fixture("models/small.gguf")]
    #expect {
      try Checkpoint.open(paths)
    } throws: { "\($0)".contains("shards of one format") }
  }
  @Test func standardInputIsRefused() {
    #expect {
      try Checkpoint.open("-")
    } throws: { "\($0)".contains("standard input") }
  }

  @Test func aTiedEmbeddingSaysWhatItServesAndCountsOnce() throws {
    let model = try Checkpoint.open(fixture("formats/shards"))
    #expect(try model.layer("model.embed_tokens").ties == ["lm_head"])
    #expect(model.parameterCount == 8 * 4 + 4 + 6 * 4)
    // Opened by its index or as a pattern it is the same model.
    let index = try Checkpoint.open(fixture("formats/shards/model.safetensors.index.json"))
    #expect(try index.layer("model.embed_tokens").ties == ["lm_head"])
  }
  @Test func aPackedLayerCountsTheWeightsThatItStandsFor() throws {
    let model = try Checkpoint.open(fixture("formats/awq.safetensors"))
    #expect(model.parameterCount == 32 * 128)
    #expect(try model.layer("model.layers.0.mlp.down_proj").role == .feedForwardDown)
  }
}
