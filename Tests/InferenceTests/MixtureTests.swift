import CKernels
import Checkpoints
import Foundation
import Numerics
import Support
import Testing

@testable import Inference

/// Mixtures of experts: in llama.cpp's form, what is refused, and what experts are given.
@Suite struct MixtureTests {
  private let folder = TemporaryFolder()

  // MARK: - llama.cpp's form

  /// A fixture's weights under llama.cpp's names, experts in stacks or alone, as its converter lays them out.
  private func gguf(_ name: String, _ architecture: String, isStacked: Bool = true, _ more: [(String, GGUFField)] = [])
    throws -> String
  {
    let model = try TransformerTests.model(name)
    let (checkpoint, shape) = (model.checkpoint, model.shape)
    var tensors: [(name: String, shape: [Int], values: [Float])] = []
    func add(_ name: String, _ shape: [Int], _ values: [Float]) { tensors.append((name + ".weight", shape, values)) }
    func matrix(_ linear: Linear) throws -> [Float] {
      let all = try checkpoint.matrix(layer: linear.layer)
      let start = linear.firstRow * linear.inputs
      return Array(all[start..<start + linear.outputs * linear.inputs])
    }
    func add(_ name: String, _ linear: Linear, heads: Int? = nil) throws {
      var values = try matrix(linear)
      if architecture == "llama", let heads {
        // llama.cpp turns neighbours: a head's halves are interleaved.
        let half = shape.headDimension / 2
        let plain = values
        for head in 0..<heads {
          for pair in 0..<half {
            for side in 0..<2 {
              let (from, to) = (head * 2 * half + side * half + pair, head * 2 * half + 2 * pair + side)
              values.replaceSubrange(
                to * linear.inputs..<(to + 1) * linear.inputs,
                with: plain[from * linear.inputs..<(from + 1) * linear.inputs])
            }
          }
        }
      }
      add(name, [linear.outputs, linear.inputs], values)
      if let bias = linear.bias {
        let numbers = try checkpoint.floats(tensor: bias)
        tensors.append((name + ".bias", [numbers.count], numbers))
      }
    }
    func add(_ name: String, _ norm: Norm?) throws {
      if let norm {
        let values = try checkpoint.floats(tensor: norm.weight)
        add(name, [values.count], values)
      }
    }
    try add("token_embd", model.embedding)
    try add("output", try #require(model.head))
    try add("output_norm", model.outputNorm)
    for (number, block) in model.blocks.enumerated() {
      let start = "blk.\(number)."
      for (part, linear) in zip(["attn_q", "attn_k", "attn_v"], block.projections) {
        let heads = part == "attn_q" ? shape.heads : part == "attn_k" ? shape.keyHeads : nil
        try add(start + part, linear, heads: heads)
      }
      try add(start + "attn_output", block.output)
      try add(start + "attn_norm", block.attentionNorm)
      try add(start + "ffn_norm", block.feedForwardNorm)
      try add(start + "attn_q_norm", block.queryNorm)
      try add(start + "attn_k_norm", block.keyNorm)
      let shared = block.mixture == nil ? "" : "_shexp"
      if let part = block.feedForward {
        try add(start + "ffn_gate" + shared, part.up[0])
        try add(start + "ffn_up" + shared, part.up[1])
        try add(start + "ffn_down" + shared, part.down)
      }
      guard let mixture = block.mixture else { continue }
      try add(start + "ffn_gate_inp", mixture.router)
      // The converter squeezes nothing, but others leave a vector.
      if let gate = mixture.sharedGate { add(start + "ffn_gate_inp_shexp", [gate.inputs], try matrix(gate)) }
      for (place, part) in ["ffn_gate", "ffn_up", "ffn_down"].enumerated() {
        let all = mixture.experts.map { ($0.up + [$0.down])[place] }
        if isStacked {
          add(
            start + part + "_exps", [all.count, all[0].outputs, all[0].inputs], try all.flatMap { try matrix($0) })
        } else {
          for (expert, linear) in all.enumerated() { try add("\(start)\(part).\(expert)", linear) }
        }
      }
    }
    var fields: [(key: String, value: GGUFField)] = [("general.architecture", .string(architecture))]
    func add(_ key: String, _ value: GGUFField) { fields.append(("\(architecture).\(key)", value)) }
    add("block_count", .u32(shape.blocks))
    add("embedding_length", .u32(shape.hidden))
    add("attention.head_count", .u32(shape.heads))
    add("attention.head_count_kv", .u32(shape.keyHeads))
    add("attention.key_length", .u32(shape.headDimension))
    add("attention.value_length", .u32(shape.headDimension))
    add("attention.layer_norm_rms_epsilon", .f32(shape.epsilon))
    add("expert_count", .u32(shape.experts?.count ?? 0))
    add("expert_used_count", .u32(shape.experts?.used ?? 0))
    if architecture == "llama" { add("rope.freq_base", .f32(1e6)) }
    for (key, value) in more { add(key, value) }
    let header = GGUFHeader(
      fields: fields,
      tensors: tensors.map { .init(name: $0.name, shape: $0.shape, type: .f32, byteCount: 4 * $0.values.count) })
    let (bytes, starts, size) = header.encoded()
    var file = bytes
    for (start, tensor) in zip(starts, tensors) {
      file += [UInt8](repeating: 0, count: start - file.count)
      for value in tensor.values { withUnsafeBytes(of: value.bitPattern.littleEndian) { file += $0 } }
    }
    return folder.write("\(name).gguf", file + [UInt8](repeating: 0, count: size - file.count))
  }

  /// Stacks and single experts give transformers' logits, which came from the same weights in another form.
  @Test(arguments: [
    ("mixtral", "llama", true), ("mixtral", "llama", false), ("qwen2moe", "qwen2moe", true),
    ("qwen3moe", "qwen3moe", true), ("olmoe", "olmoe", true), ("olmoe", "olmoe", false),
  ])
  func ggufGivesTransformersLogits(_ name: String, _ architecture: String, _ isStacked: Bool) throws {
    let model = try Transformer(try Checkpoint.open(try gguf(name, architecture, isStacked: isStacked)))
    let expected = TransformerTests.expected
    for resident in [Int.max, 0] {
      let found = try TransformerTests.outputs(model, try model.loadWeights(resident: resident), expected.tokens)
      let worst = TransformerTests.worst(found, try #require(expected.outputs[name]), every: expected.every)
      #expect(worst < TransformerTests.tolerance)
    }
  }

  @Test func whatGGUFSaysOfSharesIsHeard() throws {
    let plain = try Transformer(try Checkpoint.open(try gguf("olmoe", "olmoe")))
    #expect(plain.shape.experts == .init(count: 6, used: 2, isNormalised: false))
    let path = try gguf(
      "olmoe", "olmoe",
      [
        ("expert_weights_norm", .bool(true)), ("expert_weights_scale", .f32(2.5)), ("expert_gating_func", .u32(2)),
      ])
    let experts = try #require(try Transformer(try Checkpoint.open(path)).shape.experts)
    #expect(experts.isNormalised && experts.usesSigmoid && experts.scale == 2.5)
    let other = try gguf("olmoe", "olmoe", [("expert_gating_func", .u32(7))])
    #expect(refusal(other).contains("gating function 7"))
  }

  /// A token's sum by hand, in Double: sigmoids, normalised, times a scale.
  @Test func sharesAreTheirEquation() {
    var experts = Hyperparameters.Experts(count: 5, used: 3, isNormalised: true)
    (experts.usesSigmoid, experts.scale) = (true, 1.5)
    let scores: [Float] = [0.3, -2, 1.5, 0.3, -0.1, 9, 9, 9, 9, 9]
    let routes = Routes(scores, tokens: 2, experts)
    // Of equal ones the first.
    #expect(routes.chosen == [2, 0, 3, 0, 1, 2])
    let chances = [1.5, 0.3, 0.3].map { 1 / (1 + exp(-$0)) }
    for (found, chance) in zip(routes.shares, chances) {
      #expect(abs(Double(found) - 1.5 * chance / chances.reduce(0, +)) < 1e-6)
    }
    #expect(routes.shares[3...].allSatisfy { abs($0 - 0.5) < 1e-6 })
    #expect(routes.slots(experts: 5) == [[1, 3], [4], [0, 5], [2], []])
    let given = Routes(scores, tokens: 2, experts, given: Routes([Float](repeating: 0, count: 10), tokens: 2, experts))
    #expect(given.chosen == [0, 1, 2, 0, 1, 2])
    let none = Routes([.nan, .nan, .nan, .nan, .nan], tokens: 1, experts)
    #expect(Set(none.chosen).count == 3)
  }

  @Test func chancesAndScaledSumsAreTheirEquations() {
    for level in KernelLevel.allCases {
      level.force()
      defer { KernelLevel.release() }
      for count in [1, 3, 8, 17, 64, 1023] {
        var random = SeededGenerator(UInt64(count))
        let (x, y) = (random.gaussian(count, deviation: 3), random.gaussian(count, deviation: 3))
        var sum = x
        lathe_accumulate_scaled(&sum, y, 0.7, count)
        #expect(zip(sum, zip(x, y)).allSatisfy { abs($0 - ($1.0 + 0.7 * $1.1)) < 1e-5 })
        var chances = x
        lathe_chances(x, count, 0, &chances)
        let whole = x.reduce(0) { $0 + exp(Double($1)) }
        #expect(zip(chances, x).allSatisfy { abs(Double($0) - exp(Double($1)) / whole) < 1e-5 })
        lathe_chances(x, count, 1, &chances)
        #expect(zip(chances, x).allSatisfy { abs(Double($0) - 1 / (1 + exp(-Double($1)))) < 1e-6 })
      }
    }
  }

  // MARK: - What cannot be run

  private func refusal(_ path: String) -> String {
    do {
      _ = try Transformer(try Checkpoint.open(path))
      return "it was taken"
    } catch { return "\(error)" }
  }

  private func refusal(_ name: String, renaming old: String, to new: String) throws -> String {
    refusal(try folder.copy("transformers/\(name)", renaming: old, to: new))
  }

  private func refusal(_ name: String, _ change: (inout [String: Any]) -> Void) throws -> String {
    let source = fixture("transformers/\(name)")
    let path = folder.write("model.safetensors", contents("\(source)/model.safetensors"))
    var config = try #require(
      try JSONSerialization.jsonObject(with: Data(contents("\(source)/config.json"))) as? [String: Any])
    change(&config)
    _ = folder.write("config.json", Array(try JSONSerialization.data(withJSONObject: config)))
    return refusal(path)
  }

  @Test func whatIsMissingOrOddIsNamed() throws {
    let first = "model.layers.1.block_sparse_moe.experts."
    #expect(try refusal("mixtral", renaming: first + "3.w1.weight", to: "x3.w1.weight").contains("blk.1.ffn_gate.3"))
    #expect(try refusal("mixtral", renaming: first + "0.w2.weight", to: "x0.w2.weight").contains("ffn_down_exps"))
    #expect(
      try refusal(
        "qwen3moe-stacked", renaming: "model.layers.0.mlp.experts.gate_up_proj",
        to: "model.layers.0.mlp.expertx.gate_up_proj"
      ).contains("blk.0.ffn_gate_exps"))
    #expect(try refusal("mixtral") { $0["num_local_experts"] = 3 }.contains("its place needs 3 by 32"))
    #expect(try refusal("mixtral") { $0["num_experts_per_tok"] = 5 }.contains("5 of 4 experts"))
    #expect(try refusal("mixtral") { $0["num_experts_per_tok"] = 0 }.contains("0 of 4 experts"))
    #expect(try refusal("mixtral") { $0["num_local_experts"] = 1 << 40 }.contains("experts"))
    #expect(try refusal("olmoe") { $0["clip_qkv"] = 8.0 }.contains("clip_qkv"))
    #expect(try refusal("olmoe") { $0["num_experts_per_tok"] = nil }.contains("num_experts_per_tok"))
    // Without experts in the config a router has no place, and the block lacks what all others have.
    #expect(try refusal("mixtral") { $0["num_local_experts"] = nil }.contains("blk.0.ffn_down"))
  }

  // MARK: - What experts are given

  private func tokens(_ count: Int, _ model: Transformer, context: Int) throws -> (ScoredText, MeasurementRequest) {
    var random = SeededGenerator(8)
    let tokens = (0..<count).map { _ in Int.random(in: 0..<model.vocabularySize, using: &random) }
    let request = MeasurementRequest(
      data: folder.write("tokens.npy", try TokenFile.bytes([count], tokens)), context: context)
    return (try model.data(request), request)
  }

  private final class Seen {
    var rows: [Int: [Float]] = [:]
  }

  /// Each expert's moments are those of the tokens that go to it; of one to which few go they are filled up with those of
  /// all tokens, as many as its inputs.
  @Test(arguments: ["olmoe", "qwen3moe-stacked"]) func starvedExpertsBorrow(_ name: String) throws {
    let model = try TransformerTests.model(name)
    let weights = try model.loadWeights()
    let (data, request) = try tokens(60, model, context: 20)
    let number = model.shape.blocks - 1
    let mixture = try #require(model.blocks[number].mixture)
    // All that the block's router sees, and what each expert does.
    let texts = try model.calibrationTexts(data, nil, weights, request, { false })
    let seen = Seen()
    var routed: [Int: [Float]] = [:]
    _ = try model.run(try model.embed(texts, weights: weights), weights: weights) { inputs in
      if inputs.layer == mixture.router.layer { seen.rows[0] = Array(inputs.values) }
      if let expert = mixture.experts.firstIndex(where: {
        $0.up[0].layer == inputs.layer && $0.up[0].part == inputs.part
      }) {
        routed[expert, default: []] += inputs.values
      }
    }
    let all = try #require(seen.rows[0])
    let hidden = model.shape.hidden
    func moments(_ x: [Float]) -> [Double] {
      var sum = [Double](repeating: 0, count: hidden * hidden)
      for start in stride(from: 0, to: x.count, by: hidden) {
        for i in 0..<hidden { for j in 0..<hidden { sum[i * hidden + j] += Double(x[start + i] * x[start + j]) } }
      }
      return sum
    }
    var starved = 0
    let layers = Set(mixture.experts.flatMap(\.linears).map(\.layer))
    var found: [Int: InputProducts] = [:]
    _ = try model.chooseWeights(
      data, samples: nil, original: weights, changed: weights, layers: layers, comparesWithOriginal: true, request,
      progress: { _, _ in }, isCancelled: { false },
      choose: { products in
        found[products.layer] = products
        return nil
      })
    #expect(Set(found.keys) == layers)
    for (expert, one) in mixture.experts.enumerated() {
      let part = try #require(found[one.up[0].layer]).parts[one.up[0].part]
      let own = routed[expert] ?? []
      let rows = own.count / hidden
      #expect(part.rows == max(rows, hidden) && part.borrowedRows == max(0, hidden - rows))
      if rows < hidden { starved += 1 }
      let share = Double(part.borrowedRows) / Double(all.count / hidden)
      let expected = zip(moments(own), moments(all)).map { $0 + share * $1 }
      let size = expected.map { abs($0) }.max() ?? 0
      #expect(zip(part.products, expected).allSatisfy { abs(Double($0) - $1) < 1e-4 * size })
      // Nothing was changed: both runs give the same.
      #expect(part.differences.allSatisfy { abs($0) < 1e-4 * Float(size) })
      let down = try #require(found[one.down.layer]).parts[one.down.part]
      #expect(down.rows == max(rows, one.down.inputs) && down.products.contains { $0 != 0 })
    }
    #expect(starved > 0)
  }

  /// Sums of squares by expert, as an importance matrix has them.
  @Test func momentsOfAStackAreItsExperts() throws {
    let model = try TransformerTests.model("qwen3moe-stacked")
    let weights = try model.loadWeights()
    let (data, request) = try tokens(80, model, context: 20)
    let found = try model.inputMoments(
      data, samples: nil, weights: weights, request, progress: { _, _ in }, isCancelled: { false })
    let texts = try model.calibrationTexts(data, nil, weights, request, { false })
    let mixture = try #require(model.blocks[0].mixture)
    let layer = mixture.experts[0].down.layer
    let one = try #require(found.first { $0.layer == layer })
    var (sums, rows) = ([Double](repeating: 0, count: one.squares.count), [Int](repeating: 0, count: 5))
    _ = try model.run(try model.embed(texts, weights: weights), weights: weights) { inputs in
      guard inputs.layer == layer else { return }
      rows[inputs.part] += inputs.rows
      for (index, value) in inputs.values.enumerated() {
        sums[inputs.part * inputs.columns + index % inputs.columns] += Double(value) * Double(value)
      }
    }
    #expect(one.partRows == rows && rows.reduce(0, +) == 80 * 3 && one.columns == 20)
    #expect(zip(one.squares, sums).allSatisfy { abs($0 - $1) <= 1e-5 * max(1, $1) })
  }
}
