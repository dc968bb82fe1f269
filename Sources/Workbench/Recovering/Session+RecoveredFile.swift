import Compression
import FileAccess
import Foundation

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
    var file = RecipeFile(recipe, of: items, checkpoint: checkpoint, provenance: provenance)
    file.recovered = try writeCodes(beside: path)
    try write(file.encoded(), to: path)
    return [path] + (file.recovered == nil ? [] : [RecoveredFile.path(beside: path)])
  }

  /// Of the recipe as it stands, by the items' names.
  private var chosenCodes: [String: ChosenWeight] {
    var chosen: [String: ChosenWeight] = [:]
    for item in items { if let weight = item.chosen(as: recipe[item]) { chosen[item.name] = weight } }
    return chosen
  }

  /// The file of codes that `writeCodes` would write; none where no codes were chosen.
  func codePaths(beside path: String) -> [String] { chosenCodes.isEmpty ? [] : [RecoveredFile.path(beside: path)] }

  /// Writes the codes that were chosen for the recipe as it stands.
  ///
  /// - Returns: what is to be said of them in the file that they are beside; `nil` where there are none, and nothing is
  ///   written.
  /// - Throws: `WorkbenchError` with the system's reason.
  func writeCodes(beside path: String) throws -> RecipeFile.Recovered? {
    let chosen = chosenCodes
    guard !chosen.isEmpty else { return nil }
    let place = RecoveredFile.path(beside: path)
    try write(to: place) { put in try RecoveredFile.pieces(chosen, put) }
    return .init(file: lastPart(place), digest: try RecoveredFile.digest(of: place))
  }

  /// Keeps the codes that were chosen within reach of a rescue: in the first of some folders that can be written.
  ///
  /// - Parameter paths: of the session's file that would be beside them.
  func keepCodes(beside paths: [String]) throws -> RecipeFile.Recovered? {
    var reason: (any Error)?
    for path in paths {
      do {
        try FileManager.default.createDirectory(
          atPath: folder(of: path), withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        return try writeCodes(beside: path)
      } catch { reason = reason ?? error }
    }
    if let reason { throw reason }
    return nil
  }
}
