import Checkpoints
import Compression
import Numerics

/// A tensor of a GGUF file.
///
/// Memory does not depend on the tensor's size, but for a row whose type weighs it whole.
struct GGUFPart: CheckpointPart {
  let part: GGUFPlan.Part
  let entry: GGUFHeader.Entry
  let checkpoint: Checkpoint
  let start: Int
  private let cut: Cut

  var source: PartSource { .layer(part.source) }
  var weight: Int { part.weight }

  private enum Cut: Sendable {
    /// Bytes as they are, so many a piece.
    case bytes(Int)
    /// Elements one after another, so many a piece.
    case elements(Int)
    /// Whole rows, so many a piece.
    case rows(Int)
    /// All in one go, from first row to last.
    case whole
  }

  /// Numbers of a piece of whole rows, and of a step: what fits a core's second cache beside its bytes.
  private static let stepSize = 1 << 15
  /// Numbers of a piece of elements, whose bytes are written in one go.
  private static let pieceSize = 1 << 19

  init(_ part: GGUFPlan.Part, _ entry: GGUFHeader.Entry, of checkpoint: Checkpoint, at start: Int) {
    self.part = part
    self.entry = entry
    self.checkpoint = checkpoint
    self.start = start
    switch part.content {
    case .stored: cut = .bytes(1 << 20)
    case .numbers(let numbers):
      let item = numbers.item
      let isPlain = numbers.order == nil && item.packing == nil && (item.kind != .weight || item.matrix.isRowMajor)
      if numbers.chosen != nil {
        cut = .rows(max(1, 2 * Self.stepSize / max(1, numbers.columns)))
      } else if numbers.sparsity != .none {
        cut = .whole
      } else if isPlain || entry.shape == item.shape && numbers.order == nil && item.packing == nil,
        numbers.importances == nil
      {
        cut = .elements(Self.pieceSize)
      } else {
        cut = .rows(max(1, 2 * Self.stepSize / max(1, numbers.columns)))
      }
    }
  }

  var pieceCount: Int {
    func pieces(_ whole: Int, _ size: Int) -> Int { (whole + size - 1) / size }
    switch (cut, part.content) {
    case (.bytes(let size), _): return pieces(entry.byteCount, size)
    case (.elements(let size), .numbers(let numbers)): return pieces(numbers.rows * numbers.columns, size)
    case (.rows(let size), .numbers(let numbers)): return pieces(numbers.rows, size)
    default: return 1
    }
  }

  func make(
    _ index: Int, with buffers: PieceBuffers, control: PassControl, put: (UnsafeRawBufferPointer, Int) throws -> Void
  ) throws -> Int {
    switch (cut, part.content) {
    case (.bytes(let size), .stored(let tensor)):
      let range = index * size..<min(entry.byteCount, (index + 1) * size)
      let bytes = buffers.bytes(range.count)
      try checkpoint.readBytes(tensor: tensor, range: range, into: bytes)
      try put(UnsafeRawBufferPointer(rebasing: bytes[..<range.count]), range.lowerBound)
      return try done(range.count * part.weight / max(1, entry.byteCount), control)
    case (.elements(let size), .numbers(let numbers)):
      let range = index * size..<min(numbers.rows * numbers.columns, (index + 1) * size)
      if let wide = integerType(numbers.item.type) {
        try put(integers(numbers.item, range, as: wide, buffers), range.lowerBound * entry.type.block.bytes)
        return try done(4 * range.count, control)
      }
      return try makeElements(range, numbers, buffers, control, put)
    case (.rows(let size), .numbers(let numbers)):
      let range = index * size..<min(numbers.rows, (index + 1) * size)
      if let chosen = numbers.chosen, case .blocks(let type, let bytes) = chosen.content, entry.type == .ggml(type) {
        try put(blocks(bytes, type, range, numbers, buffers), range.lowerBound * rowBytes(numbers))
        return try done(4 * range.count * numbers.columns, control)
      }
      let values = buffers.values(range.count * numbers.columns)
      try read(range, numbers, into: values)
      let strange = try encode(values, from: range.lowerBound * numbers.columns, numbers, buffers, put)
      return try done(4 * values.count, control) + strange
    case (.whole, .numbers(let numbers)):
      let source = CheckpointWeights(checkpoint: checkpoint, item: numbers.item)
      let counting = PassControl { control.proceed(4 * $0) }
      return try source.forEachPruned(numbers.sparsity, counting) { first, weights in
        // Rows that are cut off come last; the order of rows is their places'.
        guard first < numbers.rows else { return }
        let rows = min(weights.count / numbers.columns, numbers.rows - first)
        let values = buffers.values(rows * numbers.columns)
        _ = values.update(from: weights[..<values.count])
        try encodeOrdered(values, from: first, numbers, buffers, put)
      }
    default: return 0
    }
  }

  /// A run of elements: read and turned into bytes step by step in the cache, and handed on in one go.
  private func makeElements(
    _ range: Range<Int>, _ numbers: GGUFPlan.Numbers, _ buffers: PieceBuffers, _ control: PassControl,
    _ put: (UnsafeRawBufferPointer, Int) throws -> Void
  ) throws -> Int {
    let (blockWeights, blockBytes) = entry.type.block
    let bytes = buffers.bytes(range.count / blockWeights * blockBytes)
    var strange = 0
    for first in stride(from: range.lowerBound, to: range.upperBound, by: Self.stepSize) {
      let step = first..<min(range.upperBound, first + Self.stepSize)
      let values = buffers.values(step.count)
      try checkpoint.read(tensor: numbers.item.id, elements: step, into: values)
      let target = UnsafeMutableRawBufferPointer(
        rebasing: bytes[((first - range.lowerBound) / blockWeights * blockBytes)...])
      strange += try encode(values, from: first, numbers, into: target)
      _ = try done(4 * step.count, control)
    }
    try put(UnsafeRawBufferPointer(bytes), range.lowerBound / blockWeights * blockBytes)
    return strange
  }

  private func done(_ bytes: Int, _ control: PassControl) throws -> Int {
    guard control.proceed(bytes) else { throw Cancelled() }
    return 0
  }

  /// Rows of the file, wherever they are in the model.
  private func read(
    _ rows: Range<Int>, _ numbers: GGUFPlan.Numbers, into values: UnsafeMutableBufferPointer<Float>
  ) throws {
    func read(_ rows: Range<Int>, into values: UnsafeMutableBufferPointer<Float>) throws {
      if let chosen = numbers.chosen {
        if chosen.columns == numbers.columns {
          if let start = values.baseAddress { chosen.read(rows: rows, into: start) }
        } else {
          // A bias, of which a row is a number here.
          let elements = rows.lowerBound * numbers.columns..<rows.upperBound * numbers.columns
          _ = values.update(from: chosen.values[elements])
        }
      } else if numbers.item.kind == .weight {
        try checkpoint.readMatrix(
          layer: numbers.item.layerIndex, rows: rows, columns: 0..<numbers.columns, into: values)
      } else {
        let elements = rows.lowerBound * numbers.columns..<rows.upperBound * numbers.columns
        try checkpoint.read(tensor: numbers.item.id, elements: elements, into: values)
      }
    }
    guard let order = numbers.order else { return try read(rows, into: values) }
    for row in rows {
      let start = (row - rows.lowerBound) * numbers.columns
      let source = order.source(of: row)
      try read(source..<source + 1, into: UnsafeMutableBufferPointer(rebasing: values[start..<start + numbers.columns]))
    }
  }

  private func rowBytes(_ numbers: GGUFPlan.Numbers) -> Int {
    numbers.columns / entry.type.block.weights * entry.type.block.bytes
  }

  /// Rows of blocks that were chosen, in the file's order.
  private func blocks(
    _ bytes: [UInt8], _ type: BlockType, _ rows: Range<Int>, _ numbers: GGUFPlan.Numbers, _ buffers: PieceBuffers
  ) -> UnsafeRawBufferPointer {
    let size = rowBytes(numbers)
    let target = buffers.bytes(rows.count * size)
    bytes.withUnsafeBytes { bytes in
      for row in rows {
        let from = (numbers.order?.source(of: row) ?? row) * size
        UnsafeMutableRawBufferPointer(rebasing: target[((row - rows.lowerBound) * size)...]).copyMemory(
          from: UnsafeRawBufferPointer(rebasing: bytes[from..<from + size]))
      }
    }
    return UnsafeRawBufferPointer(rebasing: target[..<(rows.count * size)])
  }

  /// Encodes rows of the model one by one where the file has them in another order.
  private func encodeOrdered(
    _ values: UnsafeMutableBufferPointer<Float>, from first: Int, _ numbers: GGUFPlan.Numbers, _ buffers: PieceBuffers,
    _ put: (UnsafeRawBufferPointer, Int) throws -> Void
  ) throws {
    guard let order = numbers.order else {
      _ = try encode(values, from: first * numbers.columns, numbers, buffers, put)
      return
    }
    for row in 0..<values.count / numbers.columns {
      let piece = UnsafeMutableBufferPointer(rebasing: values[row * numbers.columns..<(row + 1) * numbers.columns])
      _ = try encode(piece, from: order.target(of: first + row) * numbers.columns, numbers, buffers, put)
    }
  }

  /// Turns numbers into the tensor's type and hands the bytes on.
  ///
  /// - Parameter first: the first number's place in the tensor.
  private func encode(
    _ values: UnsafeMutableBufferPointer<Float>, from first: Int, _ numbers: GGUFPlan.Numbers, _ buffers: PieceBuffers,
    _ put: (UnsafeRawBufferPointer, Int) throws -> Void
  ) throws -> Int {
    let (blockWeights, blockBytes) = entry.type.block
    let bytes = buffers.bytes(values.count / blockWeights * blockBytes)
    let strange = try encode(values, from: first, numbers, into: bytes)
    try put(UnsafeRawBufferPointer(bytes), first / blockWeights * blockBytes)
    return strange
  }

  private func encode(
    _ values: UnsafeMutableBufferPointer<Float>, from first: Int, _ numbers: GGUFPlan.Numbers,
    into bytes: UnsafeMutableRawBufferPointer
  ) throws -> Int {
    if numbers.offset != 0 {
      // The converter adds in F16 what is stored so.
      let isHalf = numbers.item.type == .f16
      for index in values.indices {
        let sum = values[index] + numbers.offset
        values[index] = isHalf ? HalfType.f16.float(HalfType.f16.bits(sum)) : sum
      }
    }
    return try NumberEncoding(entry.type).encode(
      values, columns: numbers.columns, row: first / max(1, numbers.columns), of: numbers.item.matrix.rows,
      importances: numbers.importances, into: bytes)
  }

  /// The type that integers widen to; `nil` for numbers that go through Float.
  private func integerType(_ type: ElementType) -> ElementType? {
    switch (type, entry.type) {
    case (.bool, _), (.u8, _), (.u16, _), (.u32, _), (.u64, _): entry.type
    default: nil
    }
  }

  private func integers(
    _ item: Item, _ range: Range<Int>, as type: ElementType, _ buffers: PieceBuffers
  ) throws -> UnsafeRawBufferPointer {
    let values = try checkpoint.integers(checkpoint.tensors[item.id], elements: range)
    let size = type.block.bytes
    let bytes = buffers.bytes(values.count * size)
    for (index, value) in values.enumerated() {
      withUnsafeBytes(of: value.littleEndian) { raw in
        UnsafeMutableRawBufferPointer(rebasing: bytes[(index * size)...]).copyMemory(
          from: .init(rebasing: raw[..<size]))
      }
    }
    return UnsafeRawBufferPointer(bytes)
  }
}

extension GGUFPlan.Numbers {
  /// The importances that the type takes.
  var importances: Importances? { item.kind == .weight ? item.importances : nil }
}

extension RowOrder {
  /// The file's row where the model's `row` stands.
  func target(of row: Int) -> Int {
    let (head, within) = row.quotientAndRemainder(dividingBy: headRows)
    return head * headRows + within % (headRows / 2) * 2 + within / (headRows / 2)
  }
}
