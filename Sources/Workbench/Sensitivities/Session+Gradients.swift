import Checkpoints
import Compression
import Inference

/// What gradients add to layers that were measured alone.
extension Session {
  /// Widths whose errors are projected.
  private static let projectedBits = 2...8
  /// Numbers of projections that are kept for what layers do to each other, in all.
  private static let mostProjected = 1 << 22

  /// For each layer and width the output's change along the scheme's own error, P, of random projections of the output
  /// (B of samples, half of the mean of squares is the effect to second order), brought to what was measured at the
  /// widest width that was, a: S = F · (M_a / F_a)^(t² / t_a²), F = ½ · mean P². The wider schemes get a point each; P, scaled to S, says how
  /// layers disturb each other (`Interactions`).
  ///
  /// A model that no gradient goes through keeps its anchors, and says so.
  func addGradients<Runnable: Model>(
    to found: inout Sensitivities, of model: Runnable, _ data: Runnable.Data, _ weights: Runnable.Weights,
    _ byLayer: [Int: Item], _ request: SensitivityRequest, progress: (SensitivityProgress) -> Bool,
    isCancelled: @escaping () -> Bool
  ) throws {
    var layers = found.layers
    var goesOn = true
    let samples = checkpoint.graph == nil ? found.data.count : max(256, found.data.count)
    do {
      try model.probes(
        data, samples: samples, weights: weights, seed: 15, request.measurement,
        progress: { goesOn = progress(.init(done: $0, of: $1, what: "gradients")) && goesOn },
        isCancelled: { !goesOn || isCancelled() }
      ) { probe in
        guard let item = byLayer[probe.layer], let layer = layers[item.name], !layer.points.isEmpty else { return }
        layers[item.name] = try projected(item, layer, probe)
      }
    } catch let error as InferenceError where error.lacksGradient {
      found.notes.append("anchors alone: \(error)")
      return
    }
    found.layers = layers
    found.method = .gradients
    let numbers = layers.values.reduce(0) { $0 + $1.projections.values.reduce(0) { $0 + $1.count } }
    // Of language models, whose layers hardly disturb each other, they would be many.
    if numbers > Self.mostProjected { for name in layers.keys { found.layers[name]?.projections = [:] } }
  }

  private func projected(
    _ item: Item, _ layer: LayerSensitivity, _ probe: LayerProbe
  ) throws -> LayerSensitivity {
    var layer = layer
    let plain = try matrix(of: item)
    var raw: [(scheme: Scheme, error: Double, effect: Double, values: [Float])] = []
    for scheme in Self.projectedBits.compactMap({ Self.integers($0, for: item) }) {
      var delta = try reconstruction(of: item, in: scheme)
      let error = Self.relativeError(delta, plain)
      for index in delta.indices { delta[index] = plain[index].isFinite ? delta[index] - plain[index] : 0 }
      let values = try probe.projections(onto: delta)
      let squares = values.reduce(0.0) { $0 + Double($1) * Double($1) }
      raw.append((scheme, error, squares / Double(2 * max(1, values.count)), values))
    }
    // The widest scheme that was measured.
    let anchor = raw.last { one in layer.points.contains { $0.scheme == one.scheme && $0.isMeasured } }
    let measured = anchor.flatMap { one in layer.points.first { $0.scheme == one.scheme } }
    for one in raw where one.effect > 0 {
      var effect = layer.points.first { $0.scheme == one.scheme && $0.isMeasured }?.effect
      if effect == nil, let anchor, let measured, anchor.effect > 0, measured.effect > 0, anchor.error > 0 {
        effect = one.effect * power(measured.effect / anchor.effect, min(1, one.error / anchor.error))
        var point = LayerSensitivity.Point(
          scheme: one.scheme, error: one.error, effect: effect ?? 0, standardError: 0)
        point.isMeasured = false
        layer.add(point)
      }
      guard let effect else { continue }
      let scale = Float((effect / one.effect).squareRoot())
      layer.projections[one.scheme] = one.values.map { $0 * scale }
    }
    return layer
  }
}
