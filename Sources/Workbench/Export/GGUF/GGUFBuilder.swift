import Checkpoints
import Compression
import FileAccess
import Numerics

/// Collects the tensors and the metadata of a GGUF file, and what does not fit.
struct GGUFBuilder {
  let session: Session
  private var fields: [(key: String, value: GGUFField)] = []
  private var entries: [GGUFHeader.Entry] = []
  private var parts: [GGUFPlan.Part] = []
  private var made: [[UInt8]] = []
  private var notes: [String] = []
  private var problems: [String] = []
  private var architecture: String?
  private var checkpoint: Checkpoint { session.checkpoint }

  /// Whether every layer stays as it is.
  private var keepsAll: Bool { session.items.allSatisfy { session.recipe[$0].isKeep } }

  init(_ session: Session) { self.session = session }

  /// ggml's limit of a tensor's dimensions and of its name's bytes.
  private static let (mostDimensions, longestName) = (4, 63)

  func plan() throws(WorkbenchError) -> GGUFPlan {
    var fields = fields
    // What an earlier export told is of another recipe.
    if !keepsAll || !session.tellsProvenance { fields.removeAll { $0.key.hasPrefix(Provenance.keyPrefix) } }
    if let provenance = session.provenance {
      fields.removeAll { $0.key.hasPrefix(Provenance.keyPrefix) }
      fields += provenance.fields
    }
    guard problems.isEmpty else {
      let shown = problems.prefix(12).joined(separator: "\n  ")
      let more = problems.count > 12 ? "\n  … and \(problems.count - 12) more" : ""
      throw WorkbenchError("the choice does not fit GGUF:\n  \(shown)\(more)", .misfit)
    }
    var notes = notes
    let long = entries.filter { $0.name.utf8.count > Self.longestName }
    if let first = long.first {
      notes.append(
        "\(long.count) name\(long.count == 1 ? " is" : "s are") longer than \(Self.longestName) bytes, which llama.cpp does not read: \(printable(first.name))"
      )
    }
    return GGUFPlan(
      header: GGUFHeader(fields: fields, tensors: entries), parts: parts, made: made, notes: notes,
      architecture: architecture)
  }

  // MARK: - Where the model comes from

  /// A GGUF file: names and metadata stay.
  mutating func addGGUF() throws(WorkbenchError) {
    do {
      fields = try checkpoint.ggufFields().filter { !$0.key.hasPrefix("split.") }
    } catch { throw WorkbenchError("\(error)") }
    architecture = fields.first { $0.key == "general.architecture" }?.value.string
    for item in session.items.sorted(by: { $0.id < $1.id }) { add(item, as: item.tensorName) }
    setFileType(keepsOld: keepsAll)
  }

  /// A model whose names llama.cpp does not know: tensors under their own, and no architecture.
  mutating func addPlain(notes: [String]) throws(WorkbenchError) {
    self.notes += notes
    for item in session.items.sorted(by: { $0.id < $1.id }) {
      let isPacked = item.packing != nil
      add(item, as: isPacked ? item.name + ".weight" : item.tensorName)
    }
    setFileType(keepsOld: false)
  }

  /// A model that llama.cpp runs, with its names and metadata.
  mutating func add(_ model: LlamaModel) throws(WorkbenchError) {
    architecture = model.architecture
    notes += model.notes
    for item in session.items.sorted(by: { $0.id < $1.id }) {
      switch model.place(of: item) {
      case .named where item.sharedWith != nil && item.layer.role == .head:
        notes.append("\(printable(item.name)): left out, being the embedding's matrix, which llama.cpp takes for it")
      case .named(let name, let change):
        add(item, as: name, model: model, change: change)
      case .dropped: notes.append("\(printable(item.name)): left out, as llama.cpp's converter does")
      case .unknown: problems.append("\(printable(item.name)): \(model.architecture) has no such tensor in llama.cpp")
      }
    }
    for (name, values) in model.madeTensors {
      let bytes = values.flatMap { littleEndianBytes($0.bitPattern) }
      entries.append(GGUFHeader.Entry(name: name, shape: [values.count], type: .f32, byteCount: bytes.count))
      made.append(bytes)
    }
    fields = model.fields(parameters: entries.reduce(0) { $0 + $1.shape.reduce(1, *) })
    setFileType(keepsOld: false)
  }

  // MARK: - A tensor

  private mutating func append(_ entry: GGUFHeader.Entry, _ part: GGUFPlan.Part) {
    entries.append(entry)
    parts.append(part)
  }

  /// Adds an item in the type that its scheme says.
  private mutating func add(
    _ item: Item, as name: String, model: LlamaModel? = nil, change: LlamaModel.Change = .init()
  ) {
    let scheme = session.recipe[item]
    guard scheme.coding == .none else {
      return problems.append("\(printable(item.name)): GGUF has no \(scheme.coding.rawValue) coding")
    }
    guard let type = type(of: item, named: name, in: scheme, isVector: model?.isAlwaysFloat(name, item.shape) ?? false)
    else {
      return
    }
    let isBlock = if case .ggml = type { true } else { false }
    let isSame =
      type == item.type && item.packing == nil && scheme.sparsity == .none && change.isNothing
      && item.chosen(as: scheme) == nil
    if isSame, item.type.isInGGUF {
      guard let shape = shape(item, rows: nil) else { return }
      return append(
        GGUFHeader.Entry(name: name, shape: shape, type: type, byteCount: checkpoint.tensors[item.id].byteCount),
        GGUFPlan.Part(content: .stored(item.id), source: item.name, weight: item.bytes))
    }
    guard item.isReadable else {
      return problems.append("\(printable(item.name)): \(item.type.name) cannot be decoded")
    }
    // Rows of blocks are the matrix's; whole numbers stand as in the model.
    let lastAxis = item.shape.last ?? 1
    let usesMatrix =
      item.packing != nil
      || item.kind == .weight && (!item.matrix.isRowMajor || lastAxis != item.matrix.columns) && isBlock
    var numbers = GGUFPlan.Numbers(
      item: item, sparsity: scheme.sparsity, offset: change.offset, rows: item.matrix.rows,
      columns: item.matrix.columns)
    if item.kind != .weight || !item.matrix.isRowMajor && !usesMatrix {
      (numbers.rows, numbers.columns) = (1, item.count)
    }
    numbers.chosen = item.chosen(as: scheme)
    if let rows = change.rows, rows < numbers.rows { numbers.rows = rows }
    if let headRows = change.headRows {
      numbers.order = RowOrder(headRows: headRows)
      // A bias is a row an output.
      if item.kind != .weight { (numbers.rows, numbers.columns) = (item.count, 1) }
    }
    if !item.matrix.isRowMajor, !usesMatrix, scheme.sparsity != .none {
      return problems.append("\(printable(item.name)): its sparse numbers can be written as ggml's block types alone")
    }
    let count = numbers.rows * numbers.columns
    guard count % type.block.weights == 0, let byteCount = type.byteCount(of: count) else {
      return problems.append("\(printable(item.name)): rows of \(numbers.columns) do not fit \(type.name)")
    }
    let own = shape(item, rows: change.rows)
    let stack = item.matrix.stack
    let isStack = stack > 1 && item.packing == nil && numbers.rows == item.matrix.rows
    let matrix = isStack ? [stack, item.matrix.height, numbers.columns] : [numbers.rows, numbers.columns]
    guard let shape = usesMatrix ? matrix : own else { return }
    if usesMatrix, item.packing == nil {
      notes.append(
        "\(printable(item.name)): written as \(isStack ? "\(stack) matrices of \(item.matrix.height)" : "its matrix of \(numbers.rows)") outputs by \(numbers.columns) inputs, where the model has \(item.shape)"
      )
    }
    append(
      GGUFHeader.Entry(name: name, shape: shape, type: type, byteCount: byteCount),
      GGUFPlan.Part(content: .numbers(numbers), source: item.name, weight: 4 * count))
  }

  /// The tensor's shape as GGUF can have it; leading axes beyond its four become one.
  private mutating func shape(_ item: Item, rows: Int?) -> [Int]? {
    var shape = item.shape
    if let rows, !shape.isEmpty { shape[0] = min(shape[0], rows) }
    guard shape.count > Self.mostDimensions else { return shape }
    let leading = shape.count - Self.mostDimensions + 1
    let joined = [shape[..<leading].reduce(1, *)] + shape[leading...]
    notes.append("\(printable(item.name)): written with the shape \(joined), GGUF having no \(shape.count) dimensions")
    return joined
  }

  // MARK: - A type

  private mutating func type(
    of item: Item, named name: String, in scheme: Scheme, isVector: Bool
  ) -> ElementType? {
    switch scheme.format {
    case .f16: return .f16
    case .bf16: return .bf16
    case .block(let type):
      guard BlockQuantizer(type) != nil else {
        problems.append("\(printable(item.name)): \(type.name) is not quantised to by this version")
        return nil
      }
      if GGUFPlan.needsImportance(type, name), item.importances == nil {
        problems.append(
          "\(printable(item.name)): \(type.name) needs the inputs' importances: give an imatrix with --importance")
        return nil
      }
      return .ggml(type)
    case .keep:
      if isVector { return .f32 }
      if item.packing != nil {
        notes.append("\(printable(item.name)): packed as \(item.storage), written as F16")
        return .f16
      }
      if item.type.isInGGUF { return item.type }
      guard let wider = GGUFPlan.wider(item.type) else {
        if item.kind != .weight {
          notes.append("\(printable(item.name)): left out, GGUF having no \(item.type.name)")
          return nil
        }
        problems.append("\(printable(item.name)): GGUF has no \(item.type.name)")
        return nil
      }
      notes.append("\(printable(item.name)): \(item.type.name) written as \(wider.name), which holds it exactly")
      return wider
    default:
      problems.append("\(printable(item.name)): GGUF has no \(scheme)")
      return nil
    }
  }

  /// `general.file_type` and `general.quantization_version`, as llama-quantize sets them.
  private mutating func setFileType(keepsOld: Bool) {
    func set(_ key: String, _ value: GGUFField) {
      if let place = fields.firstIndex(where: { $0.key == key }) {
        fields[place].value = value
      } else {
        fields.append((key, value))
      }
    }
    if keepsOld { return }
    var counts: [ElementType: Int] = [:]
    for entry in entries where entry.shape.count > 1 { counts[entry.type, default: 0] += entry.shape.reduce(1, *) }
    let most = counts.max { ($0.value, $1.key.name) < ($1.value, $0.key.name) }?.key ?? .f32
    set("general.file_type", .u32(GGUFPlan.fileType(of: most)))
    set("general.quantization_version", .u32(2))
  }
}

func littleEndianBytes(_ value: some FixedWidthInteger) -> [UInt8] {
  withUnsafeBytes(of: value.littleEndian) { Array($0) }
}

extension GGUFPlan {
  /// Whether llama-quantize makes this of a tensor with an importance matrix alone (its `tensor_requires_imatrix`):
  /// rows that are looked up have no measured inputs, and go without where the type can.
  static func needsImportance(_ type: BlockType, _ name: String) -> Bool {
    switch type {
    case .iq1_s, .iq2_xxs, .iq2_xs: true
    case .iq1_m, .iq2_s, .iq3_xxs:
      !["token_embd.weight", "per_layer_token_embd.weight", "output.weight"].contains(name)
    default: false
    }
  }

  /// A type of GGUF that holds every number of one that it does not have.
  static func wider(_ type: ElementType) -> ElementType? {
    switch type {
    case .bool: .i8
    case .u8: .i16
    case .i2, .i4, .u2, .u4: .i8
    case .u16: .i32
    // One that I64 does not hold is an error when it is read.
    case .u32, .u64: .i64
    case .f8e4m3, .f8e5m2, .f8e4m3fnuz, .f8e5m2fnuz, .f6e2m3, .f6e3m2, .f4e2m1: .f16
    case .f8e8m0: .f32
    default: nil
    }
  }

  /// `general.file_type` of a file that is mostly of one type (llama.h's `llama_ftype`, the plain one of a family).
  static func fileType(of type: ElementType) -> Int {
    switch type {
    case .f16: return 1
    case .bf16: return 32
    case .ggml(let type): return type.fileType ?? 0
    default: return 0
    }
  }
}
