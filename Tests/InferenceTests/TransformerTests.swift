import Checkpoints
import Foundation
import Inference
import Support
import Testing

struct TransformerTests {
  /// What transformers computes; made by Tests/Peers/make_transformer_outputs.py.
  struct Expected: Decodable {
    let tokens: [Int]
    let every: Int
    let outputs: [String: [[Float]]]
  }

  static let expected = try! Fixtures.decode(Expected.self, from: "transformers.json")
  static let families = expected.outputs.keys.sorted()

  static func model(_ name: String) throws -> Transformer {
    try Transformer(try Checkpoint.open(fixture("transformers/\(name)")))
  }

  /// Logits or hidden states of all tokens.
  static func outputs(_ model: Transformer, _ weights: TransformerWeights, _ tokens: [Int]) throws -> [Float] {
    let done = try model.run(try model.embed([tokens], weights: weights), weights: weights)
    if model.shape.isCausal { return try model.logits(done, weights: weights) }
    return try model.hiddenStates(beforeBlock: model.shape.blocks, of: [tokens], weights: weights).values
  }

  /// Outputs reach 30; Float sums in another order differ in the sixth digit.
  static let tolerance: Float = 1e-4

  static func worst(_ found: [Float], _ expected: [[Float]], every: Int) -> Float {
    let width = expected[0].count
    var worst: Float = 0
    for (index, row) in expected.enumerated() {
      for (column, value) in row.enumerated() {
        worst = max(worst, abs(found[index * every * width + column] - value) / max(1, abs(value)))
      }
    }
    return worst
  }

  @Test(arguments: families) func outputsAreTransformers(_ name: String) throws {
    let expected = Self.expected
    let model = try Self.model(name)
    let found = try Self.outputs(model, try model.loadWeights(), expected.tokens)
    let worst = Self.worst(found, try #require(expected.outputs[name]), every: expected.every)
    #expect(worst < Self.tolerance)
  }

  /// A tied model may have its one matrix under either name (safetensors keeps one of the two).
  @Test(arguments: [
    ("qwen3", "model.embed_tokens.weight"), ("gemma2", "model.embed_tokens.weight"), ("gpt2", "transformer.wte.weight"),
  ])
  func aHeadAloneIsTheEmbeddingToo(_ name: String, _ embedding: String) throws {
    let folder = TemporaryFolder()
    let path = try folder.copy("transformers/\(name)", renaming: embedding, to: "lm_head.weight")
    let model = try Transformer(try Checkpoint.open(path))
    let found = try Self.outputs(model, try model.loadWeights(), Self.expected.tokens)
    let whole = try Self.model(name)
    #expect(found == (try Self.outputs(whole, try whole.loadWeights(), Self.expected.tokens)))
  }

  @Test(arguments: families) func weightsDecodedOnUseGiveTheSameNumbers(_ name: String) throws {
    let model = try Self.model(name)
    let found = try Self.outputs(model, try model.loadWeights(resident: 0), Self.expected.tokens)
    let whole = try Self.outputs(model, try model.loadWeights(), Self.expected.tokens)
    #expect(found == whole)
  }

  @Test(arguments: families) func textsOfABatchStandAlone(_ name: String) throws {
    let model = try Self.model(name)
    let weights = try model.loadWeights()
    let texts = [Array(Self.expected.tokens[0..<9]), [3], Array(Self.expected.tokens[9..<29])]
    let together = try model.hiddenStates(beforeBlock: model.shape.blocks, of: texts, weights: weights)
    for (text, rows) in zip(texts, together.texts) {
      let alone = try model.hiddenStates(beforeBlock: model.shape.blocks, of: [text], weights: weights)
      let hidden = model.shape.hidden
      let part = together.values[rows.lowerBound * hidden..<rows.upperBound * hidden]
      #expect(zip(part, alone.values).allSatisfy { abs($0 - $1) < 1e-4 * max(1, abs($1)) })
    }
  }

  @Test(arguments: families.filter { $0 != "bert" && $0 != "mpnet" && $0 != "phi3-long" })
  func tokensOneByOneThroughTheCacheGiveTheSameLogits(_ name: String) throws {
    let model = try Self.model(name)
    let weights = try model.loadWeights()
    let tokens = Self.expected.tokens
    let whole = try Self.outputs(model, weights, tokens)
    var cache = model.makeCache(capacity: tokens.count)
    _ = try model.append(Array(tokens[0..<13]), to: &cache, weights: weights)
    for index in 13..<tokens.count {
      let logits = try model.append([tokens[index]], to: &cache, weights: weights)
      let expected = whole[index * model.vocabularySize..<(index + 1) * model.vocabularySize]
      #expect(zip(logits, expected).allSatisfy { abs($0 - $1) < 1e-4 * max(1, abs($1)) })
    }
    #expect(cache.count == tokens.count)
    do {
      _ = try model.append([1], to: &cache, weights: weights)
      Issue.record("a full cache took a token")
    } catch { #expect("\(error)".contains("40 of 40")) }
  }

  @Test(arguments: families) func aRunFromABlockOnGivesTheVeryBits(_ name: String) throws {
    let model = try Self.model(name)
    let weights = try model.loadWeights()
    let texts = [Self.expected.tokens, [1, 2, 3]]
    let whole = try model.hiddenStates(beforeBlock: model.shape.blocks, of: texts, weights: weights)
    for block in 0...model.shape.blocks {
      let prefix = try model.hiddenStates(beforeBlock: block, of: texts, weights: weights)
      #expect(prefix.nextBlock == block)
      #expect(try model.run(prefix, weights: weights).values == whole.values)
    }
  }

  @Test(arguments: families) func replacedMatricesAreRunWithoutTouchingTheOriginal(_ name: String) throws {
    let model = try Self.model(name)
    let weights = try model.loadWeights()
    let before = try Self.outputs(model, weights, Self.expected.tokens)
    // An expert that no token goes to changes nothing.
    var idle: Set<Int> = []
    _ = try model.run(try model.embed([Self.expected.tokens], weights: weights), weights: weights) { inputs in
      if inputs.rows == 0 { idle.insert(inputs.layer) }
    }
    for (index, layer) in model.checkpoint.layers.enumerated() {
      guard layer.matrix != nil, layer.block == model.shape.blocks - 1 else { continue }
      let matrix = try model.checkpoint.matrix(layer: index)
      let same = weights.replacing(layer: index, withMatrix: matrix)
      #expect(try Self.outputs(model, same, Self.expected.tokens) == before)
      let stored = weights.replacing(tensor: layer.weight, with: try model.checkpoint.floats(tensor: layer.weight))
      #expect(try Self.outputs(model, stored, Self.expected.tokens) == before)
      let zeroed = weights.replacing(layer: index, withMatrix: matrix.map { $0 / 2 })
      #expect((try Self.outputs(model, zeroed, Self.expected.tokens) != before) == !idle.contains(index))
      #expect(model.firstDifference(weights, zeroed) == model.firstBlock(using: index))
      #expect(model.firstBlock(using: index) == model.shape.blocks - 1)
    }
    #expect(try Self.outputs(model, weights, Self.expected.tokens) == before)
    #expect(model.firstDifference(weights, weights) == model.shape.blocks)
  }

  @Test(arguments: families) func eachLinearLayerShowsItsInputs(_ name: String) throws {
    let model = try Self.model(name)
    let weights = try model.loadWeights()
    var rows: [Int: Int] = [:]
    let start = try model.embed([Self.expected.tokens], weights: weights)
    var isWhole = true
    let observe: LinearObserver = { inputs in
      if model.checkpoint.layers[inputs.layer].matrix?.columns != inputs.columns { isWhole = false }
      for value in inputs.values where !value.isFinite { isWhole = false }
      rows[inputs.layer, default: 0] += inputs.rows
    }
    _ = try model.run(start, weights: weights, observe: observe)
    #expect(isWhole)
    let inBlocks = model.checkpoint.layers.indices.filter {
      model.checkpoint.layers[$0].block != nil && model.checkpoint.layers[$0].matrix != nil
    }
    #expect(Set(rows.keys) == Set(inBlocks))
    // An expert sees the tokens that go to it: all of them together as many as the model says.
    let tokens = Self.expected.tokens.count
    var routed: [Int: Int] = [:]
    for (index, count) in rows {
      let layer = model.checkpoint.layers[index]
      if layer.role == .expert, !layer.name.contains("shared") {
        if layer.name.contains("down_proj") || layer.name.hasSuffix("w2") { routed[layer.block!, default: 0] += count }
      } else {
        #expect(count == tokens)
      }
    }
    #expect(routed.values.allSatisfy { $0 == tokens * (model.shape.experts?.used ?? 0) })
    #expect(routed.isEmpty == (model.shape.experts == nil))
  }

  // MARK: - What cannot be run

  /// A copy of a model with a changed config.
  private func model(_ name: String, _ folder: TemporaryFolder, _ change: (inout [String: Any]) -> Void) throws
    -> String
  {
    let source = URL(fileURLWithPath: fixture("transformers/\(name)"))
    let path = folder.write("model.safetensors", contents(source.appending(path: "model.safetensors").path))
    let json = try Data(contentsOf: source.appending(path: "config.json"))
    var config = try #require(try JSONSerialization.jsonObject(with: json) as? [String: Any])
    change(&config)
    _ = folder.write("config.json", Array(try JSONSerialization.data(withJSONObject: config)))
    return path
  }

  private func refusal(_ name: String, _ change: (inout [String: Any]) -> Void) throws -> String {
    let folder = TemporaryFolder()
    let path = try model(name, folder, change)
    do {
      _ = try Transformer(try Checkpoint.open(path))
      return "it was taken"
    } catch let error as InferenceError { return "\(error)" }
  }

  @Test func configsThatNoTransformerHasAreRefused() throws {
    #expect(try refusal("llama") { $0["num_attention_heads"] = 0 }.contains("num_attention_heads"))
    #expect(try refusal("llama") { $0["num_attention_heads"] = 3 }.contains("heads"))
    #expect(try refusal("llama") { $0["num_key_value_heads"] = 3 }.contains("cannot share"))
    #expect(try refusal("llama") { $0["num_key_value_heads"] = 0 }.contains("heads"))
    #expect(try refusal("llama") { $0["head_dim"] = 0 }.contains("heads of 0"))
    #expect(try refusal("llama") { $0["head_dim"] = 1 << 40 }.contains("heads of"))
    #expect(try refusal("llama") { $0["head_dim"] = 7 }.contains("q_proj"))
    #expect(try refusal("llama") { $0["hidden_size"] = 31 }.contains("its place needs"))
    #expect(try refusal("llama") { $0["num_hidden_layers"] = 3 }.contains("blk.2."))
    #expect(try refusal("llama") { $0["num_hidden_layers"] = 1 << 30 }.contains("blocks"))
    #expect(try refusal("llama") { $0["hidden_act"] = "mish" }.contains("mish"))
    #expect(try refusal("llama") { $0["architectures"] = ["MambaForCausalLM"] }.contains("MambaForCausalLM"))
    #expect(try refusal("llama") { $0["architectures"] = nil }.contains("architectures"))
    #expect(
      try refusal("llama") { $0["rope_parameters"] = ["rope_type": "dynamic", "factor": 2.0] }.contains("dynamic"))
    #expect(
      try refusal("llama") { $0["rope_parameters"] = ["rope_type": "linear", "factor": 0.0] }.contains("stretches"))
    #expect(try refusal("phi3") { $0["rope_parameters"] = ["rope_type": "longrope"] }.contains("factors"))
    #expect(try refusal("gemma2") { $0["sliding_window"] = 0 }.contains("window"))
    #expect(try refusal("mpnet") { $0["pad_token_id"] = -9 }.contains("pad_token_id"))
    #expect(try refusal("llama") { $0["rms_norm_eps"] = -1 }.contains("epsilon"))
  }

  @Test func modelsWithoutAConfigAreRefused() throws {
    #expect(throws: InferenceError.self) { try Transformer(try Checkpoint.open(sample("digits-cnn.onnx"))) }
    #expect(throws: InferenceError.self) { try Transformer(try Checkpoint.open(fixture("models/small.gguf"))) }
  }

  @Test func textsThatCannotBeRunAreNamed() throws {
    func message(_ name: String, _ texts: [[Int]]) throws -> String {
      let model = try Self.model(name)
      do {
        _ = try model.embed(texts, weights: try model.loadWeights())
        return "it was taken"
      } catch { return "\(error)" }
    }
    #expect(try message("llama", []).contains("none"))
    #expect(try message("llama", [[1], []]).contains("text 1: has no tokens"))
    #expect(try message("llama", [[1, 48]]).contains("token 48 at 1"))
    #expect(try message("gpt2", [[-1]]).contains("token -1"))
    #expect(try message("gpt2", [Array(repeating: 1, count: 65)]).contains("places for 64"))
    #expect(try message("mpnet", [Array(repeating: 1, count: 65)]).contains("places for 64"))
    let bert = try Self.model("bert")
    #expect(throws: InferenceError.self) {
      try bert.evaluate([1, 2, 3, 4], windows: .init(context: 4), weights: try bert.loadWeights())
    }
  }

  /// Means over tokens, the first token, and unit length, from the hidden states that transformers gives.
  @Test func embeddingsArePooledHiddenStates() throws {
    let model = try Self.model("bert")
    let weights = try model.loadWeights()
    let text = Self.expected.tokens
    let states = try model.hiddenStates(beforeBlock: 2, of: [text], weights: weights).values
    let mean = try model.embeddings([text, [1, 2]], weights: weights)[0]
    let first = try model.embeddings([text], weights: weights, pooling: .first)[0]
    #expect(first == Array(states[0..<32]))
    for column in 0..<32 {
      let sum = stride(from: column, to: states.count, by: 32).reduce(0.0) { $0 + Double(states[$1]) }
      #expect(abs(Double(mean[column]) - sum / Double(text.count)) < 1e-5)
    }
    // sentence-transformers' modules.json of the folder asks for the mean.
    #expect(try Transformer(try Checkpoint.open(fixture("huggingface/bert"))).shape.pooling == .mean)
  }
}
