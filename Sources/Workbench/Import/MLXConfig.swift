import Checkpoints
import Compression
import FileAccess

/// What MLX's `quantization` says of one module, or of all that have no entry of their own.
///
///     "quantization": {"group_size": 64, "bits": 4, "mode": "affine",
///       "model.layers.0.mlp.down_proj": {"bits": 6, "group_size": 64}, "lm_head": false}
private struct MLXParameters {
  let scheme: Scheme

  /// - Throws: `WorkbenchError` that names the object: a wrong type, or numbers that no scheme has.
  init(_ object: ConfigObject) throws(WorkbenchError) {
    let mode = try object.string("mode") ?? "affine"
    let bits = try object.int("bits")
    let group = try object.int("group_size")
    func fixed(_ word: String, _ itsBits: Int, _ itsGroup: Int) throws(WorkbenchError) -> Scheme {
      guard bits ?? itsBits == itsBits, group ?? itsGroup == itsGroup else {
        throw WorkbenchError(
          "\(object.path): \(excerpt(object.place)): \(mode) has \(itsBits) bits in groups of \(itsGroup), not "
            + "\(bits ?? itsBits) in groups of \(group ?? itsGroup)")
      }
      return try object.scheme(word)
    }
    // What an object leaves out is the mode's own default, not the value at the top (mlx's `to_quantized`).
    switch mode {
    case "affine": scheme = try object.scheme("int\(bits ?? 4),group=\(group ?? 64),affine")
    case "mxfp4": scheme = try fixed("ocp-mxfp4", 4, 32)
    case "mxfp8": scheme = try fixed("ocp-mxfp8", 8, 32)
    case "nvfp4": scheme = try fixed("nvidia-nvfp4", 4, 16)
    default: throw object.wrong("mode", "affine, mxfp4, mxfp8 or nvfp4 expected, not \"\(excerpt(mode))\"")
    }
  }
}

extension Session {
  func mlxTypes(_ object: ConfigObject, fallback: Bool) throws(WorkbenchError) -> ImportedChoice {
    var draft = ImportDraft(path: object.path, kind: "an MLX config", fallback: fallback)
    let common = try MLXParameters(object)
    var entries: [String: MLXParameters?] = [:]
    for (key, value) in object.members {
      switch value {
      case .bool(let isQuantised): entries[key] = .some(isQuantised ? common : nil)
      case .object:
        entries[key] = try MLXParameters(try ConfigObject(value, at: object.place(of: key), in: object.path))
      default: continue
      }
    }
    let written = quantisedModules(beside: object.path)
    var met: Set<String> = []
    let names = try ToolNames(.mlx, of: checkpoint)
    for item in items where item.kind == .weight {
      guard let paths = try? names.names(of: item) else { continue }
      let found = paths.filter { entries[$0] != nil }
      if let first = found.first, let entry = entries[first] {
        met.formUnion(found)
        let schemes = Set(paths.map { (entries[$0] ?? .some(common))?.scheme ?? .keep })
        guard schemes.count == 1 else {
          draft.keep(item, because: "kept: \(paths.joined(separator: " and ")) have different schemes")
          continue
        }
        try draft.choose(entry?.scheme ?? .keep, for: item)
      } else if written.map({ paths.contains(where: $0.contains) })
        ?? !item.targetKinds.isDisjoint(with: ["linear", "embedding", "experts"])
      {
        try draft.choose(common.scheme, for: item)
      }
    }
    for (key, _) in object.members where !met.contains(key) {
      if case .some(.some) = entries[key] { draft.mismatches.append("\(excerpt(key)): this model has no such layer") }
    }
    return try draft.finished()
  }

  /// The modules that have scales in the model whose config it is: mlx-lm writes no entry for those that it left alone,
  /// and looks for `.scales`. `nil` for a config without quantised weights beside it.
  private func quantisedModules(beside path: String) -> Set<String>? {
    let folder = path.hasSuffix("/config.json") ? String(path.dropLast(12)) : path == "config.json" ? "." : nil
    guard let folder, let checkpoint = try? Checkpoint.open(folder) else { return nil }
    let names = checkpoint.tensors.map(\.name).filter { $0.hasSuffix(".scales") }
    return names.isEmpty ? nil : Set(names.map { String($0.dropLast(7)) })
  }
}
