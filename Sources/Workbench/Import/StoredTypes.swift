import Checkpoints
import Compression
import FileAccess
import Numerics

extension Scheme {
  /// The scheme whose codes are of a quantised weight's form; `nil` for forms that no scheme has.
  ///
  /// - Parameter isSymmetric: whether integers count from the middle, whatever zero points there are.
  init?(_ packing: Packing, isSymmetric: Bool) {
    let granularity: Granularity
    switch packing.granularity {
    case .tensor: granularity = .tensor
    case .channel: granularity = .channel
    // One scale an input for all rows (ONNX's other axis).
    case .group(1): granularity = .axis(1)
    case .group(let size) where (2...65_536).contains(size): granularity = .group(size)
    case .group, .block: return nil
    }
    switch packing.code {
    case "nf4": self.init(.codebook(CodebookScheme(.nf4, granularity)))
    case "e2m1" where granularity == .group(16):
      self.init(.smallFloat(SmallFloatScheme(.e2m1, .nvidia(hasTensorScale: true))))
    case "e2m1" where granularity == .group(32): self.init(.smallFloat(SmallFloatScheme(.e2m1, .microscaling(.below))))
    case "f8_e4m3" where granularity == .group(32):
      self.init(.smallFloat(SmallFloatScheme(.e4m3, .microscaling(.below))))
    case "f8_e4m3": self.init(.smallFloat(SmallFloatScheme(.e4m3, .scaled(granularity))))
    case "f8_e5m2": self.init(.smallFloat(SmallFloatScheme(.e5m2, .scaled(granularity))))
    case let code where code.hasPrefix("int") || code.hasPrefix("uint"):
      guard UniformScheme.widths.contains(packing.bits), packing.bits > 1 || isSymmetric else { return nil }
      self.init(
        .uniform(
          UniformScheme(
            bits: packing.bits, granularity: granularity, symmetry: isSymmetric ? .symmetric : .affine)))
    default: return nil
    }
  }
}

/// The names by which one layer of two checkpoints of a model is known as the same.
///
/// Two layers are the same where they share a layer's, a tensor's or a node's name, llama.cpp's name for the tensor, or
/// the module's path. onnxruntime's tools append to names of what they quantise; names without that count too.
struct CommonNames {
  private let llama: LlamaNames?
  private let modules: ToolNames?
  private let mlx: ToolNames?
  private let isONNX: Bool

  init(_ checkpoint: Checkpoint) {
    isONNX = checkpoint.format == .onnx
    llama = isONNX ? nil : try? LlamaNames(checkpoint)
    modules = isONNX ? nil : try? ToolNames(.modules, of: checkpoint)
    mlx = isONNX || checkpoint.format == .gguf ? nil : try? ToolNames(.mlx, of: checkpoint)
  }

  /// From the surest on; llama.cpp's and modules' are marked, so that they meet their own kind only.
  func names(of item: Item) -> [String] {
    var names = [item.name, item.tensorName]
    guard !isONNX else {
      names += item.layer.nodes
      return names + names.compactMap(Self.unmarked)
    }
    let tensor = item.packing == nil ? item.tensorName : item.name + ".weight"
    names.append(tensor)
    if let name = llama?.name(of: tensor) { names.append("llama.cpp:\(name)") }
    if let name = try? modules?.name(of: item) { names.append("module:\(name)") }
    if item.layer.role == .expert, let stacks = try? mlx?.names(of: item) { names += stacks.map { "module:\($0)" } }
    return names
  }

  /// Finds items by the names that layers of another checkpoint of the model may have in a recipe: this one's own,
  /// llama.cpp's, a module's.
  func finder(of items: [Item]) -> (String) -> Item? {
    var known: [String: Item] = [:]
    for item in items where item.kind == .weight {
      for name in names(of: item) where known[name] == nil { known[name] = item }
    }
    return { name in
      [name, "llama.cpp:\(name).weight", "llama.cpp:\(name)", "module:\(name)"].lazy.compactMap { known[$0] }.first
    }
  }

  /// A name without what onnxruntime's tools append: `_quantized`, `_quant`, `_Q4`, `_Q4G128`, `_DQ_Q4`; `nil` where
  /// there is none of these.
  static func unmarked(_ name: String) -> String? {
    for ending in ["_quantized", "_quant"] where name.hasSuffix(ending) {
      return String(name.dropLast(ending.count))
    }
    guard let mark = name.lastIndex(of: "_") else { return nil }
    let word = name[name.index(after: mark)...]
    guard word.first == "Q" || word.first == "q", word.count > 1, word.count < 10,
      word.dropFirst().split(separator: "G", omittingEmptySubsequences: false)
        .allSatisfy({ !$0.isEmpty && $0.allSatisfy(\.isNumber) })
    else { return nil }
    let plain = String(name[..<mark])
    return plain.hasSuffix("_DQ") ? String(plain.dropLast(3)) : plain
  }
}

extension Session {
  /// The types that a checkpoint's layers are stored in, for the layers of the same names here. What is stored as floats
  /// stays as it is.
  func storedTypes(at path: String, fallback: Bool) throws(WorkbenchError) -> ImportedChoice {
    let other: Session
    do { other = Session(try Checkpoint.open(path)) } catch {
      throw WorkbenchError("\(error). \(RecipeSource.kinds)")
    }
    let source = other.checkpoint
    let stored = other.items.filter { $0.kind == .weight && ($0.isStoredQuantised || $0.type.isBare) }
    let kind = "the types of a quantised checkpoint (\(source.format.rawValue))"
    guard !stored.isEmpty else {
      throw WorkbenchError(
        "\(path): a checkpoint with no quantised layer (\(source.format.rawValue)): it has no types for a recipe")
    }
    var draft = ImportDraft(path: path, kind: kind, fallback: fallback)
    let (here, there) = (CommonNames(checkpoint), CommonNames(source))
    // All first names count before any second one.
    let named = stored.indices.map { there.names(of: stored[$0]) }
    var known: [String: Int] = [:]
    for rank in 0..<(named.map(\.count).max() ?? 0) {
      for (index, names) in named.enumerated() where rank < names.count && known[names[rank]] == nil {
        known[names[rank]] = index
      }
    }
    var isUsed = [Bool](repeating: false, count: stored.count)
    var problems: [Int: String] = [:]
    for item in items where item.kind == .weight {
      guard let index = here.names(of: item).lazy.compactMap({ known[$0] }).first else { continue }
      let one = stored[index]
      guard item.hasNumbers(of: one) else {
        problems[index] = "shape \(item.shape), in the file \(one.shape)"
        continue
      }
      isUsed[index] = true
      if let scheme = try other.storedScheme(of: one) {
        try draft.choose(scheme, for: item)
      } else {
        draft.keep(item, because: "kept: there is no scheme for \(one.storage)")
      }
    }
    for (index, one) in stored.enumerated() where !isUsed[index] {
      draft.mismatches.append("\(printable(one.name)): \(problems[index] ?? "this model has no such layer")")
    }
    let floats = other.items.count { $0.kind == .weight } - stored.count
    if floats > 0 {
      draft.remarks.append("\(counted(floats, "layer")) of it \(floats == 1 ? "is" : "are") stored as floats: kept")
    }
    return try draft.finished()
  }

  /// - Returns: `nil` where no scheme is of the form that the item is stored in.
  private func storedScheme(of item: Item) throws(WorkbenchError) -> Scheme? {
    guard let packing = item.packing else {
      guard case .ggml(let type) = item.type, type != .q8_1, type != .q8_k else { return nil }
      return Scheme(.block(type))
    }
    do {
      return Scheme(packing, isSymmetric: packing.isAffine ? try checkpoint.isSymmetric(item.layer) : true)
    } catch { throw WorkbenchError("\(error)") }
  }
}

extension Item {
  /// Whether the two are the same matrix, turned or not: GPT-2's are turned where llama.cpp has them.
  fileprivate func hasNumbers(of other: Item) -> Bool {
    if count == other.count { return matrix.rows == other.matrix.rows || matrix.rows == other.matrix.columns }
    // One expert of a stack, or a stack of two projections of which the other has one.
    return layer.role == .expert && other.layer.role == .expert && matrix.columns == other.matrix.columns && count > 0
      && (other.count % count == 0 || count == 2 * other.count)
  }
}

extension ElementType {
  /// Whether it is a small float without scales of its own.
  fileprivate var isBare: Bool {
    switch self {
    case .f8e4m3, .f8e5m2, .f8e4m3fnuz, .f8e5m2fnuz, .f6e3m2, .f6e2m3, .f4e2m1: true
    default: false
    }
  }
}
