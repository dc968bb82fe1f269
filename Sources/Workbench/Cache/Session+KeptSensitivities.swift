import Compression
import FileAccess
import Inference

// Sensitivities as they are kept: when they were taken up, and their file's text; or, of those that were taken up again,
// when, and under which key they stand.

extension Session {
  /// What measuring sensitivities is kept under; `nil` where nothing is kept of it.
  func keptKey(of request: SensitivityRequest) -> Digest? {
    guard cache != nil else { return nil }
    var digester = Digester()
    digester.add(Int(Segment.Kind.sensitivities.rawValue))
    let measurement = request.measurement
    guard let data = measurement.key(data: measurement.data) else { return nil }
    digester.add(data)
    digester.add("\(request.samples ?? -1) \(request.recipes) \(request.method?.rawValue ?? "-")")
    // Layers are measured in the recipe's schemes too.
    for item in items where !recipe[item].isKeep {
      digester.add(item.tensorName)
      digester.add("\(made(recipe[item], of: item))")
      for squares in item.importances?.squares ?? [] { squares.withUnsafeBytes { digester.add($0) } }
    }
    return digester.finish()
  }

  /// Sensitivities that were measured before, as they were asked for now.
  func keptSensitivities(_ key: Digest) -> Sensitivities? {
    guard let content = cache?.content(key), let kept = KeptSensitivities(content), case .values(let found) = kept.what
    else { return nil }
    takeUp(key)
    return found
  }

  /// Keeps sensitivities that were measured just now, unless the data are others than they were when it began.
  func keep(_ values: Sensitivities, of request: SensitivityRequest, under key: Digest) {
    if keptKey(of: request) == key { keep(values, under: key) }
  }

  /// Keeps sensitivities that were read: the last that were taken up are there when the model is opened again.
  func keep(_ values: Sensitivities) {
    guard cache != nil, let bytes = try? values.encoded() else { return }
    keep(values, under: Digest(of: bytes))
  }

  private func keep(_ values: Sensitivities, under key: Digest) {
    if cache?.content(key) != nil { return takeUp(key) }
    guard let content = KeptSensitivities.content(of: values) else { return }
    cache?.keep(content, under: key, as: .sensitivities)
    cache?.flush()
  }

  /// Makes what is kept under a key the last that was taken up.
  private func takeUp(_ key: Digest) {
    let content = KeptSensitivities.content(ofKey: key)
    cache?.keep(content, under: Digest(of: content), as: .sensitivities)
    cache?.flush()
  }

  /// The last that were taken up.
  var lastSensitivities: Sensitivities? {
    let all = (cache?.contents(.sensitivities) ?? []).compactMap { KeptSensitivities($0.content) }
    switch all.max(by: { $0.madeAt < $1.madeAt })?.what {
    case .values(let values): return values
    case .key(let key):
      guard let content = cache?.content(key), case .values(let values) = KeptSensitivities(content)?.what else {
        return nil
      }
      return values
    case nil: return nil
    }
  }
}

/// What is kept of sensitivities.
struct KeptSensitivities {
  let madeAt: Int
  let what: What

  enum What {
    case values(Sensitivities)
    case key(Digest)
  }

  static func content(of values: Sensitivities) -> [UInt8]? {
    guard let text = try? values.encoded() else { return nil }
    var writer = KeptWriter()
    writer.put(nanosecondsNow())
    writer.put(true)
    writer.put(text)
    return writer.bytes
  }

  static func content(ofKey key: Digest) -> [UInt8] {
    var writer = KeptWriter()
    writer.put(nanosecondsNow())
    writer.put(false)
    writer.put(Int(truncatingIfNeeded: key.low))
    writer.put(Int(truncatingIfNeeded: key.high))
    return writer.bytes
  }

  /// - Returns: `nil` for what cannot be used.
  init?(_ content: [UInt8]) {
    var reader = KeptReader(content)
    do {
      madeAt = try reader.int()
      if try reader.bool() {
        let text = try reader.string()
        what = .values(try Sensitivities(try JSONValue(text: text, path: "cache"), path: "cache"))
      } else {
        what = .key(
          Digest(
            low: UInt64(bitPattern: Int64(try reader.int())), high: UInt64(bitPattern: Int64(try reader.int()))))
      }
      try reader.finish()
    } catch {
      return nil
    }
  }
}
