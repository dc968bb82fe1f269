import Checkpoints
import Compression
import FileAccess

/// What tells a model from all others without reading it: its header, its files' sizes, a few pages of them, and what
/// lies beside them and says how they are meant.
struct ModelKey: Sendable, Hashable {
  /// Of what is in the files: the same for a copy.
  let content: Digest
  /// Of when they were last written.
  let stamp: Digest
  /// Whether the files are old enough for their time to tell that they were not written again since: clocks of file
  /// systems step in up to two seconds.
  let isSettled: Bool

  /// - Throws: where a file cannot be read, or was rewritten since it was opened.
  init(_ checkpoint: Checkpoint) throws(FileError) {
    var (content, stamp) = (Digester(), Digester())
    var latest = 0
    func add(_ sample: FileSample) {
      content.add(sample.size)
      content.add(sample.pages)
      stamp.add(sample.writtenAt)
      latest = max(latest, sample.writtenAt)
    }
    content.add(checkpoint.headerDigest)
    let files = checkpoint.files
    for file in files { add(try FileSample(file, most: max(2, min(16, 256 / max(1, files.count))))) }
    if checkpoint.format == .safetensors || checkpoint.format == .pytorch {
      for name in Self.beside {
        guard let sample = FileSample(path: "\(checkpoint.folderFiles.path)/\(name)") else { continue }
        content.add(name)
        add(sample)
      }
    }
    self.content = content.finish()
    self.stamp = stamp.finish()
    isSettled = latest < nanosecondsNow() - 2_000_000_000
  }

  /// What a Hugging Face folder's weights are understood by, and what text goes into them through.
  static let beside = [
    "config.json", "quantize_config.json", "quant_config.json", "quantization_config.json", "hf_quant_config.json",
    "model_index.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "tokenizer.model",
    "special_tokens_map.json", "added_tokens.json", "vocab.json", "vocab.txt", "merges.txt", "chat_template.jinja",
  ]
}

extension Question {
  /// What the answer is kept under, and as what; `nil` for what is not kept.
  func key(of item: Item) -> (key: Digest, kind: Segment.Kind)? {
    var digester = Digester()
    let kind: Segment.Kind
    switch self {
    case .survey: kind = .survey
    case .table(_, let sparsity):
      kind = .table
      digester.add("\(Scheme(.keep, sparsity: sparsity))")
    // What is drawn is worked out anew; its figures are the plain answer's.
    case .assessment(_, let scheme), .detail(_, let scheme):
      // Its threshold is that of a whole model.
      if case .model = scheme.sparsity { return nil }
      // What was chosen is no part of the key.
      if scheme.by != .nearest { return nil }
      kind = .assessment
      digester.add("\(scheme)")
    case .tiles, .corner, .closeUp, .ridge: return nil
    }
    digester.add(Int(kind.rawValue))
    item.add(to: &digester)
    if kind != .survey, let importances = item.importances {
      for squares in importances.squares { squares.withUnsafeBytes { digester.add($0) } }
    }
    return (digester.finish(), kind)
  }
}

extension Item {
  /// What the digest of its bytes is kept under.
  var bytesKey: Digest {
    var digester = Digester()
    digester.add(Int(Segment.Kind.bytes.rawValue))
    add(to: &digester)
    return digester.finish()
  }

  /// The tensor and how its numbers are taken: what a folder's config says of them may change.
  fileprivate func add(to digester: inout Digester) {
    digester.add(tensorName)
    digester.add(kind.rawValue)
    let matrix = matrix
    for number in [matrix.rows, matrix.columns, matrix.outer, matrix.stack, bytes] + axes { digester.add(number) }
    digester.add(storage)
    digester.add("\(storedBits)")
  }
}
