import Compression
import FileAccess
import Inference

extension Session {
  /// What a measurement of a recipe is kept under: the numbers that it makes, the data and how they are run; the model is
  /// the cache's own.
  ///
  /// - Parameter data: the request's key.
  private func key(of recipe: Recipe, _ data: Digest) -> Digest {
    var digester = Digester()
    digester.add(Int(Segment.Kind.measurement.rawValue))
    digester.add(data)
    for item in items where !recipe[item].isKeep {
      digester.add(item.tensorName)
      digester.add("\(made(recipe[item], of: item))")
      for squares in item.importances?.squares ?? [] { squares.withUnsafeBytes { digester.add($0) } }
    }
    return digester.finish()
  }

  /// What measuring the recipe as it stands is kept under; `nil` where nothing is kept of it.
  func keptKey(of request: MeasurementRequest) -> Digest? {
    // What was chosen for a layer is no part of the key.
    guard cache != nil, !items.contains(where: { recipe[$0].by != .nearest }), !request.options.keepsOutputs,
      let data = request.key(data: request.data)
    else { return nil }
    return key(of: recipe, data)
  }

  /// A measurement that was made before, of the same numbers on the same data.
  func keptMeasurement(_ key: Digest) -> Measurement? {
    guard let content = cache?.content(key), var found = try? KeptMeasurement(content).measurement else { return nil }
    let estimate = estimate
    found.recipe = recipe
    (found.bytes, found.damage) = (estimate.bytes, estimate.damage ?? found.damage)
    found.notes.append("measured before; --no-cache measures anew")
    return found
  }

  /// Keeps a measurement, unless the data are others than they were when it began.
  func keep(_ measurement: Measurement, of request: MeasurementRequest, under key: Digest) {
    guard let cache, keptKey(of: request) == key else { return }
    let kept = KeptMeasurement(measurement: measurement, request: request)
    cache.keep(kept.content, under: key, as: .measurement)
    cache.flush()
  }

  /// All that earlier runs measured of this model and that still holds: the data are what they were, and with the target as
  /// it is the recipe makes the same numbers. In the order in which it was measured.
  public var keptMeasurements: [Measurement] {
    guard let cache else { return [] }
    var data: [Digest: Digest?] = [:]
    let found = cache.contents(.measurement).compactMap { key, content -> KeptMeasurement? in
      guard let kept = try? KeptMeasurement(content) else { return nil }
      var request = kept.request
      request.data = kept.path
      let asked = Digest(of: kept.requestContent)
      let now = data[asked] ?? request.key(data: kept.path)
      data[asked] = .some(now)
      guard let now, self.key(of: kept.measurement.recipe, now) == key else { return nil }
      return kept
    }
    return found.sorted { $0.madeAt < $1.madeAt }.map(\.measurement)
  }
}

/// A measurement with what was asked for: enough to find out later whether it still holds.
struct KeptMeasurement {
  var madeAt: Int
  /// Where the data are, from everywhere.
  var path: String
  var request: MeasurementRequest
  var measurement: Measurement

  init(measurement: Measurement, request: MeasurementRequest) {
    (self.measurement, self.request) = (measurement, request)
    (madeAt, path) = (nanosecondsNow(), absolutePath(request.data))
  }

  var content: [UInt8] {
    var writer = KeptWriter()
    writer.put(madeAt)
    writer.put(requestContent)
    writer.put(measurement)
    return writer.bytes
  }

  var requestContent: [UInt8] {
    var writer = KeptWriter()
    writer.put(path)
    writer.put(request.context) { $0.put($1) }
    writer.put(request.activations) { writer, activations in
      writer.put(activations.bits)
      writer.put(activations.percentile)
      writer.put(absolutePath(activations.calibration))
    }
    writer.put(request.options.batch) { $0.put($1) }
    writer.put(request.options.output) { $0.put($1) }
    writer.put(request.images.size) { writer, size in
      writer.put(size.width)
      writer.put(size.height)
    }
    writer.put(request.images.crop) { $0.put($1) }
    writer.put(each: request.images.mean) { $0.put($1) }
    writer.put(each: request.images.deviation) { $0.put($1) }
    writer.put(request.images.scale)
    writer.put(request.images.isBlueFirst)
    writer.put(request.images.isChannelsFirst) { $0.put($1) }
    return writer.bytes
  }

  init(_ content: [UInt8]) throws(NotKept) {
    var reader = KeptReader(content)
    madeAt = try reader.int()
    var asked = KeptReader(try reader.content())
    measurement = try reader.measurement()
    try reader.finish()
    path = try asked.string()
    request = MeasurementRequest(data: measurement.data)
    request.context = try asked.optional { reader throws(NotKept) in try reader.count() }
    request.activations = try asked.optional { reader throws(NotKept) in
      ActivationOptions(
        bits: try reader.count(), percentile: try reader.double(), calibration: try reader.string())
    }
    request.options.batch = try asked.optional { reader throws(NotKept) in try reader.count() }
    request.options.output = try asked.optional { reader throws(NotKept) in try reader.string() }
    request.images.size = try asked.optional { reader throws(NotKept) in (try reader.count(), try reader.count()) }
    request.images.crop = try asked.optionalDouble()
    request.images.mean = try asked.each(least: 4) { reader throws(NotKept) in try reader.float() }
    request.images.deviation = try asked.each(least: 4) { reader throws(NotKept) in try reader.float() }
    request.images.scale = try asked.float()
    request.images.isBlueFirst = try asked.bool()
    request.images.isChannelsFirst = try asked.optional { reader throws(NotKept) in try reader.bool() }
    try asked.finish()
  }
}
