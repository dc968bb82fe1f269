import Checkpoints
import Compression
import FileAccess
import Numerics

/// llama.cpp's file of types, `llama-quantize --tensor-type-file`:
///
///     ^blk\.3\.ffn_down\.weight$=q6_k
///     attn_(q|k)=q5_k
///
/// Entries are parted by white space, and each in two at its first `=`. What stands before it is lower-cased and searched
/// for, as an ECMAScript regular expression, in a tensor's whole GGUF name; the first entry that is found says the type.
enum TypeFile {
  static let maximumEntries = 20_000

  static func words(_ text: RecipeSource.Text) -> [Substring] {
    String(decoding: text.bytes, as: UTF8.self).split { $0 == " " || $0.isNewline || $0 == "\t" || $0 == "\u{B}" }
  }

  /// Whether words look like entries: the first has a `=`, or some end in a type.
  static func recognises(_ words: [Substring]) -> Bool {
    guard let first = words.first else { return false }
    if first.contains("=") { return true }
    return words.contains { word in
      word.lastIndex(of: "=").map { StoredType(word: word[word.index(after: $0)...]) != nil } ?? false
    }
  }

  struct Entry {
    /// As it stands in the file.
    let text: Substring
    let pattern: NamePattern
    let type: StoredType

    /// - Parameter number: counted from 1.
    init(_ text: Substring, number: Int, path: String) throws(WorkbenchError) {
      func wrong(_ what: String) -> WorkbenchError {
        WorkbenchError("\(path): entry \(number), \"\(excerpt(String(text)))\": \(what)")
      }
      guard let split = text.firstIndex(of: "=") else { throw wrong("expected PATTERN=TYPE, as in attn_v=q6_k") }
      let word = text[text.index(after: split)...]
      guard split != text.startIndex else { throw wrong("there is no pattern before the =") }
      guard let type = StoredType(word: word) else {
        throw wrong(
          "\"\(excerpt(String(word)))\" is no type that llama-quantize makes: expected f32, f16, bf16 or one such as q4_k"
        )
      }
      do { pattern = try NamePattern(text[..<split].lowercased(), .search) } catch { throw wrong("\(error)") }
      (self.text, self.type) = (text, type)
    }
  }

  /// A type that llama-quantize makes.
  enum StoredType {
    case f32, f16, bf16
    case block(BlockType)

    init?(word: Substring) {
      switch word.lowercased() {
      case "f32": self = .f32
      case "f16": self = .f16
      case "bf16": self = .bf16
      case let word:
        guard Scheme.words.contains(word), case .block(let type)? = (try? Scheme(spec: word))?.format else {
          return nil
        }
        self = .block(type)
      }
    }

    /// What it is for a tensor of a type: what it has already it keeps, and F32 holds everything.
    func scheme(from stored: ElementType) -> Scheme {
      switch self {
      case .f32: .keep
      case .f16: stored == .f16 ? .keep : Scheme(.f16)
      case .bf16: stored == .bf16 ? .keep : Scheme(.bf16)
      case .block(let type): stored == .ggml(type) ? .keep : Scheme(.block(type))
      }
    }
  }
}

extension Session {
  func llamaTypes(_ words: [Substring], path: String, fallback: Bool) throws(WorkbenchError) -> ImportedChoice {
    guard words.count <= TypeFile.maximumEntries else {
      throw WorkbenchError("\(path): \(words.count) entries, more than \(TypeFile.maximumEntries)")
    }
    var entries: [TypeFile.Entry] = []
    for (index, word) in words.enumerated() {
      entries.append(try TypeFile.Entry(word, number: index + 1, path: path))
    }
    var draft = ImportDraft(path: path, kind: "a llama.cpp type file", fallback: fallback)
    let names = try ToolNames(.gguf, of: checkpoint)
    let exceptions = ConfigTarget.all.first { $0.name == "llama.cpp" }?.exceptions ?? []
    var isUsed = [Bool](repeating: false, count: entries.count)
    var leftAlone: [String] = []
    for item in items where item.kind != .buffer {
      guard let name = try? names.name(of: item) else { continue }
      guard let number = try first(of: entries, in: name, path: path) else { continue }
      isUsed[number] = true
      if item.kind != .weight || exceptions.contains(where: { $0.matches(name) }) {
        leftAlone.append(name)
      } else {
        try draft.choose(entries[number].type.scheme(from: item.type), for: item)
      }
    }
    for (number, entry) in entries.enumerated() where !isUsed[number] {
      draft.mismatches.append(
        "entry \(number + 1), \"\(excerpt(String(entry.text)))\": no tensor is found by it first")
    }
    if let name = leftAlone.first {
      let others = leftAlone.count > 1 ? " and \(counted(leftAlone.count - 1, "other"))" : ""
      draft.remarks.append("\(printable(name))\(others): llama-quantize leaves that as it is, whatever an entry says")
    }
    return try draft.finished()
  }

  private func first(
    of entries: [TypeFile.Entry], in name: String, path: String
  ) throws(WorkbenchError) -> Int? {
    for (number, entry) in entries.enumerated() {
      do { if try entry.pattern.matches(name) { return number } } catch {
        throw WorkbenchError("\(path): entry \(number + 1), \"\(excerpt(String(entry.text)))\": \(error)")
      }
    }
    return nil
  }
}
