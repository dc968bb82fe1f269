internal import Numerics

extension Layer {
  /// Puts tensors together to layers by their names alone, for formats without a graph.
  ///
  /// `a.b.weight` is the weight of the layer `a.b`; `a.b.bias` its bias and `a.b.running_mean`, scales and the
  /// like its companions. Where the last part only holds the word (`weight_ih_l0`, `in_proj_weight`), the bias
  /// is found by the word in its place. All else is a layer by itself, under its whole name. Linear in tensors.
  static func grouped(_ tensors: [Tensor], _ format: Checkpoint.Format) -> [Layer] {
    var indices = [String: Int](minimumCapacity: tensors.count)
    for (index, tensor) in tensors.enumerated() { indices[tensor.name] = index }

    var owner = [Int](repeating: -1, count: tensors.count)
    var biases: [Int: Int] = [:]
    var companions: [Int: [Int]] = [:]
    for (index, tensor) in tensors.enumerated() {
      guard let part = Part(tensor.name),
        let weight = part.weightNames.lazy.compactMap({ indices[$0] }).first,
        weight != index
      else { continue }
      if part.isBias, biases[weight] == nil {
        biases[weight] = index
      } else {
        companions[weight, default: []].append(index)
      }
      owner[index] = weight
    }

    var taken = Set<String>(minimumCapacity: tensors.count)
    var layers: [Layer] = []
    var blockNames = InternedNames()
    var roles = RolesByName()
    for (index, tensor) in tensors.enumerated() where owner[index] < 0 {
      let short = moduleName(tensor.name)
      // A tensor may be called as another's module is: it then keeps its whole name.
      let isFree = short == tensor.name || indices[short] == nil
      let name = unique(isFree ? short : tensor.name, &taken)
      let (block, blockName) = blockPosition(tensor.name)
      layers.append(
        Layer(
          name: name, weight: index, bias: biases[index], companions: companions[index] ?? [],
          role: roles.role(short, tensor.shape), block: block, blockName: blockName.map { blockNames[$0] },
          matrix: MatrixShape(named: tensor.name, type: tensor.type, shape: tensor.shape, format)))
    }
    return layers
  }

  /// The module's name: a weight's less what says that it is one.
  private static func moduleName(_ name: String) -> String {
    for ending in [".weight", ".qweight", ".weight_packed", "_blocks", ".kernel", "/kernel"]
    where name.hasSuffix(ending) {
      return String(name.dropLast(ending.utf8.count))
    }
    return name
  }

  /// `name`, or with a number that makes it new: the lowest, where names were numbered here only. Logarithmic in
  /// the number of equal names, of which a file may have any number.
  static func unique(_ name: String, _ taken: inout Set<String>) -> String {
    if taken.insert(name).inserted { return name }
    func isTaken(_ number: Int) -> Bool { taken.contains("\(name)#\(number)") }
    var free = 2
    while isTaken(free) { free *= 2 }
    var last = free == 2 ? 1 : free / 2
    while free - last > 1 {
      let middle = (last + free) / 2
      if isTaken(middle) { last = middle } else { free = middle }
    }
    taken.insert("\(name)#\(free)")
    return "\(name)#\(free)"
  }

  /// A tensor's name taken as that of something beside a weight.
  private struct Part {
    let isBias: Bool
    /// The names that its weight may have.
    let weightNames: [String]

    /// Running statistics; scales, zero points and other parameters of GPTQ, AWQ, compressed-tensors, ModelOpt,
    /// bitsandbytes and MLX.
    private static let companions: Set<Substring> = [
      "running_mean", "running_var", "num_batches_tracked", "scale", "scales", "zero_point", "biases", "qzeros",
      "g_idx", "weight_scale", "weight_scale_inv", "weight_scale_2", "weight_zero_point", "weight_shape",
      "weight_g_idx", "weight_global_scale", "input_scale", "input_global_scale", "input_zero_point", "SCB",
      "weight_format", "scale_inv", "qscale_weight", "qscale_act", "activation_scale", "weight_scaler",
    ]
    /// What is added to the name of a weight that has no word of its own: the stacks of experts.
    private static let endings = ["_scale_inv", "_scales", "_scale", "_zero_point", "_zeros"]
    /// What a module's weight may be called: PyTorch's word, those of packers, and JAX's and Keras's.
    private static let weights = ["weight", "qweight", "weight_packed", "kernel"]

    init?(_ name: String) {
      // bitsandbytes: a.weight.absmax, a.weight.quant_state.bitsandbytes__nf4.
      if let module = name.prefix(before: ".weight."), !module.isEmpty {
        (isBias, weightNames) = (false, [module + ".weight"])
        return
      }
      let dot = name.utf8.lastIndex { $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "/") }
      let last = dot.map { name[name.index(after: $0)...] } ?? name[...]
      if last == "weight" { return nil }
      let prefix = dot.map { String(name[...$0]) } ?? ""
      if last == "bias" {
        (isBias, weightNames) = (true, Self.weights.map { prefix + $0 })
      } else if Self.companions.contains(last) {
        (isBias, weightNames) = (false, Self.weights.map { prefix + $0 })
      } else if last == "beta" {
        (isBias, weightNames) = (true, [prefix + "gamma"])
      } else if let ending = Self.endings.first(where: { last.hasSuffix($0) }) {
        let stem = prefix + last.dropLast(ending.utf8.count)
        (isBias, weightNames) = (false, [stem + "_blocks", stem])
      } else if let weight = Self.replacing("bias", by: "weight", in: last) {
        let stem = last.hasSuffix("_bias") ? prefix + last.dropLast(5) : nil
        (isBias, weightNames) = (true, [prefix + weight] + (stem.map { [$0 + "_blocks", $0] } ?? []))
      } else {
        return nil
      }
    }

    /// `bias_ih_l0` → `weight_ih_l0`, `in_proj_bias` → `in_proj_weight`; `nil` where the word is not a part of its
    /// own.
    private static func replacing(_ word: String, by other: String, in name: Substring) -> String? {
      var parts = name.split(separator: "_", omittingEmptySubsequences: false)
      guard parts.count > 1, let index = parts.firstIndex(where: { $0 == word }) else { return nil }
      parts[index] = other[...]
      return parts.joined(separator: "_")
    }
  }

  /// The number of the block that a name stands in and the name up to it: (7, `model.layers.7`) of
  /// `model.layers.7.mlp.up_proj.weight`. The outermost numbered container counts.
  static func blockPosition(_ name: String) -> (Int?, Substring?) {
    var container = false
    var start = name.utf8.startIndex
    while true {
      let end = name.utf8[start...].firstIndex { $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "/") }
      let part = name[start..<(end ?? name.endIndex)]
      if container, let number = Int(part), number >= 0 { return (number, name[..<part.endIndex]) }
      guard let end else { return (nil, nil) }
      container = containers.contains(part) || part.hasSuffix("_blocks") || part.hasSuffix("_layers")
      start = name.utf8.index(after: end)
    }
  }

  /// Names of lists of blocks in Hugging Face's models, torchvision's and timm's, and GGUF; `down_blocks` and the like
  /// besides.
  private static let containers: Set<Substring> = [
    "blk", "block", "blocks", "h", "layer", "layers", "resblocks", "stages", "features", "encoders",
    "decoders",
  ]
}

extension MatrixShape {
  /// How a named weight is read as a matrix where no operator says otherwise: rows are the first extent, all
  /// but the last in GGUF and in expert stacks of three dimensions; `nil` for vectors and other than weights.
  init?(named name: String, type: ElementType, shape: [Int], _ format: Checkpoint.Format) {
    guard shape.count >= 2, type.isFloatingPoint, let count = Tensor.count(of: shape), count > 0 else {
      return nil
    }
    // JAX's and Keras's kernels: (…, inputs, outputs).
    if name == "kernel" || name.hasSuffix(".kernel") || name.hasSuffix("/kernel") {
      let rows = shape[shape.count - 1]
      self.init(rows: rows, columns: count / rows, outer: count / rows)
      return
    }
    let isStack = format == .gguf || shape.count == 3 && (name.contains("experts") || name.contains(".switch_"))
    let columns = isStack ? shape[shape.count - 1] : count / shape[0]
    self.init(rows: count / columns, columns: columns)
  }
}
