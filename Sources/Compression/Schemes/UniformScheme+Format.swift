extension UniformScheme: NumberFormat {
  static let words: [(word: String, format: Scheme.Format)] = widths.map {
    ("int\($0)", .uniform(UniformScheme(bits: $0)))
  }

  static let grammar = [
    SchemeGrammar(
      "int1 … int8, int16",
      [
        "tensor | channel | axis=N | group=N (32)", "symmetric | symmetric-full | symmetric-signed",
        "affine | edge",
        "range=minmax | mse | percentile=P | entropy", "scale=fp16 | bf16 | fp32 | pow2",
        "rounds=product | quotient | sum",
      ],
      completions: [
        ["tensor", "channel", "axis=1", "group=16", "group=32", "group=64", "group=128", "group=256"],
        ["symmetric", "symmetric-full", "symmetric-signed", "affine", "edge"],
        ["range=minmax", "range=mse", "range=percentile=99.9", "range=entropy"],
        ["scale=fp16", "scale=bf16", "scale=fp32", "scale=pow2"],
      ])
  ]

  static var menu: (place: Int, formats: [Scheme.Format]) {
    var formats: [Scheme.Format] = []
    for bits in stride(from: 8, through: 2, by: -1) {
      for granularity in [Granularity.group(32), .group(128), .channel, .tensor] {
        for symmetry in [Symmetry.symmetric, .affine] {
          formats.append(.uniform(UniformScheme(bits: bits, granularity: granularity, symmetry: symmetry)))
        }
      }
    }
    for bits in [8, 4, 3] {
      for range in [RangeRule.leastSquares, .percentile(99.9), .entropy] {
        formats.append(.uniform(UniformScheme(bits: bits, granularity: .tensor, range: range)))
      }
      formats.append(.uniform(UniformScheme(bits: bits, granularity: .group(32), range: .leastSquares)))
      formats.append(.uniform(UniformScheme(bits: bits, granularity: .channel, scale: .pow2)))
      formats.append(.uniform(UniformScheme(bits: bits, granularity: .axis(1))))
    }
    return (1, formats)
  }

  var meaning: String {
    let shared =
      switch granularity {
      case .tensor: "one scale for the whole weight"
      case .channel: "a scale for each output"
      case .group(let size): "a scale for every \(size) inputs"
      default: "scales by \(granularity)"
      }
    return
      "\(1 << bits) evenly spaced levels, \(symmetry == .affine || symmetry == .edge ? "from min to max" : "around zero"); \(shared)"
  }

  var spec: [String] {
    var words = ["int\(bits)", granularity.description]
    if symmetry != .symmetric { words.append(symmetry.rawValue) }
    switch range {
    case .minMax: break
    case .leastSquares: words.append("range=mse")
    case .percentile(let p): words.append("range=percentile=\(p)")
    case .entropy: words.append("range=entropy")
    }
    if scale != .fp16 { words.append("scale=\(scale.rawValue)") }
    if let rounds { words.append("rounds=\(rounds.rawValue)") }
    return words
  }

  var short: String {
    let run =
      switch granularity {
      case .tensor: "t"
      case .channel: "ch"
      case .axis(let axis): "ax\(axis)"
      case .group(let size): "g\(size)"
      }
    let sign =
      switch symmetry {
      case .symmetric: ""
      case .affine: " a"
      case .edge: " e"
      case .symmetricSigned: " s"
      case .symmetricFull: " f"
      }
    return "int\(bits) \(run)\(sign)"
  }

  func with(_ option: SpecOption) throws(SpecError) -> Scheme.Format {
    var next = self
    switch (option.name, option.value) {
    case ("tensor", nil): next.granularity = .tensor
    case ("channel", nil): next.granularity = .channel
    case ("axis", let value?):
      guard let axis = Int(value), (0...7).contains(axis) else {
        throw option.wrong("axis=N: 0 for outputs, 1 for inputs, 2 and more for a kernel's places")
      }
      next.granularity = axis == 0 ? .channel : .axis(axis)
    case ("group", let value?):
      guard let size = Int(value), (2...65_536).contains(size) else {
        throw option.wrong("group=N with N from 2 to 65536")
      }
      next.granularity = .group(size)
    case ("symmetric", nil): next.symmetry = .symmetric
    case ("symmetric-full", nil), ("symmetric-signed", nil), ("affine", nil), ("edge", nil):
      guard bits > 1 else { throw option.wrong("no symmetry with int1, which is the sign times the mean magnitude") }
      next.symmetry = Symmetry(rawValue: option.name) ?? symmetry
    case ("range", let value?): next.range = try RangeRule(value, of: option)
    case ("scale", let value?):
      guard let scale = ScaleType(rawValue: value) else { throw option.wrong("scale=fp16, bf16, fp32 or pow2") }
      next.scale = scale
    case ("rounds", let value?):
      guard (2...8).contains(bits) else { throw option.wrong("rounds= with 2 to 8 bits only") }
      guard let rounds = Rounding(rawValue: value) else { throw option.wrong("rounds=product, quotient or sum") }
      next.rounds = rounds
    default:
      throw option.wrong(
        "tensor, channel, axis=N, group=N, symmetric, symmetric-full, symmetric-signed, affine, edge, range=, scale=, "
          + "rounds=, sparsity=, threshold= or coding="
      )
    }
    return .uniform(next)
  }

  func needs(_ scheme: Scheme) -> [Scheme.Need] {
    var needs: [Scheme.Need] = []
    if case .group(let size) = granularity {
      needs.append(.columns(multipleOf: size, what: "the group of \(size)"))
    }
    if case .axis(let axis) = granularity {
      needs.append(.axis(axis))
      if range != .minMax { needs.append(.impossible("along another axis than 0 ranges are min-max")) }
    }
    if scale == .pow2, symmetry == .symmetricSigned || symmetry == .edge {
      needs.append(.impossible("a power of two has no sign, which \(symmetry.rawValue) scales have"))
    }
    if symmetry == .edge, scheme.sparsity != .none {
      needs.append(.impossible("with edge zero is no number: pruned weights would not stay zeros"))
    }
    if rounds != nil {
      if scale != .fp16, scale != .bf16 {
        needs.append(.impossible("rounds= rounds to the type of scales that is fp16 or bf16"))
      }
      if symmetry == .edge || !(2...8).contains(bits) {
        needs.append(.impossible("rounds= is for grids of 2 to 8 bits with a zero"))
      }
    }
    if range == .entropy { needs.append(.weightsPerScale(least: EntropyRange.leastWeights)) }
    return needs
  }

  func layout(of form: WeightForm, isSparse: Bool, storedBits: Double) -> CodeWidths {
    let scales = granularity.scaleCount(rows: form.rows, columns: form.columns, shape: form.shape)
    // An edge is kept as its scale is.
    let zeroPoints = symmetry == .affine ? (scales * bits + 7) / 8 : symmetry == .edge ? scales * scale.bytes : 0
    // A sign has no zero: with pruned weights among them, signs take two bits.
    return CodeWidths(
      bits: bits == 1 && isSparse ? 2 : Double(bits), nonZeroBits: Double(bits),
      scaleBytes: scales * scale.bytes + zeroPoints)
  }

  var codes: CodeKind { bits > 8 ? .wide(zeroMask: 0xffff) : .bytes(zeroMask: ~0) }

  func method(
    of source: some WeightSource, _ pruning: Pruning, isMasked: Bool, capacity: Int, _ control: PassControl
  ) throws -> Reconstruction.Method? {
    let isSign = bits == 1
    switch granularity {
    case .channel, .group:
      if isSign { return .signs(scale, granularity) }
      let runs = capacity / max(1, granularity.run(columns: source.columns))
      return .runs(self, grids: .allocate(capacity: max(1, runs)))
    case .tensor:
      if !isSign { return .grid(try grid(of: source, pruning: pruning, control: control)) }
      var sum = MagnitudeSum()
      try source.forEachPrunedChunk(pruning, control) { chunk, pruned in
        sum.add(pruned, chunk.count, above: isMasked ? 0 : -1)
      }
      return .sign(magnitude: rounded(magnitude: sum.mean))
    case .axis(let axis):
      let columns = try AxisColumns(axis, of: source, pruning, masked: isMasked, control)
      return isSign
        ? .columnSigns(columns.means.map { rounded(magnitude: $0) }, distinct: columns.distinct)
        : .columns(
          columns.ranges.map { grid(low: $0.lowerBound, high: $0.upperBound) }, distinct: columns.distinct)
    }
  }

  var codeBits: Double? { Double(bits) }
  var scaleGranularity: Granularity? { granularity }

  func with(_ granularity: Granularity) -> Scheme.Format {
    var next = self
    next.granularity = granularity
    return .uniform(next)
  }

  /// Sixteen bits are chosen by name alone.
  func rungs(integers: UniformScheme) -> [Scheme.Format] {
    Self.widths.reversed().filter { $0 <= 8 }.map { bits in
      var narrower = self
      narrower.bits = bits
      if bits == 1 { narrower.symmetry = .symmetric }
      return .uniform(narrower)
    }
  }
}

extension RangeRule {
  fileprivate init(_ value: String, of option: SpecOption) throws(SpecError) {
    if value == "minmax" {
      self = .minMax
    } else if value == "mse" {
      self = .leastSquares
    } else if value == "entropy" {
      self = .entropy
    } else if value.hasPrefix("percentile="), let p = Double(value.dropFirst(11)), p > 50, p <= 100 {
      self = .percentile(p)
    } else {
      throw option.wrong("range=minmax, mse, entropy or percentile=P with P above 50, at most 100")
    }
  }
}
