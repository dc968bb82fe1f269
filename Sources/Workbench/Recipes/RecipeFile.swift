import Checkpoints
import Compression
import FileAccess

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// The recipe as a file: JSON that a person can read and Lathe reads back to the same choice.
///
///     {
///       "lathe": 1,                                  version of this form
///       "model": "digits-cnn.onnx",                  the file's name, for people
///       "format": "onnx",
///       "layers": {
///         "/conv1/Conv": {
///           "scheme": "int4,group=32,sparsity=0.3",  SPEC
///           "by": "user",                            user, rule or search
///           "shape": [32, 1, 3, 3]
///         }
///       },
///       "recovered": {                               codes that were chosen for layers with `by=`, where some were
///         "file": "R.weights.safetensors",           beside the recipe
///         "digest": "…"                              of its bytes
///       },
///       "provenance": {"method": "by hand", …}       how it came about, where there is something to tell
///     }
///
/// Layers that are not listed stay as they are.
public struct RecipeFile: Codable, Sendable {
  public var lathe: Int
  public var model: String
  public var format: String
  public var layers: [String: Layer]
  public var provenance: Provenance?
  public var recovered: Recovered?

  /// The file that has the codes that were chosen.
  public struct Recovered: Codable, Sendable, Hashable {
    public var file: String
    public var digest: String
  }

  public struct Layer: Codable, Sendable {
    public var scheme: Scheme
    public var by: Recipe.Origin
    public var shape: [Int]
  }

  public static let version = 1

  public init(_ recipe: Recipe, of items: [Item], checkpoint: Checkpoint, provenance: Provenance? = nil) {
    self.provenance = provenance
    lathe = Self.version
    model = checkpoint.path.split(separator: "/").last.map(String.init) ?? checkpoint.path
    format = checkpoint.format.rawValue
    layers = [:]
    for item in items {
      guard let choice = recipe.choices[item.name] else { continue }
      layers[item.name] = Layer(scheme: choice.scheme, by: choice.by, shape: item.shape)
    }
  }

  /// The file's bytes: keys in order, so that the same recipe gives the same bytes.
  public func encoded() throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return [UInt8](try encoder.encode(self)) + [10]
  }

  /// Reads a recipe.
  ///
  /// - Throws: `WorkbenchError` that names the file: not readable, not JSON, not a recipe, a scheme that is unknown.
  public init(path: String) throws(WorkbenchError) {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw WorkbenchError("\(path): there is no such recipe, or it cannot be read")
    }
    guard data.count <= 64 << 20 else {
      throw WorkbenchError("\(path): too large for a recipe (over 64 MiB)")
    }
    try self.init(data, path: path)
  }

  /// The same of a file's bytes.
  init(_ bytes: some Collection<UInt8>, path: String) throws(WorkbenchError) {
    let json: JSONValue
    do { json = try JSONValue(text: String(decoding: bytes, as: UTF8.self), path: path) } catch {
      throw WorkbenchError("\(path): not a Lathe recipe: it is no valid JSON: \(error.reason)")
    }
    let file = try ConfigObject(json, at: "", in: path)
    func missing(_ object: ConfigObject, _ key: String) -> WorkbenchError {
      WorkbenchError("\(path): not a Lathe recipe: \"\(excerpt(object.place(of: key)))\" is missing")
    }
    guard let version = try file.int("lathe") else { throw missing(file, "lathe") }
    guard version == Self.version else {
      throw WorkbenchError("\(path): recipe version \(version); this Lathe reads version \(Self.version)")
    }
    lathe = version
    model = try file.string("model") ?? ""
    format = try file.string("format") ?? ""
    if let story = try file.object("provenance") { provenance = try Provenance(story) }
    if let own = try file.object("recovered") {
      guard let name = try own.string("file"), let digest = try own.string("digest") else { throw missing(own, "file") }
      guard !name.isEmpty, !name.contains("/") else {
        throw own.wrong("file", "the name of a file beside the recipe expected, not \"\(excerpt(name))\"")
      }
      recovered = Recovered(file: name, digest: digest)
    }
    guard let all = try file.object("layers") else { throw missing(file, "layers") }
    layers = [:]
    layers.reserveCapacity(all.members.count)
    // Thousands of layers share a few schemes.
    var schemes: [String: Scheme] = [:]
    for (name, value) in all.members {
      let layer = try ConfigObject(value, at: all.place(of: name), in: path)
      guard let spec = try layer.string("scheme") else { throw missing(layer, "scheme") }
      if schemes[spec] == nil {
        do { schemes[spec] = try Scheme(spec: spec) } catch { throw layer.wrong("scheme", error.description) }
      }
      let by = try layer.string("by") ?? Recipe.Origin.user.rawValue
      guard let origin = Recipe.Origin(rawValue: by) else {
        throw layer.wrong("by", "user, rule or search expected, not \"\(excerpt(by))\"")
      }
      guard case .array(let extents)? = layer["shape"] else { throw missing(layer, "shape") }
      let shape = extents.compactMap(\.int)
      guard shape.count == extents.count, let scheme = schemes[spec] else {
        throw layer.wrong("shape", "a list of whole numbers expected")
      }
      layers[name] = Layer(scheme: scheme, by: origin, shape: shape)
    }
  }

  /// The choice for these items: where name and shape match. The rest is listed.
  ///
  /// - Parameter others: finds the item that another checkpoint of the model calls so: GGUF's name of a Hugging Face
  ///   model's layer, and the other way.
  /// - Throws: `WorkbenchError` if nothing matches.
  public func fitted(
    to items: [Item], path: String, others: (() -> (String) -> Item?)? = nil
  ) throws(WorkbenchError) -> (outcome: Outcome, mismatches: [String]) {
    var finder: ((String) -> Item?)?
    let known = Dictionary(items.map { ($0.name, $0) }) { first, _ in first }
    var outcome = Outcome(recipe: Recipe())
    var mismatches: [String] = []
    for (name, layer) in layers.sorted(by: { $0.key < $1.key }) {
      var found = known[name]
      if found == nil {
        // Made once, and only where a name is not this model's own.
        finder = finder ?? others?()
        found = finder?(name)
      }
      guard let item = found else {
        mismatches.append("\(name): this model has no such layer")
        continue
      }
      if item.shape != layer.shape {
        mismatches.append("\(name): shape \(item.shape), in the recipe \(layer.shape)")
      } else if let obstacle = item.obstacle(to: layer.scheme) {
        mismatches.append("\(name): cannot take \(layer.scheme): \(obstacle)")
      } else {
        outcome.recipe.choices[item.name] = Recipe.Choice(layer.scheme, by: layer.by)
      }
    }
    if outcome.recipe.choices.isEmpty, !layers.isEmpty {
      throw WorkbenchError(
        "\(path): the recipe is for another model (\(model)): none of its \(layers.count) layers matches by name and shape"
      )
    }
    // A part of a recipe is another.
    if mismatches.isEmpty { outcome.provenance = provenance }
    return (outcome, mismatches)
  }
}
