import Compression

/// A target's sheet: lines of a word and its value, then the texts that are written.
///
///     # mlx-lm: its config, and a predicate for its converter: a remark
///     name     mlx-config
///     summary  …
///     tool     mlx-lm 0.32
///     checked  with the tool
///     names    modules                                                  # own, modules, mlx, constants, gguf, nodes
///     accept   linear embedding : int{4,8},group={32,64},affine : mode=affine
///     fused    q_proj k_proj v_proj                                      # must have one scheme
///     tied     agree
///     except   *_norm.weight                                             # never quantised, whatever the recipe
///     keeps    floats                                                    # or stored
///     scales   fp16 bf16 fp32
///     figures  needed
///     tells    all
///     note     …                                                         # said at every export
///     === config.json                                                    a file: a Mustache template
///     …
///     === use                                                            how to use it, on standard output
///     …
///
/// `accept` has kinds of layers or ONNX operators, schemes with alternatives in braces, and fields for the templates;
/// `group=*` is any size. What is accepted of sparsity stands there too: `sparsity={ratio,2:4,wanda,wanda:2:4}`,
/// `threshold`; the dense weight always fits. The fields `grid=` (`symmetric-full`, `symmetric-signed`, `edge`) and `scale=`
/// (`fp16`, `bf16`, `fp32`, or `floats` for the type of the model's floats) say what numbers the tool makes of integers,
/// `rounds=` (`product`, `quotient`, `sum`) how it comes to them in floats of 16 bits, `exponent=` (`below`, `rounded`,
/// `above`) and `tensor-scale=` (`fp32`, `none`) what scales it gives floats in blocks, `stored=` (`gptq`, `ordered`,
/// `packed`, `bytes`, `bytes-fp32`) in what room. `keep` fits without being named.
extension ConfigTarget {
  /// - Parameter sheet: the text.
  /// - Throws: `WorkbenchError` that names the line.
  public init(sheet: String, path: String) throws(WorkbenchError) {
    let sections = Self.sections(of: sheet)
    var values: [String: [String]] = [:]
    var acceptances: [Acceptance] = []
    for (number, line) in sections.head {
      let text = String(line.prefix { $0 != "#" }).trimmed
      if text.isEmpty { continue }
      let word = String(text.prefix { $0 != " " })
      let value = String(text.dropFirst(word.count)).trimmed
      guard Self.words.contains(word), !value.isEmpty else {
        throw WorkbenchError(
          "\(path):\(number): \"\(text)\": expected one of \(Self.words.joined(separator: ", ")) and a value")
      }
      do {
        if word == "accept" { acceptances += try Acceptance.parse(value) }
      } catch { throw WorkbenchError("\(path):\(number): \(error)") }
      values[word, default: []].append(value)
    }
    func one(_ word: String) throws(WorkbenchError) -> String {
      guard let value = values[word]?.last else { throw WorkbenchError("\(path): there is no \(word)") }
      return value
    }
    func choice<Choice: RawRepresentable & CaseIterable>(
      _ word: String, _ usual: Choice
    ) throws(WorkbenchError) -> Choice where Choice.RawValue == String {
      guard let value = values[word]?.last else { return usual }
      guard let choice = Choice(rawValue: value) else {
        let known = Choice.allCases.map(\.rawValue).joined(separator: ", ")
        throw WorkbenchError("\(path): \(word) \(value): expected one of \(known)")
      }
      return choice
    }
    name = try one("name")
    summary = try one("summary")
    tool = try one("tool")
    checked = try one("checked")
    naming = try choice("names", .own)
    keeps = try choice("keeps", .floats)
    notes = values["note"] ?? []
    scales = Set(
      (values["scales"]?.last ?? "fp16 bf16 fp32").split(separator: " ").compactMap { ScaleType(rawValue: String($0)) })
    fused = (values["fused"] ?? []).map { $0.split(separator: " ").map(String.init) }
    agreesOnTies = values["tied"]?.last == "agree"
    exceptions = (values["except"] ?? []).flatMap { $0.split(separator: " ") }.map { Pattern(String($0)) }
    needsFigures = values["figures"] != nil
    tellsAll = values["tells"]?.last == "all"
    self.acceptances = acceptances
    parts = sections.texts.filter { $0.name != "use" }.map { Part(name: $0.name, template: $0.text) }
    use = sections.texts.last { $0.name == "use" }?.text ?? ""
    var stems: Set<String> = []
    // Templates name each other's places by their names without an ending.
    if let twice = parts.first(where: { !stems.insert($0.stem).inserted }) {
      throw WorkbenchError("\(path): === \(twice.name): there are two texts called \(twice.stem)")
    }
    guard !parts.isEmpty else {
      throw WorkbenchError("\(path): there is no file to write: expected a line \"=== NAME\"")
    }
    for (name, text) in sections.texts { try ConfigTemplate.check(text, "\(path), \(name)") }
  }

  private static let words = [
    "name", "summary", "tool", "checked", "names", "accept", "fused", "tied", "except", "keeps", "scales", "figures",
    "tells", "note",
  ]

  /// The lines before the first `===`, numbered from 1, and the texts after each.
  private static func sections(of sheet: String) -> (head: [(Int, String)], texts: [(name: String, text: String)]) {
    var head: [(Int, String)] = []
    var texts: [(name: String, lines: [Substring])] = []
    for (index, line) in sheet.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
      if line.hasPrefix("=== ") {
        texts.append((String(line.dropFirst(4)).trimmed, []))
      } else if texts.isEmpty {
        head.append((index + 1, String(line)))
      } else {
        texts[texts.count - 1].lines.append(line)
      }
    }
    // The last text of a sheet ends with an empty line of its own.
    return (head, texts.map { ($0.name, $0.lines.joined(separator: "\n").trimmingLines + "\n") })
  }
}

extension String {
  /// Without spaces and tabs at its ends.
  var trimmed: String {
    var text = self[...]
    while let first = text.first, first == " " || first == "\t" { text.removeFirst() }
    while let last = text.last, last == " " || last == "\t" || last == "\r" { text.removeLast() }
    return String(text)
  }
}
