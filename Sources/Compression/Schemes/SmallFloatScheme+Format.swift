extension SmallFloatScheme: NumberFormat {
  /// In the granularity that is its default.
  static let words: [(word: String, format: Scheme.Format)] = kinds.map { ($0.word, .smallFloat($0.scheme)) }

  static let grammar = [
    SchemeGrammar("fp8-…, fp6-…, fp4-…", ["tensor | channel | group=N (channel)"]),
    SchemeGrammar(
      "ocp-mxfp…", ["exponent=below | rounded | above"],
      completions: [["exponent=below", "exponent=rounded", "exponent=above"]]),
    SchemeGrammar(
      "nvidia-nvfp4", ["tensor-scale=fp32 | none"], completions: [["tensor-scale=fp32", "tensor-scale=none"]]),
  ]

  static let menu: (place: Int, formats: [Scheme.Format]) = (
    2,
    words.map(\.format)
      + [Granularity.tensor, .group(128)].map { .smallFloat(SmallFloatScheme(.e4m3, .scaled($0))) }
  )

  static let compared: [Scheme.Format] = words.map(\.format).filter {
    $0 != .smallFloat(.init(.e2m1, .scaled(.channel)))
  }

  var meaning: String {
    let shared =
      switch scaling {
      case .scaled(let granularity): "scales by \(granularity)"
      case .microscaling: "a power of two for every 32 (OCP microscaling)"
      case .nvidia: "a scale in E4M3 for every 16 (NVFP4)"
      }
    return "floats of \(element.bits) bits, \(element.rawValue.uppercased()): finer near zero; \(shared)"
  }

  var spec: [String] {
    if let granularity, granularity != .channel { return [word, granularity.description] }
    if let exponent, exponent != .below { return [word, "exponent=\(exponent.rawValue)"] }
    if hasTensorScale == false { return [word, "tensor-scale=none"] }
    return [word]
  }

  func with(_ option: SpecOption) throws(SpecError) -> Scheme.Format {
    var next = self
    switch scaling {
    case .scaled: next.granularity = try Granularity(option, others: "tensor, channel, group=N")
    case .microscaling:
      guard option.name == "exponent", let exponent = option.value.flatMap(Exponent.init) else {
        throw option.wrong("exponent=below, rounded or above, sparsity=, threshold= or coding=")
      }
      next.exponent = exponent
    case .nvidia:
      guard option.name == "tensor-scale", let value = option.value, ["none", "fp32"].contains(value) else {
        throw option.wrong("tensor-scale=fp32 or none, sparsity=, threshold= or coding=")
      }
      next.hasTensorScale = value == "fp32"
    }
    return .smallFloat(next)
  }

  func needs(_ scheme: Scheme) -> [Scheme.Need] {
    let size = blockWeights
    let what = granularity == nil ? "\(word)'s block of \(size)" : "the group of \(size)"
    return size > 1 ? [.columns(multipleOf: size, what: what)] : []
  }

  func layout(of form: WeightForm, isSparse: Bool, storedBits: Double) -> CodeWidths {
    let bits = Double(element.bits)
    return CodeWidths(bits: bits, nonZeroBits: bits, scaleBytes: scaleBytes(of: form))
  }

  var codes: CodeKind { .bytes(zeroMask: (UInt32(1) << UInt32(element.bits - 1)) - 1) }

  func method(
    of source: some WeightSource, _ pruning: Pruning, isMasked: Bool, capacity: Int, _ control: PassControl
  ) throws -> Reconstruction.Method? {
    .values(try SmallFloatQuantizer(self, of: source, pruning, control))
  }

  var codeBits: Double? { Double(element.bits) }
  var scaleGranularity: Granularity? { granularity }

  func with(_ granularity: Granularity) -> Scheme.Format {
    var next = self
    next.granularity = granularity
    return .smallFloat(next)
  }

  func rungs(integers: UniformScheme) -> [Scheme.Format] {
    (hasTensorScale != nil ? [element] : [.e4m3, .e2m3, .e2m1]).map { .smallFloat(SmallFloatScheme($0, scaling)) }
  }
}
