import Checkpoints
import Compression
import Workbench

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// The values that options offer when a shell completes them.
enum ValueCompletion {
  /// How model files end. What is in them is told by content; this only picks what a shell offers.
  static let models = ["safetensors", "gguf", "onnx", "npz", "npy", "pt", "pth", "bin", "index.json"]
  /// Recipes, other tools' configs, and checkpoints whose types to take.
  static let recipes = ["json", "txt", "gguf", "onnx", "safetensors"]
  static let importances = ["gguf", "dat", "npz"]
  static let targets = Target.listing.map(\.name)
  static let budgets = ["4.5bpw", "20MB", "8x", "acc-1", "kl=0.02", "ppl+1%", "4GB@ctx=8192"]
  static let images = [
    "size=224,crop=0.875,mean=0.485:0.456:0.406,deviation=0.229:0.224:0.225", "size=224,scale=255",
    "size=224,order=bgr", "size=224,layout=nhwc",
  ]

  /// What may become of a started `PATTERN=SPEC`: layers' names before the `=`, scheme words after it, options after a
  /// comma. Every option offered is one that the scheme takes.
  ///
  /// - Parameter words: the command line, whose model tells the names.
  static func rules(_ text: String, in words: [String]) -> [String] {
    let equals = text.indices.filter { text[$0] == "=" && $0 != text.startIndex }
    let splits = equals.map { (pattern: text[...$0], spec: text[text.index(after: $0)...]) }
    let hasScheme = { (spec: Substring) in
      spec.contains(",") && Scheme.words.contains(String(spec.prefix { $0 != "," }).lowercased())
    }
    if let (pattern, spec) = splits.last(where: { hasScheme($0.spec) }) {
      return options(after: spec).map { pattern + $0 }
    }
    for (pattern, spec) in splits.reversed() {
      let found = Scheme.words.filter { $0.hasPrefix(spec.lowercased()) }
      if !found.isEmpty { return found.map { pattern + $0 } }
    }
    return splits.isEmpty ? patterns(in: words).filter { $0.hasPrefix(text) }.map { $0 + "=" } : []
  }

  /// A SPEC that has a comma, with each option that may come next.
  private static func options(after spec: Substring) -> [String] {
    let cut = spec.lastIndex(of: ",")!
    let given = spec[..<cut].split(separator: ",")
    let start = spec[spec.index(after: cut)...].lowercased()
    let free = SpecGrammar.completions.filter { group in
      // One of a group is enough; `range=` of another value is of the same group.
      !given.contains { word in
        group.contains { $0 == word || word.contains("=") && $0.prefix { $0 != "=" } == word.prefix { $0 != "=" } }
      }
    }
    let found = free.joined().filter { $0.hasPrefix(start) }.map { "\(spec[...cut])\($0)" }
    // Where something given before is wrong, nothing would parse: then all are shown, and the command says what is.
    let right = found.filter { (try? Scheme(spec: $0)) != nil }
    return right.isEmpty ? found : right
  }

  /// The names of the weights of the models on the line, special characters escaped, after the pattern for all.
  private static func patterns(in words: [String]) -> [String] {
    let models = words.dropFirst().filter { !$0.hasPrefix("-") && FileManager.default.fileExists(atPath: $0) }
    guard let first = models.first, let checkpoint = try? Checkpoint.open([first]) else { return ["*"] }
    return ["*"]
      + Session(checkpoint).items.filter { $0.kind == .weight }.map { item in
        String(item.name.flatMap { "*?[]\\".contains($0) ? ["\\", $0] : [$0] })
      }
  }
}
