import Dispatch
import Workbench

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The reading of a recipe, another tool's config or a checkpoint's types: on a background queue where the file is long,
/// since a checkpoint's zero points may have to be looked at.
enum RecipeJob {
  static func start(_ path: String, for session: Session, mailbox: Mailbox<Notice>) {
    DispatchQueue.global(qos: .utility).async { mailbox.post(notice(path, for: session)) }
  }

  static func notice(_ path: String, for session: Session) -> Notice {
    do { return .imported(try session.choice(from: path), path: path) } catch { return .notImported("\(error)") }
  }

  /// Whether the file is read within a frame: a regular one of at most 256 KiB that stands for no others.
  static func isShort(_ path: String) -> Bool {
    var status = stat()
    return !path.hasSuffix(".index.json") && stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
      && status.st_size <= 256 << 10
  }
}

extension State {
  /// Takes an imported choice over, as one step that can be undone, and says what came of it.
  mutating func adopt(_ choice: ImportedChoice, from path: String) {
    session.commit(choice.outcome.recipe, notes: choice.outcome.notes)
    sessionChanged(recipe: true)
    let count = choice.outcome.recipe.choices.count
    let kind = choice.kind.map { ", \($0)" } ?? ""
    say("\(count) layer\(count == 1 ? "" : "s") from \(printable(path))\(kind)")
    if let first = choice.mismatches.first {
      complain("\(choice.mismatches.count) of the recipe's layers do not match; \(printable(first))")
    }
  }
}
