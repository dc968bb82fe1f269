import Checkpoints
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
  /// Σ of what each layer alone does to the outputs, where sensitivities are known; `nil` while one is missing.
  public var effect: Double?
  /// Weights whose share of the damage is known, of all.
  public var known: Int
  public var weights: Int

  /// `originalBytes / bytes`.
  public var ratio: Double { bytes > 0 ? Double(originalBytes) / Double(bytes) : 1 }

  /// The unit of the damage.
  public static let unit = Scheme(.uniform(UniformScheme(bits: 4)))

  /// Whether an item can take it: `obstacle(to:)` without the words, which models of many layers would wait for.
  static func unitFits(_ item: Item) -> Bool {
    item.closed == nil && item.matrix.rows > 0 && item.matrix.columns > 0 && item.matrix.columns % 32 == 0
  }
}

extension Estimate {
  /// The sum of the items' parts, in their order.
  ///
  /// - Parameter forEach: calls what it is given with each item's place and part.
  init(_ items: [Item], _ forEach: ((Int, EstimatePart) -> Void) -> Void) {
    self.init(
      bytes: 0, originalBytes: 0, isExact: true, bitsPerWeight: 0, originalBitsPerWeight: 0, damage: nil, effect: nil,
      known: 0, weights: 0)
    var (parameters, parameterBytes, originalParameterBytes) = (0, 0, 0)
    var (damage, unit) = (0.0, 0.0)
    var isComplete = true
    forEach { place, part in
      let stored = items[place].bytes
      bytes += part.bytes
      originalBytes += stored
      isExact = isExact && part.isExact
      guard part.isParameter else { return }
      let count = items[place].count
      parameters += count
      parameterBytes += part.bytes
      originalParameterBytes += stored
      guard part.counts else { return }
      weights += count
      if let error = part.error, let reference = part.reference {
        damage += Double(count) * error
        unit += Double(count) * reference
        known += count
      } else {
        isComplete = false
      }
    }
    if isComplete, unit > 0 { self.damage = damage / unit }
    if parameters > 0 {
      bitsPerWeight = 8 * Double(parameterBytes) / Double(parameters)
      originalBitsPerWeight = 8 * Double(originalParameterBytes) / Double(parameters)
    }
  }
}
