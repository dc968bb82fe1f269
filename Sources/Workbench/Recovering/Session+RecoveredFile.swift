import Compression
import FileAccess

extension Session {
  /// The codes that a recipe's file names, by this model's names.
  ///
  /// - Throws: `WorkbenchError` where the file is missing, is another than the recipe means, or does not fit it.
  func chosen(
    in recovered: RecipeFile.Recovered, of recipe: RecipeFile, beside path: String
  ) throws(WorkbenchError) -> [String: ChosenWeight] {
    let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
    let place = folder + recovered.file
    guard fileSize(place) != nil else {
      throw WorkbenchError(
        "\(path): its recovered weights, \(printable(place)), are missing: `lathe recover` makes them anew")
    }
    guard try RecoveredFile.digest(of: place) == recovered.digest else {
      throw WorkbenchError("\(place): is another file than \(path) was written with")
    }
    let found = try RecoveredFile.read(place, schemes: recipe.layers.mapValues(\.scheme))
    let known = Set(items.map(\.name))
    var finder: ((String) -> Item?)?
    var chosen: [String: ChosenWeight] = [:]
    for (name, weight) in found {
      if known.contains(name) {
        chosen[name] = weight
      } else {
        finder = finder ?? CommonNames(checkpoint).finder(of: items)
        if let item = finder?(name) { chosen[item.name] = weight }
      }
    }
    return chosen
  }

  /// Writes the recipe as it stands, and beside it the codes that were chosen for its layers.
  ///
  /// - Returns: the paths, the recipe's first.
  /// - Throws: `WorkbenchError` with the system's reason.
  @discardableResult
  public func writeRecovered(to path: String) throws -> [String] {
    var chosen: [String: ChosenWeight] = [:]
    for item in items { if let weight = item.chosen(as: recipe[item]) { chosen[item.name] = weight } }
    var file = RecipeFile(recipe, of: items, checkpoint: checkpoint, provenance: provenance)
    var paths = [path]
    if !chosen.isEmpty {
      let place = RecoveredFile.path(beside: path)
      try write(to: place) { put in try RecoveredFile.pieces(chosen, put) }
      file.recovered = .init(file: lastPart(place), digest: try RecoveredFile.digest(of: place))
      paths.append(place)
    }
    try write(file.encoded(), to: path)
    return paths
  }
}
