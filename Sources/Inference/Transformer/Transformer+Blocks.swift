internal import Checkpoints

extension Transformer {
  /// The blocks that names and shape say there are.
  ///
  /// - Throws: where a tensor is missing or has another size than its place; the message names it.
  static func blocks(_ shape: Hyperparameters, _ names: LayerNames) throws(InferenceError) -> [Block] {
    var blocks: [Block] = []
    let (hidden, queries, keys) = (shape.hidden, shape.queryWidth, shape.keyWidth)
    for number in 0..<shape.blocks {
      func name(_ part: String) -> String { "blk.\(number).\(part)" }
      func norm(_ part: String, _ count: Int, _ isThere: Bool) throws(InferenceError) -> Norm? {
        isThere ? try names.norm(name(part), count) : nil
      }
      let isFused = names.has(name("attn_qkv"))
      let projections =
        isFused
        ? [try names.matrix(name("attn_qkv"), inputs: hidden, outputs: queries + 2 * keys)]
        : [
          try names.matrix(name("attn_q"), inputs: hidden, outputs: queries),
          try names.matrix(name("attn_k"), inputs: hidden, outputs: keys),
          try names.matrix(name("attn_v"), inputs: hidden, outputs: keys),
        ]
      let hasNorms = shape.hasHeadNorms
      let isWhole = shape.normsAllHeads
      // A block without a router has no experts, whatever the others have.
      let isMixture = shape.experts != nil && names.has(name("ffn_gate_inp"))
      let hasShared = names.has(name("ffn_up_shexp"))
      blocks.append(
        Block(
          attentionNorm: try norm("attn_norm", hidden, !shape.isEncoder), projections: projections,
          queryNorm: try norm("attn_q_norm", isWhole ? queries : shape.headDimension, hasNorms),
          keyNorm: try norm("attn_k_norm", isWhole ? keys : shape.headDimension, hasNorms),
          output: try names.matrix(name("attn_output"), inputs: queries, outputs: hidden),
          afterAttention: shape.isEncoder
            ? try norm("attn_output_norm", hidden, true) : try norm("post_attention_norm", hidden, shape.hasPostNorms),
          feedForwardNorm: try norm("ffn_norm", hidden, !shape.isEncoder),
          feedForward: isMixture && !hasShared
            ? nil : try feedForward(shape, names, { name($0 + (isMixture ? "_shexp" : "")) }),
          mixture: isMixture ? try mixture(shape, names, name) : nil,
          afterFeedForward: shape.isEncoder
            ? try norm("layer_output_norm", hidden, true) : try norm("post_ffw_norm", hidden, shape.hasPostNorms)))
    }
    return blocks
  }

  private static func feedForward(
    _ shape: Hyperparameters, _ names: LayerNames, _ name: (String) -> String
  ) throws(InferenceError) -> FeedForward {
    let hidden = shape.hidden
    let down = try names.matrix(name("ffn_down"), outputs: hidden)
    let isGateFused = shape.isGated && !names.has(name("ffn_gate"))
    let up = try names.matrix(
      name("ffn_up"), inputs: hidden, outputs: isGateFused ? 2 * down.inputs : down.inputs)
    let gate =
      shape.isGated && !isGateFused
      ? try names.matrix(name("ffn_gate"), inputs: hidden, outputs: down.inputs) : nil
    return FeedForward(up: (gate.map { [$0] } ?? []) + [up], isGated: shape.isGated, down: down)
  }

  /// Experts are stacks of matrices, gate and up in one or two, or a module each.
  private static func mixture(
    _ shape: Hyperparameters, _ names: LayerNames, _ name: (String) -> String
  ) throws(InferenceError) -> Mixture {
    let (hidden, count) = (shape.hidden, shape.experts?.count ?? 1)
    let router = try names.matrix(name("ffn_gate_inp"), inputs: hidden, outputs: count)
    var experts: [FeedForward] = []
    if names.has(name("ffn_down.0")) {
      for number in 0..<count {
        let down = try names.matrix(name("ffn_down.\(number)"), outputs: hidden)
        let up = try ["ffn_gate", "ffn_up"].map { part throws(InferenceError) in
          try names.matrix(name("\(part).\(number)"), inputs: hidden, outputs: down.inputs)
        }
        experts.append(FeedForward(up: up, isGated: true, down: down))
      }
    } else {
      let downs = try names.stack(name("ffn_down_exps"), of: count, inputs: nil, outputs: hidden)
      let inner = downs[0].inputs
      let isFused = names.has(name("ffn_gate_up_exps"))
      let ups = try (isFused ? ["ffn_gate_up_exps"] : ["ffn_gate_exps", "ffn_up_exps"]).map {
        part throws(InferenceError) in
        try names.stack(name(part), of: count, inputs: hidden, outputs: isFused ? 2 * inner : inner)
      }
      for number in 0..<count {
        experts.append(FeedForward(up: ups.map { $0[number] }, isGated: true, down: downs[number]))
      }
    }
    let gate = name("ffn_gate_inp_shexp")
    return Mixture(
      router: router, experts: experts,
      sharedGate: names.has(gate) && names.has(name("ffn_up_shexp")) ? try names.row(gate, inputs: hidden) : nil)
  }
}
