import Numerics

/// Floats of four to eight bits under scales: ŵ = s·q, q = w/s rounded to the nearest number of the element's format,
/// halves to even, at most its greatest.
///
/// A code is the element's bits: sign, exponent, mantissa. Negative zero keeps its sign, as in every cast; it counts as
/// zero.
public struct SmallFloatScheme: Sendable, Hashable {
  public var element: Element
  public var scaling: Scaling

  public init(_ element: Element, _ scaling: Scaling) {
    self.element = element
    self.scaling = scaling
  }

  /// E exponent and M mantissa bits.
  ///
  /// Sources: OCP 8-bit Floating Point Specification 1.0 (E4M3, E5M2), OCP Microscaling Formats 1.0 (the others).
  public enum Element: String, Sendable, Hashable, CaseIterable {
    case e4m3, e5m2, e2m3, e3m2, e2m1
  }

  public enum Scaling: Sendable, Hashable {
    /// s = max|w| / the element's greatest number in fp32, of the tensor, of a channel or of a group; w/s is a quotient.
    case scaled(Granularity)
    /// OCP Microscaling Formats 1.0: blocks of 32 under a power of two of max|w|, as E8M0.
    case microscaling(Exponent)
    /// NVFP4: groups of 16 under s = t·b, t = max|w| / (6·448) of the tensor in fp32, b = max|w| / 6 / t of the group
    /// rounded to E4M3. Without a scale of the tensor's, as MLX has it, t = 1.
    case nvidia(hasTensorScale: Bool)
  }

  /// How a block's greatest magnitude m becomes the power of two that is its scale.
  public enum Exponent: String, Sendable, Hashable, CaseIterable {
    /// 2^(⌊log2 m⌋ − ⌊log2 greatest⌋): OCP's, 6.3. What lies above the greatest number is clipped.
    case below
    /// The same of m rounded to as many places as the element's mantissa has, halves up: compressed-tensors'.
    case rounded
    /// 2^⌈log2(m / greatest)⌉: MLX's. Nothing is clipped.
    case above
  }
}

extension SmallFloatScheme.Element {
  public var bits: Int {
    switch self {
    case .e4m3, .e5m2: 8
    case .e2m3, .e3m2: 6
    case .e2m1: 4
    }
  }

  /// The greatest finite number.
  public var greatest: Float {
    switch self {
    case .e4m3: 448
    case .e5m2: 57_344
    case .e2m3: 7.5
    case .e3m2: 28
    case .e2m1: 6
    }
  }

  /// Every finite number, each once, in rising order.
  public var numbers: [Float] {
    switch self {
    case .e4m3: Self.e4m3Numbers
    case .e5m2: Self.e5m2Numbers
    case .e2m3: Self.e2m3Numbers
    case .e3m2: Self.e3m2Numbers
    case .e2m1: Self.e2m1Numbers
    }
  }

  /// By code: a sign, exponent and mantissa.
  var table: [Float] {
    switch self {
    case .e4m3: ElementType.e4m3Levels
    case .e5m2: ElementType.e5m2Levels
    case .e2m3: ElementType.e2m3Levels
    case .e3m2: ElementType.e3m2Levels
    case .e2m1: ElementType.e2m1Levels
    }
  }

  private static let e4m3Numbers = rising(ElementType.e4m3Levels)
  private static let e5m2Numbers = rising(ElementType.e5m2Levels)
  private static let e2m3Numbers = rising(ElementType.e2m3Levels)
  private static let e3m2Numbers = rising(ElementType.e3m2Levels)
  private static let e2m1Numbers = rising(ElementType.e2m1Levels)

  private static func rising(_ table: [Float]) -> [Float] { Set(table.filter { $0.isFinite }).sorted() }
}

extension SmallFloatScheme {
  /// Every kind by its word, in the granularity that is its default.
  static let kinds: [(word: String, scheme: SmallFloatScheme)] = [
    ("fp8-e4m3", .init(.e4m3, .scaled(.channel))), ("fp8-e5m2", .init(.e5m2, .scaled(.channel))),
    ("fp6-e2m3", .init(.e2m3, .scaled(.channel))), ("fp6-e3m2", .init(.e3m2, .scaled(.channel))),
    ("fp4-e2m1", .init(.e2m1, .scaled(.channel))),
    ("ocp-mxfp8", .init(.e4m3, .microscaling(.below))), ("ocp-mxfp8-e5m2", .init(.e5m2, .microscaling(.below))),
    ("ocp-mxfp6", .init(.e2m3, .microscaling(.below))), ("ocp-mxfp6-e3m2", .init(.e3m2, .microscaling(.below))),
    ("ocp-mxfp4", .init(.e2m1, .microscaling(.below))), ("nvidia-nvfp4", .init(.e2m1, .nvidia(hasTensorScale: true))),
  ]

  /// Its word, without a granularity.
  public var word: String {
    Self.kinds.first { $0.scheme.element == element && $0.scheme.scaling.isKin(to: scaling) }?.word ?? "\(element)"
  }

  /// Where the granularity may be chosen.
  public var granularity: Granularity? {
    get { if case .scaled(let granularity) = scaling { granularity } else { nil } }
    set { if case .scaled = scaling, let newValue { scaling = .scaled(newValue) } }
  }

  /// Of scales that are powers of two, how they are found.
  public var exponent: Exponent? {
    get { if case .microscaling(let exponent) = scaling { exponent } else { nil } }
    set { if case .microscaling = scaling, let newValue { scaling = .microscaling(newValue) } }
  }

  /// Of groups whose scales are small floats, whether the tensor has one too.
  public var hasTensorScale: Bool? {
    get { if case .nvidia(let has) = scaling { has } else { nil } }
    set { if case .nvidia = scaling, let newValue { scaling = .nvidia(hasTensorScale: newValue) } }
  }

  /// Weights that share a scale side by side, where that is a number.
  var blockWeights: Int {
    switch scaling {
    case .scaled(.group(let size)): size
    case .scaled: 1
    case .microscaling: 32
    case .nvidia: 16
    }
  }

  /// Bytes of all scales of a weight.
  func scaleBytes(of form: WeightForm) -> Int {
    switch scaling {
    case .scaled(let granularity):
      4 * granularity.scaleCount(rows: form.rows, columns: form.columns, shape: form.shape)
    case .microscaling: form.rows * form.columns / 32
    case .nvidia(let hasTensorScale): form.rows * form.columns / 16 + (hasTensorScale ? 4 : 0)
    }
  }
}

extension SmallFloatScheme.Scaling {
  /// The same but for the granularity.
  fileprivate func isKin(to other: Self) -> Bool {
    switch (self, other) {
    case (.scaled, .scaled), (.microscaling, .microscaling), (.nvidia, .nvidia): true
    default: false
    }
  }
}
