import Compression

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// What layers do to each other: their errors' effects on the outputs do not only add up.
///
/// λ · Σ over pairs of ½ · mean of P_l · P_m, P the projections of the layers' own errors. λ takes back what the samples'
/// scatter alone would make of it: 1 − 1 / (N · mean ρ²), ρ the correlations between different layers.
struct Interactions: Sendable {
  /// The share of the cross terms that is believed (shrinkage); 0 for none.
  let strength: Double
  /// Numbers of a projection.
  let count: Int
  /// By item and scheme.
  private let projections: [Item.ID: [Scheme: [Float]]]

  /// `nil` where there are no projections.
  init?(_ layers: [Item.ID: LayerSensitivity]) {
    projections = layers.compactMapValues { $0.projections.isEmpty ? nil : $0.projections }
    guard projections.count > 1, let first = projections.values.first?.values.first else { return nil }
    count = first.count
    guard count > 1 else { return nil }
    // At one scheme a layer, its middle one.
    let columns = projections.sorted { $0.key < $1.key }.prefix(128).compactMap { one -> [Float]? in
      let all = one.value.sorted { "\($0.key)" < "\($1.key)" }
      let values = all[all.count / 2].value
      return values.count == first.count ? values : nil
    }
    let norms = columns.map { column in column.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot() }
    var (squares, pairs) = (0.0, 0.0)
    for a in columns.indices {
      for b in columns.indices where b > a && norms[a] * norms[b] > 0 {
        var dot = 0.0
        for index in columns[a].indices { dot += Double(columns[a][index]) * Double(columns[b][index]) }
        let correlation = dot / (norms[a] * norms[b])
        squares += correlation * correlation
        pairs += 1
      }
    }
    strength = pairs > 0 && squares > 0 ? max(0, 1 - pairs / (Double(count) * squares)) : 0
  }

  /// What is to be added to the sum of the layers' effects, of the layers whose projections are known.
  ///
  /// - Complexity: O(layers · samples).
  func term(_ chosen: [(id: Item.ID, scheme: Scheme, effect: Double)]) -> Double {
    guard strength > 0 else { return 0 }
    var sums = [Double](repeating: 0, count: count)
    var squares = 0.0
    for (id, scheme, effect) in chosen {
      guard let values = projection(of: id, in: scheme, effect: effect) else { continue }
      for index in 0..<count {
        let value = values[index]
        sums[index] += value
        squares += value * value
      }
    }
    let together = sums.reduce(0) { $0 + $1 * $1 }
    return strength * (together - squares) / Double(2 * count)
  }

  /// The projection of a layer in a scheme; of schemes that were not projected, that of the nearest effect, brought to
  /// theirs. `nil` for a layer that has none.
  func projection(of id: Item.ID, in scheme: Scheme, effect: Double) -> [Double]? {
    guard let known = projections[id], effect > 0 else { return nil }
    if let own = known[scheme], own.count == count { return own.map(Double.init) }
    var nearest: (values: [Float], effect: Double)?
    for (_, values) in known where values.count == count {
      let own = values.reduce(0.0) { $0 + Double($1) * Double($1) } / Double(2 * count)
      guard own > 0 else { continue }
      if nearest.map({ abs(log(own / effect)) < abs(log($0.effect / effect)) }) ?? true { nearest = (values, own) }
    }
    guard let nearest else { return nil }
    let scale = (effect / nearest.effect).squareRoot()
    return nearest.values.map { scale * Double($0) }
  }
}
