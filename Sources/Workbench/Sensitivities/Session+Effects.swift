import Checkpoints
import Compression
import Inference

/// Sensitivities as a session uses them.
public struct AdoptedSensitivities: Sendable {
  public internal(set) var values: Sensitivities
  public internal(set) var calibration: Calibration
  /// Counts what it has learnt: a number to compare.
  public internal(set) var version = 0
  /// Of another model, whose layers have the same names and shapes.
  public let isBorrowed: Bool
  /// By item: those of `values` that are of a layer of this model.
  let byItem: [Item.ID: LayerSensitivity]
  /// What a layer that was not measured is taken for: the mean effect for each n·t², at three bits.
  let perError: Double
  let interactions: Interactions?
}

extension Session {
  /// Takes sensitivities over; estimates are calibrated from then on.
  ///
  /// - Returns: the layers that are another model's: no name or another shape here.
  /// - Throws: `WorkbenchError` where none is of a layer of this model.
  @discardableResult
  public mutating func adopt(_ values: Sensitivities) throws(WorkbenchError) -> [String] {
    let version = (sensitivities?.version ?? 0) + 1
    var finder: ((String) -> Item?)?
    let known = Dictionary(items.map { ($0.name, $0) }) { first, _ in first }
    var byItem: [Item.ID: LayerSensitivity] = [:]
    var mismatches: [String] = []
    var (effects, errors) = (0.0, 0.0)
    for (name, layer) in values.layers.sorted(by: { $0.key < $1.key }) {
      var found = known[name]
      if found == nil {
        finder = finder ?? CommonNames(checkpoint).finder(of: items)
        found = finder?(name)
      }
      guard let item = found, item.shape == layer.shape else {
        mismatches.append(found == nil ? "\(name): this model has no such layer" : "\(name): its shape is another here")
        continue
      }
      byItem[item.id] = layer
      if let point = layer.points.first(where: { $0.isMeasured && $0.scheme.sparsity == .none }) {
        effects += point.effect
        errors += Double(item.count) * point.error
      }
    }
    guard !byItem.isEmpty else {
      throw WorkbenchError(
        "the sensitivities are of another model (\(values.model)): none of their \(values.layers.count) layers matches by name and shape"
      )
    }
    sensitivities = AdoptedSensitivities(
      values: values, calibration: Calibration(values), isBorrowed: values.fingerprint != checkpoint.fingerprint,
      byItem: byItem, perError: errors > 0 ? effects / errors : 0,
      interactions: Interactions(byItem))
    sensitivities?.version = version
    renewEffects()
    for measurement in measurements { learn(from: measurement) }
    return mismatches
  }

  /// What an item's scheme alone does to the outputs; `nil` without sensitivities, and while t² is not known.
  public func effect(of item: Item, in scheme: Scheme) -> Double? {
    guard let sensitivities else { return nil }
    if scheme.isKeep || item.isShared { return 0 }
    guard let error = countedError(of: item, in: scheme) else { return nil }
    let made = made(scheme.withNearestLevels, of: item).withoutCoding
    return sensitivities.byItem[item.id]?.effect(of: made, error: error)
      ?? sensitivities.perError * Double(item.count) * error
  }

  /// What layers do to each other in a choice of schemes, to be added to the sum of their effects; never so much that less
  /// than a tenth of it is left.
  func interaction(_ sum: Double, _ scheme: (Item) -> Scheme) -> Double {
    guard let interactions = sensitivities?.interactions else { return 0 }
    let chosen = items.compactMap { item -> (id: Item.ID, scheme: Scheme, effect: Double)? in
      guard item.kind == .weight, !item.isShared else { return nil }
      let scheme = scheme(item)
      guard !scheme.isKeep, let effect = effect(of: item, in: scheme) else { return nil }
      return (item.id, made(scheme, of: item).withoutCoding, effect)
    }
    return max(-0.9 * sum, interactions.term(chosen))
  }

  /// The metric that a recipe's layers, of whose effects `estimate` has the sum, are expected to come to, with its 90 %
  /// interval; `nil` without sensitivities, and while a figure is missing.
  public func prediction(of estimate: Estimate) -> Calibration.Prediction? {
    guard let sensitivities, let sum = estimate.effect else { return nil }
    return sensitivities.calibration.prediction(of: sum)
  }

  /// The same of every metric that was measured on the way.
  public func predictions(of estimate: Estimate) -> [Calibration.Prediction] {
    guard let sensitivities, let sum = estimate.effect else { return [] }
    return sensitivities.calibration.predictions(of: sum)
  }

  /// Adds a measured recipe to what the estimate is fitted to: its error bar narrows.
  mutating func learn(from measurement: Measurement) {
    guard let sensitivities,
      measurement.metrics.contains(where: { $0.name == sensitivities.values.difference.metricName })
    else { return }
    let estimate = estimate { measurement.recipe[$0] }
    guard let sum = estimate.effect else {
      // Recalled before the layers' errors are known: once they are.
      unlearned.append(measurement)
      return
    }
    guard sum > 0 else { return }
    learn(Trial("◊ \(Format.fixed(estimate.bitsPerWeight, 2)) bpw", measurement, sum: sum))
  }

  /// Learns from recalled measurements what could not be learnt before the errors of their schemes were known.
  public mutating func learnRecalled() {
    guard !unlearned.isEmpty, sensitivities != nil else { return }
    let waiting = unlearned
    unlearned = []
    for measurement in waiting { learn(from: measurement) }
  }

  /// What their schemes lack.
  public var recalledQuestions: [Question] {
    unlearned.flatMap { measurement in
      items.compactMap { item in
        let scheme = measurement.recipe[item]
        guard !scheme.isKeep, scheme.isComputed, answers.failures[item.id] == nil, item.obstacle(to: scheme) == nil,
          relativeError(of: item, in: scheme) == nil
        else { return nil }
        return .assessment(item.id, made(scheme, of: item))
      }
    }
  }

  /// The same of a candidate of a search.
  mutating func learn(from candidate: Tuning.Candidate, on request: MeasurementRequest) {
    guard let sensitivities, candidate.harm > 0, candidate.measured(sensitivities.values.difference) != nil else {
      return
    }
    learn(
      Trial(
        name: candidate.name, sum: candidate.harm, bytes: candidate.bytes, outputs: sensitivities.values.data.outputs,
        metrics: candidate.metrics.map(Trial.Figure.init), data: request.data))
  }

  private mutating func learn(_ trial: Trial) {
    guard var adopted = sensitivities else { return }
    adopted.values.trials.removeAll { $0.bytes == trial.bytes && $0.sum == trial.sum && $0.data == trial.data }
    adopted.values.trials.append(trial)
    adopted.calibration = Calibration(adopted.values)
    adopted.version += 1
    sensitivities = adopted
    parts.touch()
  }
}

extension Checkpoint {
  /// Tells one model's numbers from another's: FNV-1a (64 bits) of the tensors' names and shapes, and of the first page of
  /// some of them. What cannot be read counts for nothing.
  var fingerprint: String {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    func add(_ bytes: some Sequence<UInt8>) { for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 } }
    for tensor in tensors {
      add(tensor.name.utf8)
      add("\(tensor.shape)".utf8)
    }
    var page = [UInt8](repeating: 0, count: 4096)
    let step = max(1, layers.count / 32)
    for index in stride(from: 0, to: layers.count, by: step) {
      let tensor = layers[index].weight
      let count = min(page.count, tensors[tensor].byteCount)
      let isRead: Bool? = try? page.withUnsafeMutableBytes { buffer in
        try readBytes(tensor: tensor, range: 0..<count, into: buffer)
        return true
      }
      if isRead == true { add(page[..<count]) }
    }
    return String(hash, radix: 16)
  }
}
