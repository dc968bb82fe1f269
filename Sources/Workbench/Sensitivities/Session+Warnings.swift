import Checkpoints
import Compression

/// What a person should know of an estimate, a line each.
extension Session {
  /// Of the recipe as it stands; none without sensitivities.
  public var warnings: [String] {
    guard let sensitivities else { return [] }
    let chosen = items.filter { $0.kind == .weight && !recipe[$0].isKeep && !$0.isShared }
    guard !chosen.isEmpty else { return [] }
    var lines: [String] = []
    let count = chosen.reduce(0) { $0 + $1.count }
    let bits = 8 * chosen.reduce(0.0) { $0 + Double(bytes(of: $1, in: recipe[$1]).bytes) } / Double(max(1, count))
    if bits < 3, measurement(of: recipe) == nil {
      lines.append("below three bits the estimate is a lower bound until it is measured")
    }
    if sensitivities.isBorrowed { lines.append("the sensitivities are borrowed from \(sensitivities.values.model)") }
    if sensitivities.values.isFlat {
      lines.append("the calibration is too flat to rank layers: take more or other data")
    }
    if let seen = calibrationSeenInTraining {
      lines.append(
        "uncompressed, the model's loss is \(Format.significant(seen.calibration, 2)) on the calibration data and \(Format.significant(seen.measured, 2)) on what was measured: it may have been trained on the former"
      )
    }
    if measurements.contains(where: { lastPart($0.data) == sensitivities.values.data.name }) {
      lines.append("measured on the data that it was calibrated on: others would say more")
    }
    let data = sensitivities.values.data.name
    if data == Sensitivities.selfMade {
      lines.append("calibrated on what the model made itself, not on real data")
    } else if data.hasPrefix(Sensitivities.selfMade + " (") {
      lines.append("calibrated on inputs drawn by statistics, not on real data: \(data)")
    }
    let rough = chosen.filter {
      sensitivities.byItem[$0.id]?.isRough(made(recipe[$0], of: $0).withoutCoding) == true
    }
    if !rough.isEmpty {
      lines.append(
        "\(rough.count) sparse layer\(rough.count == 1 ? " was" : "s were") not measured alone: the estimate may be off by five times"
      )
    }
    if let crushed = crushedEmbedding(chosen, bits) {
      lines.append("\(crushed.name) has far fewer bits than the rest: embeddings and heads are what models bear worst")
    }
    return lines
  }

  /// The uncompressed model's cross entropy on the data of the calibration and on other data, where the first is less by
  /// more than a quarter and than three standard errors: so much luck have data that trained the model.
  private var calibrationSeenInTraining: (calibration: Double, measured: Double)? {
    guard let values = sensitivities?.values else { return nil }
    func loss(_ metrics: [Trial.Figure]) -> (value: Double, error: Double)? {
      metrics.first { $0.name == "cross entropy" }.flatMap { one in one.baseline.map { ($0, one.standardError ?? 0) } }
    }
    let own = values.trials.first { !$0.isOwn && lastPart($0.data) == values.data.name }
    guard let calibration = own.flatMap({ loss($0.metrics) }) else { return nil }
    for measurement in measurements where lastPart(measurement.data) != values.data.name {
      guard let other = loss(measurement.metrics.map(Trial.Figure.init)) else { continue }
      let error = (calibration.error * calibration.error + other.error * other.error).squareRoot()
      if calibration.value < 0.75 * other.value, other.value - calibration.value > 3 * error {
        return (calibration.value, other.value)
      }
    }
    return nil
  }

  /// An embedding or a head more than half a bit below the mean, and by its effect among what harms most.
  private func crushedEmbedding(_ chosen: [Item], _ mean: Double) -> Item? {
    chosen.first { item in
      guard item.role == .embedding || item.role == .head, item.count > 0 else { return false }
      return 8 * Double(bytes(of: item, in: recipe[item]).bytes) / Double(item.count) < mean - 0.5
    }
  }
}

extension Sensitivities {
  /// The name of data that the model made itself.
  public static let selfMade = "self"

  /// Whether a layer's effect at three bits is hardly more than what its own scatter would make of nothing.
  var isFlat: Bool {
    let points = layers.values.compactMap { $0.points.first(where: \.isMeasured) }
    guard points.count > 2 else { return false }
    return points.count { $0.effect > 2 * $0.standardError } < points.count / 2
  }
}
