#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Names in the file system, for completion.
enum Paths {
  /// A path with `~` as the person's own folder, as shells have it.
  static func expanded(_ path: String) -> String {
    guard path == "~" || path.hasPrefix("~/"), let home = getenv("HOME").map({ String(cString: $0) }), !home.isEmpty
    else { return path }
    return home + path.dropFirst()
  }

  /// Paths that begin with `text`, folders with a slash, in order; at most 200.
  static func completions(of text: String) -> [String] {
    let folder = text.lastIndex(of: "/").map { String(text[...$0]) } ?? ""
    let prefix = text.dropFirst(folder.count)
    return entries(of: folder.isEmpty ? "." : expanded(folder))
      .filter { $0.hasPrefix(prefix) && (!$0.hasPrefix(".") || prefix.hasPrefix(".")) }
      .sorted().prefix(200).map { folder + $0 }
  }

  /// The only file in the model's folder with an ending (`.npz`, of a language model `.txt`), if there is one: the data
  /// that scores it.
  static func data(besides model: String, ending: String) -> String? {
    let folder = model.lastIndex(of: "/").map { String(model[...$0]) } ?? ""
    let all = entries(of: folder.isEmpty ? "." : folder).filter { $0.hasSuffix(ending) && !$0.contains("calibration") }
    let word = model.dropFirst(folder.count).prefix { $0.isLetter || $0.isNumber }
    let found = all.count == 1 || word.isEmpty ? all : all.filter { $0.hasPrefix(word) }
    return found.count == 1 ? folder + found[0] : nil
  }

  /// The only file in the model's folder with an ending and `calibration` in its name, and the model's name before it
  /// where there are several.
  static func calibration(besides model: String, ending: String) -> String? {
    let folder = model.lastIndex(of: "/").map { String(model[...$0]) } ?? ""
    let found = entries(of: folder.isEmpty ? "." : folder).filter {
      $0.hasSuffix(ending) && $0.contains("calibration")
    }
    let word = model.dropFirst(folder.count).prefix { $0.isLetter || $0.isNumber }
    let own = found.count == 1 ? found : found.filter { $0.hasPrefix(word) }
    return own.count == 1 ? folder + own[0] : nil
  }

  private static func entries(of folder: String) -> [String] {
    guard let handle = opendir(folder) else { return [] }
    defer { closedir(handle) }
    var names: [String] = []
    while let entry = readdir(handle) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      guard name != ".", name != ".." else { continue }
      names.append(Int32(entry.pointee.d_type) == Int32(DT_DIR) ? name + "/" : name)
    }
    return names
  }
}
