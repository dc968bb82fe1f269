import Checkpoints
import Compression
import Numerics

/// The numbers that a tool makes where they are not those of the scheme that it is told: which grid its integers have,
/// which type its scales, and whether it computes in that type. A sheet says it in the fields of `accept`:
/// `grid=symmetric-full scale=floats rounds=product`.
struct ToolNumbers: Sendable, Hashable {
  /// In the place of symmetric codes, or where it is affine itself in that of affine ones; `nil` for the scheme's own.
  var grid: Symmetry?
  /// In the place of OCP's, where scales are powers of two.
  var exponent: SmallFloatScheme.Exponent?
  /// Whether NVFP4 has a scale of the tensor's there.
  var hasTensorScale = true
  var scale: Scale?
  /// The steps that the tool rounds to the type of the model's floats, where that has 16 bits.
  var rounds: Rounding?
  /// How the tool keeps the codes, where that takes other room than the scheme's own count.
  var stored: Stored?

  enum Scale: Sendable, Hashable {
    case type(ScaleType)
    /// The type of the model's floats.
    case floats
  }

  init() {}

  /// - Throws: `WorkbenchError` for words that are no grid, or no type.
  init(_ fields: [String: String]) throws(WorkbenchError) {
    grid = try Self.word("grid", of: fields)
    exponent = try Self.word("exponent", of: fields)
    stored = try Self.word("stored", of: fields)
    rounds = try Self.word("rounds", of: fields)
    if let word = fields["tensor-scale"] {
      guard word == "none" || word == "fp32" else {
        throw WorkbenchError("tensor-scale=\(word): expected none or fp32")
      }
      hasTensorScale = word == "fp32"
    }
    if let word = fields["scale"] {
      if word == "floats" {
        scale = .floats
      } else if let type = ScaleType(rawValue: word) {
        scale = .type(type)
      } else {
        let all = ScaleType.allCases.map(\.rawValue).joined(separator: ", ")
        throw WorkbenchError("scale=\(word): expected floats, or one of \(all)")
      }
    }
  }

  /// What a field says; `nil` where the sheet has none.
  private static func word<Value: RawRepresentable<String> & CaseIterable>(
    _ name: String, of fields: [String: String]
  ) throws(WorkbenchError) -> Value? {
    guard let word = fields[name] else { return nil }
    guard let known = Value(rawValue: word) else {
      let all = Value.allCases.map(\.rawValue).joined(separator: ", ")
      throw WorkbenchError("\(name)=\(word): expected one of \(all)")
    }
    return known
  }

  /// The format with the tool's grid.
  func grid(of format: Scheme.Format) -> Scheme.Format {
    if case .smallFloat(var small) = format {
      if let exponent, small.exponent == .below { small.exponent = exponent }
      if !hasTensorScale { small.hasTensorScale = false }
      return .smallFloat(small)
    }
    guard case .uniform(var uniform) = format, uniform.bits > 1, let grid, grid.isAffine == uniform.symmetry.isAffine
    else { return format }
    uniform.symmetry = grid
    return .uniform(uniform)
  }

  /// The format with the tool's grid and scales, for a model whose floats have a type.
  func made(of format: Scheme.Format, floats: ScaleType) -> Scheme.Format {
    switch scale {
    case nil: grid(of: format)
    case .type(let type): grid(of: format).withScale(type)
    case .floats: grid(of: format).withScale(floats).withRounding(floats == .fp16 || floats == .bf16 ? rounds : nil)
    }
  }
}

extension ConfigTarget {
  /// In words: what is made of schemes where it is not what they say.
  public var madeNumbers: [String] {
    var lines: [String] = []
    for acceptance in acceptances where acceptance.numbers != ToolNumbers() {
      let format = acceptance.format
      let other = acceptance.numbers.grid(of: format)
      var words = other == format ? [] : ["\(Scheme(format)) becomes \(Scheme(other))"]
      switch acceptance.numbers.scale {
      case nil: break
      case .floats:
        let found = acceptance.numbers.rounds == nil ? "scales" : "scales and codes"
        words.append("\(found) in the type of the model's floats")
      case .type(let type): words.append("scales in \(type.rawValue)")
      }
      var line = words.joined(separator: ", ")
      if acceptance.hasAnyGroup { line = line.replacing("group=32", with: "group=N") }
      if !line.isEmpty, !lines.contains(line) { lines.append(line) }
    }
    return lines
  }
}

extension Item {
  /// The type of scale that goes with the numbers as they are stored.
  var scaleOfFloats: ScaleType {
    guard packing == nil else { return .fp16 }
    switch type {
    case .f32, .f64: return .fp32
    case .bf16: return .bf16
    default: return .fp16
    }
  }
}

extension ConfigTarget {
  /// The type of an item's floats in the tool: what it has none of is converted first, and loses nothing.
  func floats(of item: Item) -> ScaleType { scales.contains(item.scaleOfFloats) ? item.scaleOfFloats : .fp32 }
}

extension TargetFit {
  /// What the tool makes of a layer that it is told to quantise so: the same, or the scheme of its own grid and scales.
  func made(_ scheme: Scheme, of item: Item) -> Scheme {
    guard let offers = offers[item.id] else { return scheme }
    let plain = scheme.format.plain
    guard let acceptance = offers.first(where: { $0.takes(plain) }) else { return scheme }
    // The tool chooses its codes itself.
    var made = scheme.withNearestLevels
    made.format = acceptance.numbers.made(of: scheme.format, floats: target.floats(of: item))
    return item.obstacle(to: made) == nil ? made : scheme
  }
}

extension Session {
  /// What a scheme's numbers are: with a target chosen, those that its tool makes.
  ///
  /// Codes that nobody has chosen yet are the nearest ones.
  public func made(_ scheme: Scheme, of item: Item) -> Scheme {
    let known = scheme.by == .nearest || item.hasChosen(scheme) ? scheme : scheme.withNearestLevels
    return aim.fit?.made(known, of: item) ?? known
  }
}
