/// What earlier runs found out about a model and a person sees at once: what cannot be asked for layer by layer.
public struct Recollection: Sendable {
  /// In the order in which they were made.
  public var measurements: [Measurement] = []
  /// The last that were taken up.
  public var sensitivities: Sensitivities?
}

extension Session {
  /// - Complexity: reads files; not for the thread that draws.
  public var recollection: Recollection {
    Recollection(measurements: keptMeasurements, sensitivities: lastSensitivities)
  }

  /// Takes over what earlier runs found out, where this one found nothing yet.
  public mutating func take(_ recollection: Recollection) {
    let kept = recollection.measurements.filter { kept in !measurements.contains { $0.recipe == kept.recipe } }
    measurements = kept + measurements
    if sensitivities != nil {
      for measurement in kept { learn(from: measurement) }
    } else if let values = recollection.sensitivities {
      // Of layers that are others here none is taken.
      _ = try? adopt(values)
    }
  }
}
