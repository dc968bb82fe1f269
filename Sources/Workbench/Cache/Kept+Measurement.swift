import Compression
import Inference

// Measurements as they are kept: everything but the outputs.

extension KeptWriter {
  mutating func put(_ measurement: Measurement) {
    put(measurement.recipe)
    put(each: measurement.metrics) { $0.put($1) }
    put(measurement.samples)
    put(measurement.samplesPerSecond)
    put(measurement.peakBytes)
    put(measurement.bytes)
    put(measurement.damage) { $0.put($1) }
    put(measurement.classification?.kept) { writer, counts in writer.put(each: counts) { $0.put($1) } }
    put(measurement.data)
    put(each: measurement.notes) { $0.put($1) }
    put(each: measurement.classNames) { $0.put($1) }
  }

  mutating func put(_ recipe: Recipe) {
    put(each: recipe.choices.sorted { $0.key < $1.key }) { writer, choice in
      writer.put(choice.key)
      writer.put("\(choice.value.scheme)")
      writer.put(choice.value.by.rawValue)
    }
  }

  private mutating func put(_ metric: Metric) {
    put(metric.name)
    put(metric.value)
    put(metric.standardError) { $0.put($1) }
    put(metric.baseline) { $0.put($1) }
    put(metric.isShare)
    put(metric.paired) { writer, paired in
      writer.put(paired.difference)
      writer.put(paired.standardError)
    }
  }
}

extension KeptReader {
  mutating func measurement() throws(NotKept) -> Measurement {
    let recipe = try recipe()
    let metrics = try each(least: 20) { reader throws(NotKept) in try reader.metric() }
    let samples = try count()
    let perSecond = try double()
    let (peakBytes, bytes) = (try count(), try count())
    let damage = try optionalDouble()
    let counts = try optional { reader throws(NotKept) in
      try reader.each(least: 8) { reader throws(NotKept) in try reader.count() }
    }
    let classification = counts.flatMap(Classification.init(kept:))
    guard (counts == nil) == (classification == nil) else { throw NotKept() }
    let data = try string()
    let notes = try each(least: 8) { reader throws(NotKept) in try reader.string() }
    let classNames = try each(least: 8) { reader throws(NotKept) in try reader.string() }
    return Measurement(
      recipe: recipe, metrics: metrics, samples: samples, samplesPerSecond: perSecond, peakBytes: peakBytes,
      bytes: bytes, damage: damage, classification: classification, data: data, notes: notes, classNames: classNames)
  }

  mutating func recipe() throws(NotKept) -> Recipe {
    let choices = try each(least: 24) { reader throws(NotKept) -> (String, Recipe.Choice) in
      let name = try reader.string()
      guard let scheme = try? Scheme(spec: try reader.string()),
        let origin = Recipe.Origin(rawValue: try reader.string())
      else { throw NotKept() }
      return (name, Recipe.Choice(scheme, by: origin))
    }
    return Recipe(choices: Dictionary(choices, uniquingKeysWith: { one, _ in one }))
  }

  private mutating func metric() throws(NotKept) -> Metric {
    var metric = Metric(
      name: try string(), value: try double(), standardError: try optionalDouble(), baseline: try optionalDouble(),
      isShare: try bool())
    metric.paired = try optional { reader throws(NotKept) in
      Metric.Paired(difference: try reader.double(), standardError: try reader.double())
    }
    return metric
  }
}
