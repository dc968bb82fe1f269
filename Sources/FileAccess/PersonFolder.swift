/// A person's own folder for Lathe: `$XDG_…_HOME/lathe`, else one in the home folder; `nil` where the environment names no
/// place for it.
///
/// - Parameters:
///   - variable: `XDG_CACHE_HOME` and its like; a path that is not absolute is to be ignored (XDG Base Directory
///     Specification).
///   - other: in the home folder: `.cache`.
package func personFolder(_ variable: String, else other: String) -> String? {
  if let folder = environmentVariable(variable), folder.hasPrefix("/") { return folder + "/lathe" }
  guard let home = environmentVariable("HOME"), home.hasPrefix("/") else { return nil }
  return "\(home)/\(other)/lathe"
}
