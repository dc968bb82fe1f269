import Compression

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

extension Session {
  /// The recipe as a tool's files.
  ///
  /// - Parameter path: where the first is to be written; the others go beside it (`places(at:)`).
  /// - Throws: `WorkbenchError` that names every layer that the tool cannot be told of.
  package func export(to target: ConfigTarget, path: String) throws(WorkbenchError) -> Export {
    let plan = try ConfigPlan(TargetFit(target, self), self)
    let context = ConfigContext(plan: plan, session: self)
    // A text that comes out empty is not written: which do is known when they were rendered once.
    let drafts = Dictionary(target.parts.map { ($0.stem, $0.name) }) { first, _ in first }
    let values = context.values(path: path, places: drafts)
    var written: [ConfigTarget.Part] = []
    for part in target.parts {
      let text = try render(part.template, values, target, part.name)
      if !text.allSatisfy(\.isWhitespace) { written.append(part) }
    }
    let places = ConfigTarget.places(of: written, at: path)
    let final = context.values(
      path: places.first ?? path, places: Dictionary(zip(written.map(\.stem), places)) { first, _ in first })
    var files: [Export.File] = []
    for (part, place) in zip(written, places) {
      let text = try render(part.template, final, target, part.name).trimmingLines + "\n"
      files.append(Export.File(path: place, bytes: Array(text.utf8)))
    }
    let usage = try render(target.use, final, target, "use")
    var notes = target.notes
    let chosen = items.filter { recipe[$0].by != .nearest }
    if let first = chosen.first {
      let more = chosen.count > 1 ? " and \(chosen.count - 1) more" : ""
      notes.append(
        "\(first.name)\(more): by=\(recipe[first].by.rawValue) is Lathe's own: \(target.name) chooses its codes itself")
    }
    return Export(files: files, notes: notes, usage: usage.trimmingLines)
  }

  private func render(
    _ template: String, _ values: [String: Any], _ target: ConfigTarget, _ part: String
  ) throws(WorkbenchError) -> String {
    try ConfigTemplate.render(template, values, "\(target.name), \(part)")
  }
}

/// A file's name without its folder.
func lastPart(_ path: String) -> String {
  path.lastIndex(of: "/").map { String(path[path.index(after: $0)...]) } ?? path
}

extension ConfigTarget {
  /// Where parts are written. Into a folder: under their own names. Else one goes to the path itself, the first with the
  /// path's ending or else the first, and the others beside it: `out.json`, `out.py`, and `out-STEM.json` where the
  /// ending is taken.
  static func places(of parts: [Part], at path: String) -> [String] {
    if path.hasSuffix("/") || isFolder(path) {
      let folder = path.hasSuffix("/") ? path : path + "/"
      return parts.map { folder + $0.name }
    }
    let first = parts.firstIndex { path.hasSuffix($0.ending) } ?? 0
    let ending = parts.indices.contains(first) && path.hasSuffix(parts[first].ending) ? parts[first].ending : ""
    let stem = String(path.dropLast(ending.count))
    var taken: Set<String> = [path]
    return parts.enumerated().map { index, part in
      if index == first { return path }
      let plain = stem + part.ending
      let place = taken.contains(plain) ? "\(stem)-\(part.name)" : plain
      taken.insert(place)
      return place
    }
  }
}

private func isFolder(_ path: String) -> Bool {
  var status = stat()
  return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
}

extension String {
  /// Without empty lines at its ends.
  var trimmingLines: String {
    var text = self[...]
    while text.last?.isNewline == true { text.removeLast() }
    while text.first?.isNewline == true { text.removeFirst() }
    return String(text)
  }
}
