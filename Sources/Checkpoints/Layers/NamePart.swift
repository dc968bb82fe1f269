/// A tensor's name taken as that of something beside a weight: what the weight may be called.
struct NamePart {
  let isBias: Bool
  /// The weight's name is so many bytes of this one and one of the words, the first that there is.
  private let length: Int
  private let words: [[UInt8]]
  /// Or a stack of experts that begins so and has no word of its own; −1 for none.
  private let stem: Int

  /// Running statistics; scales, zero points and other parameters of GPTQ, AWQ, compressed-tensors, ModelOpt,
  /// bitsandbytes and MLX.
  private static let companions: Set<String> = [
    "running_mean", "running_var", "num_batches_tracked", "scale", "scales", "zero_point", "biases", "qzeros",
    "g_idx", "weight_scale", "weight_scale_inv", "weight_scale_2", "weight_zero_point", "weight_shape",
    "weight_g_idx", "weight_global_scale", "input_scale", "input_global_scale", "input_zero_point", "SCB",
    "weight_format", "scale_inv", "qscale_weight", "qscale_act", "activation_scale", "weight_scaler",
  ]
  /// What is added to the name of a weight that has no word of its own: the stacks of experts.
  private static let endings: [StaticString] = ["_scale_inv", "_scales", "_scale", "_zero_point", "_zeros"]
  /// What a module's weight may be called: PyTorch's word, those of packers, and JAX's and Keras's.
  private static let weights = words("weight", "qweight", "weight_packed", "kernel")
  private static let gamma = words("gamma")
  private static let itself = words("")
  private static let stack = words("_blocks", "")

  private static func words(_ words: String...) -> [[UInt8]] { words.map { Array($0.utf8) } }

  init?(_ name: UnsafeBufferPointer<UInt8>) {
    let start = name.lastPart
    let last = name.part(start..<name.count)
    // bitsandbytes: a.weight.absmax, a.weight.quant_state.bitsandbytes__nf4.
    if let module = name.position(of: ".weight."), module > 0 {
      self.init(false, module + 7, Self.itself)
    } else if last.isWord("weight") {
      return nil
    } else if last.isWord("bias") {
      self.init(true, start, Self.weights)
    } else if Self.companions.contains(String(decoding: last, as: UTF8.self)) {
      self.init(false, start, Self.weights)
    } else if last.isWord("beta") {
      self.init(true, start, Self.gamma)
    } else if let ending = Self.endings.first(where: { last.ends(with: $0) }) {
      self.init(false, name.count - ending.utf8CodeUnitCount, Self.stack)
    } else if let weight = Self.weightName(last) {
      self.init(true, start, [weight], stem: last.ends(with: "_bias") ? name.count - 5 : -1)
    } else {
      return nil
    }
  }

  private init(_ isBias: Bool, _ length: Int, _ words: [[UInt8]], stem: Int = -1) {
    (self.isBias, self.length, self.words, self.stem) = (isBias, length, words, stem)
  }

  /// `bias_ih_l0` → `weight_ih_l0`, `in_proj_bias` → `in_proj_weight`; `nil` where the word is not a part of its own.
  private static func weightName(_ name: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
    guard name.position(of: "bias") != nil else { return nil }
    var parts = name.split(separator: UInt8(ascii: "_"), omittingEmptySubsequences: false).map(Array.init)
    guard parts.count > 1, let index = parts.firstIndex(of: Array("bias".utf8)) else { return nil }
    parts[index] = Array("weight".utf8)
    return Array(parts.joined(separator: [UInt8(ascii: "_")]))
  }

  /// - Parameter name: the one that this is a part of.
  func weight(of name: UnsafeBufferPointer<UInt8>, in names: TensorNames) -> Int? {
    var text: [UInt8] = []
    func find(_ length: Int, _ words: [[UInt8]]) -> Int? {
      for word in words {
        text.removeAll(keepingCapacity: true)
        text.append(contentsOf: name.part(0..<length))
        text.append(contentsOf: word)
        if let index = text.withUnsafeBufferPointer({ names[$0] }) { return index }
      }
      return nil
    }
    return find(length, words) ?? (stem < 0 ? nil : find(stem, Self.stack))
  }
}
