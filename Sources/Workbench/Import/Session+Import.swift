import Checkpoints

import FileAccess
import Foundation

extension Session {
  /// The choice that a file holds, whatever tool it is of: told by its content, not by its name.
  ///
  /// - JSON with a member `lathe`: Lathe's recipe (`RecipeFile`).
  /// - JSON with `quantization` or `quantization_config`, or what stands in there: MLX's, compressed-tensors' or GPTQ's.
  /// - Text of entries `PATTERN=TYPE`: llama.cpp's type file.
  /// - A checkpoint, or a folder with one: the types that its layers are stored in.
  ///
  /// - Parameter fallback: take llama.cpp's substitutes where a row is no multiple of a ggml type's block.
  /// - Throws: `WorkbenchError` that names the file, and the entry where one is wrong; also where nothing in the file is
  ///   about a layer of this model.
  public func choice(from path: String, fallback: Bool = false) throws(WorkbenchError) -> ImportedChoice {
    switch try RecipeSource(path: path) {
    case .checkpoint: return try storedTypes(at: path, fallback: fallback)
    case .text(let text) where text.isJSON: return try choice(fromJSON: text, fallback: fallback)
    case .text(let text):
      let words = TypeFile.words(text)
      guard TypeFile.recognises(words) else { throw RecipeSource.unknown(path, "it is another text") }
      return try llamaTypes(words, path: path, fallback: fallback)
    }
  }

  private func choice(fromJSON text: RecipeSource.Text, fallback: Bool) throws(WorkbenchError) -> ImportedChoice {
    let path = text.path
    if text.saysLathe { return try own(text) }
    let json: JSONValue
    do { json = try JSONValue(text: String(decoding: text.bytes, as: UTF8.self), path: path) } catch {
      throw WorkbenchError("\(error)")
    }
    if json["lathe"] != nil { return try own(text) }
    if json["weight_map"] != nil { return try storedTypes(at: path, fallback: fallback) }
    // MLX writes both, the second for other readers.
    if let found = json["quantization"], !found.isNull, json["quantization_config"]?["quant_method"] == nil {
      return try mlxTypes(try ConfigObject(found, at: "quantization", in: path), fallback: fallback)
    }
    var (config, place) = (json, "")
    if let found = json["quantization_config"] ?? json["text_config"]?["quantization_config"], !found.isNull {
      (config, place) = (found, "quantization_config")
    }
    let object = try ConfigObject(config, at: place, in: path)
    let method = try object.string("quant_method")?.lowercased()
    switch method {
    case "compressed-tensors": return try compressedTypes(object, fallback: fallback)
    case nil where object["config_groups"] != nil: return try compressedTypes(object, fallback: fallback)
    case "gptq", "gptqmodel": return try gptqTypes(object, fallback: fallback)
    case nil where object["bits"] != nil && ["sym", "desc_act", "dynamic"].contains(where: { object[$0] != nil }):
      return try gptqTypes(object, fallback: fallback)
    case nil where !place.isEmpty && object["bits"] != nil && object["group_size"] != nil:
      return try mlxTypes(object, fallback: fallback)
    case nil:
      throw RecipeSource.unknown(
        path, place.isEmpty ? "this JSON says nothing of how a model is quantised" : "its \(place) names no method")
    case let method?:
      throw RecipeSource.unknown(
        path, "configs of \(excerpt(method)) are not read; give the quantised checkpoint itself")
    }
  }

  private func own(_ text: RecipeSource.Text) throws(WorkbenchError) -> ImportedChoice {
    let file = try RecipeFile(text.bytes, path: text.path)
    var (outcome, mismatches) = try file.fitted(
      to: items, path: text.path, others: { CommonNames(checkpoint).finder(of: items) })
    if let recovered = file.recovered { outcome.chosen = try chosen(in: recovered, of: file, beside: text.path) }
    return ImportedChoice(outcome: outcome, mismatches: mismatches, kind: nil)
  }
}

/// What stands at a path that was given for a recipe.
enum RecipeSource {
  case text(Text)
  case checkpoint

  struct Text {
    let path: String
    let bytes: [UInt8]
  }

  static let maximumSize = 64 << 20
  private static let headSize = 512
  private static let pieceSize = 1 << 20

  init(path: String) throws(WorkbenchError) {
    let missing = WorkbenchError("\(path): there is no such recipe, or it cannot be read")
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else { throw missing }
    if isFolder.boolValue {
      self = .checkpoint
      return
    }
    let attributes = try? FileManager.default.attributesOfItem(atPath: (path as NSString).resolvingSymlinksInPath)
    guard let file = FileHandle(forReadingAtPath: path) else { throw missing }
    // A pipe can be read only once: what was looked at is a part of the text.
    var bytes: [UInt8] = []
    let isRegular = attributes?[.type] as? FileAttributeType == .typeRegular
    do {
      while bytes.count <= Self.maximumSize, let piece = try file.read(upToCount: Self.pieceSize), !piece.isEmpty {
        bytes += piece
        guard isRegular, !Self.isText(bytes.prefix(Self.headSize)) else { continue }
        self = .checkpoint
        return
      }
    } catch { throw missing }
    guard bytes.count <= Self.maximumSize else {
      throw WorkbenchError("\(path): too large for a recipe (over 64 MiB)")
    }
    guard !bytes.isEmpty else { throw Self.unknown(path, "it is empty") }
    self = .text(Text(path: path, bytes: bytes))
  }

  /// Whether bytes may be text: models have control characters among their first.
  private static func isText(_ head: ArraySlice<UInt8>) -> Bool {
    head.allSatisfy { $0 >= 0x20 && $0 != 0x7F || (0x09...0x0D).contains($0) }
      && !head.starts(with: [0x93]) && !head.starts(with: Array("PK".utf8))
  }

  static func unknown(_ path: String, _ what: String) -> WorkbenchError {
    WorkbenchError("\(path): not a recipe: \(what). \(kinds)")
  }

  static let kinds =
    "For a recipe Lathe reads its own, llama.cpp's type files, configs of MLX, compressed-tensors and GPTQ, and quantised "
    + "checkpoints for the types that they are stored in"
}

extension RecipeSource.Text {
  private var firstByte: UInt8? { bytes.first { !(0x09...0x0D).contains($0) && $0 != 0x20 } }
  var isJSON: Bool { firstByte == UInt8(ascii: "{") }

  /// Whether `"lathe":` stands near the beginning, where Lathe writes it: then the file need not be read twice.
  var saysLathe: Bool {
    let head = bytes.prefix(4096)
    guard let place = head.firstRange(of: Array(#""lathe""#.utf8)) else { return false }
    return head[place.upperBound...].first { $0 != 0x20 && $0 != 0x0A && $0 != 0x0D && $0 != 0x09 } == UInt8(ascii: ":")
  }
}
