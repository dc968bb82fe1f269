internal import Checkpoints
internal import Numerics

#if canImport(FoundationEssentials)
  internal import FoundationEssentials
#else
  internal import Foundation
#endif

/// A text to score a language model with: UTF-8, or token ids in an `.npy`.
public struct ScoredText: ScoredData {
  public let path: String
  /// The whole text's tokens; of lines one list each.
  let texts: [[Int]]
  /// Whether it is lines, not a text that is cut.
  private let isByLine: Bool
  /// How it is cut.
  var windows = TextWindows(context: 512, firstScored: 256)

  /// What the model makes itself, where the data are `self`.
  var selfMade: SelfMadeText?

  public var selfMadeTitle: String? { selfMade == nil ? nil : Self.selfMadePath }

  public var windowLength: Int { windows.context }
  public var stepSamples: Int { isByLine ? 32 : max(1, 1024 / max(1, windows.context)) }

  /// A text is held whole.
  public func keepingDecoded(bytes: Int) -> ScoredText { self }

  /// What stands for data when there are none.
  public static let selfMadePath = "self"

  /// Text that the model will make.
  init(selfMadeBy model: Transformer, context: Int) {
    path = Self.selfMadePath
    isByLine = false
    texts = []
    selfMade = SelfMadeText(context: context)
    windows = TextWindows(context: context, firstScored: context / 2)
  }

  /// The text that is cut into windows; made by the model where it is to make it.
  ///
  /// - Throws: what a run throws.
  func tokens(
    of model: Transformer, _ weights: TransformerWeights, isCancelled: () -> Bool
  ) throws(InferenceError) -> [Int] {
    guard let selfMade else { return texts.first ?? [] }
    // What texts begin with: the tokenizer's start, or its end of a text, else token 0.
    let tokenizer = try? model.loadTokenizer()
    let start = tokenizer?.start ?? tokenizer?.end ?? 0
    return try selfMade.windows(of: model, weights, start: start, isCancelled: isCancelled).flatMap { $0 }
  }

  /// Windows are counted when they are cut.
  public var count: Int { 0 }

  /// - Parameter byLine: for encoders: a text a line.
  /// - Throws: for a text in no encoding, and for an empty one.
  init(_ path: String, _ model: Transformer, byLine: Bool) throws {
    self.path = path
    isByLine = byLine
    if path.hasSuffix(".npy") {
      let file = try Checkpoint.open(path)
      guard let tensor = file.tensors.first, !tensor.type.isFloatingPoint else {
        throw InferenceError(path, "whole numbers expected: token ids")
      }
      let ids = try file.integers(tensor).map { Int($0) }
      let rows = tensor.shape.count == 2 ? tensor.shape[0] : 1
      guard !ids.isEmpty else { throw InferenceError(path, "holds no text") }
      let width = ids.count / max(1, rows)
      texts = byLine ? (0..<rows).map { Array(ids[$0 * width..<($0 + 1) * width]) } : [ids]
    } else {
      guard let data = FileManager.default.contents(atPath: path) else {
        throw InferenceError(path, "there is no such text, or it cannot be read")
      }
      guard let text = String(validating: data, as: UTF8.self) else {
        throw InferenceError(path, "is not UTF-8: a text, or token ids in an .npy, expected")
      }
      let tokenizer = try model.loadTokenizer()
      // As llama-perplexity: without the last line end, and `<s>` in a text is three characters.
      let lines =
        byLine ? text.split(whereSeparator: \.isNewline) : [text.hasSuffix("\n") ? text.dropLast() : text[...]]
      texts = lines.map { tokenizer.encode(String($0), parsingSpecials: false) }
    }
    guard texts.contains(where: { !$0.isEmpty }) else { throw InferenceError(path, "holds no text") }
  }
}
