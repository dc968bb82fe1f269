import Compression

/// What a recipe costs and saves, as far as it is known without running the model.
public struct Estimate: Sendable, Hashable {
  /// Bytes of all tensors as coded, scales and zero points included, without a container's padding ("packed").
  public var bytes: Int
  /// Bytes of all tensors as stored.
  public var originalBytes: Int
  /// False while a sparse or coded size is not yet computed: `bytes` then has its dense size.
  public var isExact: Bool
  /// 8 · bytes of all parameters as coded / parameters.
  public var bitsPerWeight: Double
  public var originalBitsPerWeight: Double
  /// Σ n·t² / Σ n over weights, in units of `int4,group=32` everywhere; `nil` while that unit is not known, or when a
  /// chosen scheme's error is not computed.
  public var damage: Double?
  /// Weights whose share of the damage is known, of all.
  public var known: Int
  public var weights: Int

  /// `originalBytes / bytes`.
  public var ratio: Double { bytes > 0 ? Double(originalBytes) / Double(bytes) : 1 }

  /// The unit of the damage.
  public static let unit = Scheme(.uniform(UniformScheme(bits: 4)))
}

extension Session {
  /// The estimate for the recipe as it stands.
  public var estimate: Estimate { estimate { self.recipe[$0] } }

  /// The estimate for any choice of schemes.
  public func estimate(_ scheme: (Item) -> Scheme) -> Estimate {
    var estimate = Estimate(
      bytes: 0, originalBytes: 0, isExact: true, bitsPerWeight: 0, originalBitsPerWeight: 0, damage: nil,
      known: 0,
      weights: 0)
    var (parameters, parameterBytes, originalParameterBytes) = (0, 0, 0)
    var (damage, unit) = (0.0, 0.0)
    var isComplete = true
    for item in items {
      let chosen = scheme(item)
      let (bytes, exact) = bytes(of: item, in: chosen)
      estimate.bytes += bytes
      estimate.originalBytes += item.bytes
      estimate.isExact = estimate.isExact && exact
      guard item.kind != .buffer else { continue }
      parameters += item.count
      parameterBytes += bytes
      originalParameterBytes += item.bytes
      guard item.kind == .weight || !chosen.isKeep else { continue }
      estimate.weights += item.count
      let error = relativeError(of: item, in: chosen)
      let reference =
        item.kind != .weight || item.obstacle(to: Estimate.unit) != nil
        ? 0 : relativeError(of: item, in: Estimate.unit)
      if let error, let reference {
        damage += Double(item.count) * error
        unit += Double(item.count) * reference
        estimate.known += item.count
      } else {
        isComplete = false
      }
    }
    if isComplete, unit > 0 { estimate.damage = damage / unit }
    if parameters > 0 {
      estimate.bitsPerWeight = 8 * Double(parameterBytes) / Double(parameters)
      estimate.originalBitsPerWeight = 8 * Double(originalParameterBytes) / Double(parameters)
    }
    return estimate
  }

  /// n·t²: an item's part in the damage; `nil` while its error is not known.
  public func damageShare(of item: Item) -> Double? {
    relativeError(of: item, in: recipe[item]).map { $0 * Double(item.count) }
  }
}
