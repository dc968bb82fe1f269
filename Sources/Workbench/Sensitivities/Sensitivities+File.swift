import Compression
import FileAccess
import Inference

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// Sensitivities as a file: JSON that a person can read and share.
///
///     {
///       "latheSensitivities": 1,
///       "model": "digits-cnn.onnx", "fingerprint": "…",    what was measured
///       "data": {"name": "digits-train.npz", "samples": 128, "outputs": 128},
///       "metric": "kl",                                     kl, cosine (1 − cosine) or mse
///       "method": "anchors",                                anchors or gradients
///       "notes": [],
///       "layers": {
///         "/conv1/Conv": {"shape": [32, 1, 3, 3], "points": [
///           {"scheme": "int3,group=32", "relativeError": 0.03, "effect": 0.012, "standardError": 0.001,
///            "measured": true, "projections": [0.1]}]}      false: gradients say it; a number a sample
///       },
///       "recipes": [                                        measured as wholes
///         {"name": "4 bits everywhere", "sum": 0.02, "bytes": 9000, "outputs": 360, "data": "…", "metrics": [
///           {"name": "KL divergence", "value": 0.021, "standardError": 0.001, "baseline": null}]}]
///     }
extension Sensitivities {
  static let version = 1

  /// The file's bytes: keys in order, so that the same sensitivities give the same bytes.
  public func encoded() throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return [UInt8](try encoder.encode(File(self))) + [10]
  }

  /// Reads a file.
  ///
  /// - Throws: `WorkbenchError` that names the file and the place: not readable, no sensitivities, a figure that is none.
  public init(path: String) throws(WorkbenchError) {
    let json: JSONValue?
    do { json = try JSONValue(path: path) } catch { throw WorkbenchError("\(error)") }
    guard let json else { throw WorkbenchError("\(path): there are no such sensitivities, or they cannot be read") }
    try self.init(json, path: path)
  }

  init(_ json: JSONValue, path: String) throws(WorkbenchError) {
    try self.init(try ConfigObject(json, at: "", in: path), path: path)
  }

  /// The same of an object within a file.
  init(_ file: ConfigObject, path: String) throws(WorkbenchError) {
    guard let version = try file.int("latheSensitivities") else {
      throw WorkbenchError("\(path): not Lathe's sensitivities: \"latheSensitivities\" is missing")
    }
    guard version == Self.version else {
      throw WorkbenchError("\(path): sensitivities of version \(version); this Lathe reads version \(Self.version)")
    }
    guard let metric = try file.string("metric"), let difference = OutputDifference(rawValue: metric) else {
      throw file.wrong("metric", "kl, cosine or mse expected")
    }
    guard let word = try file.string("method"), let method = Method(rawValue: word) else {
      throw file.wrong("method", "anchors or gradients expected")
    }
    guard let data = try file.object("data") else { throw file.wrong("data", "an object expected") }
    guard let all = try file.object("layers") else { throw file.wrong("layers", "an object expected") }
    var layers: [String: LayerSensitivity] = [:]
    var schemes: [String: Scheme] = [:]
    for (name, value) in all.members {
      let layer = try ConfigObject(value, at: all.place(of: name), in: path)
      layers[name] = try Self.layer(layer, &schemes)
    }
    self.init(
      model: try file.string("model") ?? "", fingerprint: try file.string("fingerprint") ?? "",
      data: Samples(
        name: try data.string("name") ?? "", count: try data.int("samples") ?? 0, outputs: try data.int("outputs") ?? 0),
      difference: difference, method: method, layers: layers, trials: try Self.trials(file))
    notes = try file.strings("notes")
  }

  private static func layer(
    _ layer: ConfigObject, _ schemes: inout [String: Scheme]
  ) throws(WorkbenchError) -> LayerSensitivity {
    guard case .array(let extents)? = layer["shape"] else {
      throw layer.wrong("shape", "a list of whole numbers expected")
    }
    let shape = extents.compactMap(\.int)
    guard shape.count == extents.count else { throw layer.wrong("shape", "a list of whole numbers expected") }
    var points: [LayerSensitivity.Point] = []
    var projections: [Scheme: [Float]] = [:]
    for point in try layer.objects("points") {
      guard let spec = try point.string("scheme") else { throw point.wrong("scheme", "a scheme expected") }
      if schemes[spec] == nil {
        do { schemes[spec] = try Scheme(spec: spec) } catch { throw point.wrong("scheme", error.description) }
      }
      guard let scheme = schemes[spec] else { continue }
      points.append(
        .init(
          scheme: scheme, error: try point.figure("relativeError"), effect: try point.figure("effect"),
          standardError: try point.number("standardError") ?? 0))
      points[points.count - 1].isMeasured = try point.bool("measured") ?? true
      if let values = point["projections"], let scheme = schemes[spec] {
        projections[scheme] = try numbers(values, point)
      }
    }
    var read = LayerSensitivity(shape: shape, points: points)
    read.projections = projections
    return read
  }

  private static func numbers(_ value: JSONValue, _ point: ConfigObject) throws(WorkbenchError) -> [Float] {
    let numbers = value.elements.compactMap { $0.double.map { Float($0) } }
    guard numbers.count == value.elements.count, numbers.allSatisfy(\.isFinite) else {
      throw point.wrong("projections", "a list of numbers expected")
    }
    return numbers
  }

  private static func trials(_ file: ConfigObject) throws(WorkbenchError) -> [Trial] {
    var trials: [Trial] = []
    for trial in try file.objects("recipes") {
      var metrics: [Trial.Figure] = []
      for metric in try trial.objects("metrics") {
        guard let name = try metric.string("name"), let value = try metric.number("value") else {
          throw metric.wrong("value", "a number, with a name beside it, expected")
        }
        metrics.append(
          .init(
            name: name, value: value, standardError: try metric.number("standardError"),
            baseline: try metric.number("baseline")))
      }
      trials.append(
        Trial(
          name: try trial.string("name") ?? "", sum: try trial.figure("sum"), bytes: try trial.int("bytes") ?? 0,
          outputs: try trial.int("outputs") ?? 0,
          metrics: metrics, data: try trial.string("data") ?? ""))
    }
    return trials
  }

  /// The file's form.
  private struct File: Encodable {
    let latheSensitivities = Sensitivities.version
    let model: String
    let fingerprint: String
    let data: Data
    let metric: String
    let method: String
    let layers: [String: Layer]
    let recipes: [Recipe]
    let notes: [String]

    struct Data: Encodable { let name: String, samples: Int, outputs: Int }
    struct Layer: Encodable { let shape: [Int], points: [Point] }
    struct Point: Encodable {
      let scheme: Scheme, relativeError: Double, effect: Double, standardError: Double, measured: Bool
      let projections: [Float]?
    }
    struct Recipe: Encodable {
      let name: String, sum: Double, bytes: Int, outputs: Int, data: String, metrics: [Metric]
    }
    struct Metric: Encodable { let name: String, value: Double, standardError: Double?, baseline: Double? }

    init(_ values: Sensitivities) {
      (model, fingerprint) = (values.model, values.fingerprint)
      data = Data(name: values.data.name, samples: values.data.count, outputs: values.data.outputs)
      notes = values.notes
      (metric, method) = (values.difference.rawValue, values.method.rawValue)
      layers = values.layers.mapValues { layer in
        Layer(
          shape: layer.shape,
          points: layer.points.map {
            Point(
              scheme: $0.scheme, relativeError: $0.error, effect: $0.effect, standardError: $0.standardError,
              measured: $0.isMeasured, projections: layer.projections[$0.scheme])
          })
      }
      recipes = values.trials.map { trial in
        Recipe(
          name: trial.name, sum: trial.sum, bytes: trial.bytes, outputs: trial.outputs, data: trial.data,
          metrics: trial.metrics.filter { $0.value.isFinite }.map {
            Metric(name: $0.name, value: $0.value, standardError: $0.standardError, baseline: $0.baseline)
          })
      }
    }
  }
}

extension ConfigObject {
  /// The objects of a list; none where it is missing.
  fileprivate func objects(_ key: String) throws(WorkbenchError) -> [ConfigObject] {
    guard let found = self[key] else { return [] }
    guard case .array(let values) = found else { throw wrong(key, "a list expected") }
    var objects: [ConfigObject] = []
    for (index, value) in values.enumerated() {
      objects.append(try ConfigObject(value, at: "\(place(of: key))[\(index)]", in: path))
    }
    return objects
  }

  fileprivate func number(_ key: String) throws(WorkbenchError) -> Double? {
    guard let found = self[key] else { return nil }
    guard let value = found.double, value.isFinite else { throw wrong(key, "a number expected") }
    return value
  }

  /// A number that is there, and not negative.
  fileprivate func figure(_ key: String) throws(WorkbenchError) -> Double {
    guard let value = try number(key), value >= 0 else { throw wrong(key, "a number of 0 or more expected") }
    return value
  }
}
