import Checkpoints
import Compression
import Numerics

/// A GGUF file before it is written: its header, and where each tensor's numbers come from.
struct GGUFPlan: Sendable {
  let header: GGUFHeader
  /// In the order of the header's tensors, but for those that are made.
  let parts: [Part]
  /// Tensors that no part of the model holds, after the others.
  let made: [[UInt8]]
  /// What a person should know about the file: substitutes, tensors left out, other shapes.
  let notes: [String]
  /// llama.cpp's name of the architecture; `nil` where none is claimed.
  let architecture: String?

  /// One tensor.
  struct Part: Sendable {
    let content: Content
    /// The tensor's name in the model.
    let source: String

    /// Bytes to read and to turn into others, for progress.
    let weight: Int
  }

  enum Content: Sendable {
    /// The bytes of a tensor of the checkpoint as they are.
    case stored(Int)
    /// An item's numbers in the part's type.
    case numbers(Numbers)
  }

  struct Numbers: Sendable {
    let item: Item
    var sparsity = Sparsity.none
    /// Codes that were chosen for it.
    var chosen: ChosenWeight?
    /// Added to every number: Gemma's norms are stored less one.
    var offset: Float = 0
    /// Where each row of the file is in the model; `nil` where rows stand as they are.
    var order: RowOrder?
    /// Only so many of the first rows.
    var rows: Int
    var columns: Int
  }
}

/// The order of a projection's rows that llama.cpp's rotary embedding wants: pairs of a head's halves side by side,
/// where Hugging Face's has one half after the other.
struct RowOrder: Sendable {
  /// Rows of a head.
  let headRows: Int

  /// The model's row that stands at `row` of the file.
  func source(of row: Int) -> Int {
    let (head, within) = row.quotientAndRemainder(dividingBy: headRows)
    return head * headRows + within % 2 * (headRows / 2) + within / 2
  }
}

extension Session {
  /// What `export --to gguf` writes for the recipe as it stands.
  ///
  /// - Throws: `WorkbenchError` that names each layer that GGUF cannot hold as it was chosen.
  func ggufPlan() throws(WorkbenchError) -> GGUFPlan {
    try requireRecovered()
    var builder = GGUFBuilder(self)
    if checkpoint.format == .gguf {
      try builder.addGGUF()
    } else {
      var doubts: [String] = []
      if let model = try LlamaModel.of(self, doubts: &doubts) {
        try builder.add(model)
      } else {
        try builder.addPlain(notes: doubts)
      }
    }
    return try builder.plan()
  }
}
