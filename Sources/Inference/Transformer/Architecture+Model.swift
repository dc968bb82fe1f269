package import Architectures
package import Checkpoints

extension Architecture {
  package var vocabulary: Vocabulary.Style {
    switch tokenizer {
    case .llama: .llama
    case .bytePairs: .bytePairs
    case .sentencePiece: .sentencePiece
    case .wordPiece: .wordPiece
    }
  }

  /// Whether the head is left out, being the embedding again.
  var dropsHead: Bool { dropped.contains("lm_head.weight") }

  /// Which blocks see a window of so many tokens.
  func windows(_ size: Int?, blocks: Range<Int>) -> [Int?] {
    blocks.map { block in
      switch windows {
      case .none: nil
      case .all: size
      case .every(let count): block % count == 0 ? size : nil
      case .except(let count): (block + 1) % count == 0 ? nil : size
      }
    }
  }
}
