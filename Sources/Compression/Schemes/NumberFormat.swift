/// What the house knows of a family of number formats, in one value of one file: its words and options, what it needs of a
/// weight, its size, its quantiser, and where menus and keys find it.
///
/// A new family is such a value, a case of `Scheme.Format`, and its two lines in `Scheme+Format.swift`.
protocol NumberFormat: Sendable, Hashable {
  // MARK: Words

  /// The words that a SPEC may begin with, each with what it stands for where nothing else is said. The first that stands
  /// for a format is how it is printed.
  static var words: [(word: String, format: Scheme.Format)] { get }

  /// What may follow its words, for help and completion; empty where nothing may.
  static var grammar: [SchemeGrammar] { get }

  /// The SPEC's words, defaults left out: `int4`, `group=64`, `affine`.
  var spec: [String] { get }

  /// The SPEC in as few letters as a column has: `int4 g32`, `int4 ch a`.
  var short: String { get }

  /// What it is, in a line for people.
  var meaning: String { get }

  /// The format with an option of a SPEC.
  ///
  /// - Throws: where it has no such option, or not such a value.
  func with(_ option: SpecOption) throws(SpecError) -> Scheme.Format

  // MARK: On a weight

  /// What it needs of a weight, under a sparsity and a coding.
  func needs(_ scheme: Scheme) -> [Scheme.Need]

  /// Widths of codes and bytes of scales.
  ///
  /// - Parameters:
  ///   - isSparse: whether weights are pruned.
  ///   - storedBits: the width of a kept number.
  func layout(of form: WeightForm, isSparse: Bool, storedBits: Double) -> CodeWidths

  /// Whether what is not zero can be stored alone.
  func hasSparseForm(isSparse: Bool) -> Bool

  /// What makes codes of it; `nil` where there is nothing that does.
  ///
  /// - Parameters:
  ///   - isMasked: whether zeros are pruned weights, which stay zeros.
  ///   - capacity: weights of a chunk at most.
  func method(
    of source: some WeightSource, _ pruning: Pruning, isMasked: Bool, capacity: Int, _ control: PassControl
  ) throws -> Reconstruction.Method?

  /// The codes that it has.
  var codes: CodeKind { get }

  // MARK: Choosing

  /// Weights that share a scale, where that may be chosen.
  var scaleGranularity: Granularity? { get }

  /// The same with another granularity, where one may be chosen.
  func with(_ granularity: Granularity) -> Scheme.Format

  /// Bits of a code, scales aside (ggml's with them); `nil` where the weight stays in floats.
  var codeBits: Double? { get }

  /// Formats of the same kind with other widths, the most bits first; where it has none of its own, integers'.
  ///
  /// - Parameter integers: what keys begin with on this weight.
  func rungs(integers: UniformScheme) -> [Scheme.Format]

  /// What the picker lists, and its place among the families'.
  static var menu: (place: Int, formats: [Scheme.Format]) { get }

  /// What stands beside the table of integers' errors.
  static var compared: [Scheme.Format] { get }
}

extension NumberFormat {
  static var grammar: [SchemeGrammar] { [] }
  static var compared: [Scheme.Format] { [] }
  var short: String { spec.joined(separator: ",") }
  var scaleGranularity: Granularity? { nil }
  var codeBits: Double? { nil }
  func needs(_ scheme: Scheme) -> [Scheme.Need] { [] }
  func hasSparseForm(isSparse: Bool) -> Bool { true }
  func with(_ option: SpecOption) throws(SpecError) -> Scheme.Format {
    throw option.wrong("sparsity=, threshold= or coding=; \(option.word) has no other options")
  }
}

/// A family of scheme words and what may follow them, as help has them.
package struct SchemeGrammar: Sendable {
  /// `int1 … int8, int16`.
  package let words: String
  /// Lines: options that exclude one another stand together.
  package let options: [String]
  /// Options as they are typed, those that exclude one another together.
  package let completions: [[String]]

  init(_ words: String, _ options: [String], completions: [[String]] = []) {
    (self.words, self.options, self.completions) = (words, options, completions)
  }
}

/// An option of a SPEC: `group=64`, `affine`.
struct SpecOption: Sendable {
  let name: String
  let value: String?
  /// The SPEC's first word.
  let word: String
  private let spec: String

  init(_ text: String, after word: String, of spec: String) {
    name = String(text.prefix { $0 != "=" })
    value = text.contains("=") ? String(text.dropFirst(name.count + 1)) : nil
    (self.word, self.spec) = (word, spec)
  }

  /// - Parameter expected: what may stand there.
  func wrong(_ expected: String) -> SpecError {
    let text = value.map { "\(name)=\($0)" } ?? name
    let hint = Scheme.isOption(name) ? "" : suggestion(for: name, among: Scheme.optionWords)
    return SpecError(description: "\"\(text)\" in \"\(spec)\"\(hint): expected \(expected)")
  }
}
