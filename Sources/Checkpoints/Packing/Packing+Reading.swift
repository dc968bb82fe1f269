internal import Coding
internal import FileAccess
internal import Numerics

extension Checkpoint {
  /// The most weights that are unpacked at once.
  static let tileSize = 1 << 15

  /// `readMatrix` of a packed layer: tile by tile, so that memory besides `into` is bounded (a few bytes a weight of
  /// a tile, of which there are 262,144 at most, and a row's parameters).
  func readPacked(
    _ layer: Layer, _ packing: Packing, _ matrix: MatrixShape, rows: Range<Int>, columns: Range<Int>,
    into: UnsafeMutableBufferPointer<Float>
  ) throws(CheckpointError) {
    // Where the codes of an input lie together, a tile has as many outputs as are wanted: long runs are read.
    let isTurned = packing.layout == .stored && !matrix.isRowMajor
    let most = isTurned ? 1 << 18 : Self.tileSize
    let wide = max(1, min(columns.count, isTurned ? max(16, most / max(1, rows.count)) : most))
    let high = max(1, most / wide)
    for row in stride(from: rows.lowerBound, to: rows.upperBound, by: high) {
      let some = row..<min(row + high, rows.upperBound)
      for column in stride(from: columns.lowerBound, to: columns.upperBound, by: wide) {
        let tile = PackedTile(
          checkpoint: self, matrix: matrix, rows: some, columns: column..<min(column + wide, columns.upperBound))
        try tile.read(
          layer.weight, packing, stride: columns.count,
          into: .init(
            rebasing: into[((row - rows.lowerBound) * columns.count + column - columns.lowerBound)...]))
      }
    }
  }
}

/// A part of a packed weight.
struct PackedTile {
  let checkpoint: Checkpoint
  let matrix: MatrixShape
  let rows: Range<Int>
  let columns: Range<Int>

  /// Writes the tile's weights to a matrix whose rows lie `stride` apart.
  func read(
    _ weight: Int, _ packing: Packing, stride: Int, into: UnsafeMutableBufferPointer<Float>
  ) throws(CheckpointError) {
    let levels = try levels(weight, packing)
    let scale = try packing.scale.map { one throws(CheckpointError) in try shared(one) }
    let zero = try packing.zero.map { one throws(CheckpointError) in try shared(one) }
    let shift = try packing.shift.map { one throws(CheckpointError) in try shared(one) }
    let factors = try factors(packing.factor)
    for row in 0..<rows.count {
      let factor = factors[row]
      for column in 0..<columns.count {
        var value = levels[row * columns.count + column]
        if let zero { value -= zero[row, column] + packing.zeroOffset } else { value -= packing.zeroOffset }
        if let scale { value *= scale[row, column] * factor }
        if let shift { value += shift[row, column] }
        into[row * stride + column] = value
      }
    }
  }

  /// The level of each weight of the tile.
  private func levels(_ weight: Int, _ packing: Packing) throws(CheckpointError) -> [Float] {
    if case .stored = packing.layout {
      var values = [Float](repeating: 0, count: rows.count * columns.count)
      try values.withUnsafeMutableBufferPointer { into throws(CheckpointError) in
        try checkpoint.readStored(weight, matrix, rows: rows, columns: columns, into: into)
      }
      return values
    }
    let codes = try codes(weight, packing.layout, rows, columns, width: matrix.columns)
    let table: [Float]
    switch packing.levels {
    case .stored, .integers: return codes.map { Float($0) }
    case .table(let levels): table = levels
    case .tensor(let index): table = try checkpoint.floats(tensor: index)
    }
    guard table.count >= 1 << packing.bits else {
      throw checkpoint.fail(
        checkpoint.tensors[weight], "has codes of \(packing.bits) bits, but a table of \(table.count) levels")
    }
    return codes.map { table[Int($0)] }
  }

  /// The factor of each of the tile's rows.
  private func factors(_ factor: Packing.Factor?) throws(CheckpointError) -> [Float] {
    guard let factor else { return [Float](repeating: 1, count: rows.count) }
    let found = checkpoint.tensors[factor.tensor]
    let places = rows.map { row in factor.rows.map { row / $0 } ?? 0 }
    guard let last = places.last, last < found.count else {
      throw checkpoint.fail(found, "has \(found.count) numbers, too few for its layer")
    }
    let values = try checkpoint.floats(found, elements: places[0]..<last + 1)
    return places.map { place in
      let value = values[place - places[0]]
      return factor.isDivisor ? 1 / value : value
    }
  }

  /// The codes of a matrix `width` wide at some rows and columns, row by row.
  private func codes(
    _ tensor: Int, _ layout: CodeLayout, _ rows: Range<Int>, _ columns: Range<Int>, width: Int
  ) throws(CheckpointError) -> [UInt8] {
    guard case .packed(let bits) = layout, !rows.isEmpty, !columns.isEmpty else { return [] }
    var codes = [UInt8](repeating: 0, count: rows.count * columns.count)
    let places = bits.isAlongRows ? rows : columns
    let runs = bits.isAlongRows ? columns : rows
    let words = try Words(checkpoint, tensor, bits, places: places, runs: runs)
    let mask = UInt16(1 << bits.bits - 1)
    for run in 0..<runs.count {
      for place in 0..<places.count {
        let code = UInt8(truncatingIfNeeded: words[run, bits.position(places.lowerBound + place)] & mask)
        codes[bits.isAlongRows ? place * columns.count + run : run * columns.count + place] = code
      }
    }
    return codes
  }

  /// A parameter's numbers for this tile.
  func shared(_ parameter: Parameter) throws(CheckpointError) -> SharedNumbers {
    var found = SharedNumbers()
    switch parameter.cells {
    case .flat(let run):
      let first = (rows.lowerBound * matrix.columns + columns.lowerBound) / run
      let last = ((rows.upperBound - 1) * matrix.columns + columns.upperBound - 1) / run
      found.values = try numbers(parameter, rows: 0..<1, columns: first..<last + 1, strides: (0, 1))
      found.flat = (rows.lowerBound * matrix.columns + columns.lowerBound - first * run, matrix.columns, run)
      return found
    case .grid(let high, let wide, let rowStride, let columnStride):
      let (tall, broad) = (
        rows.lowerBound / high..<(rows.upperBound - 1) / high + 1,
        columns.lowerBound / wide..<(columns.upperBound - 1) / wide + 1
      )
      found.values = try numbers(parameter, rows: tall, columns: broad, strides: (rowStride, columnStride))
      found.width = broad.count
      found.rows = rows.map { $0 / high - tall.lowerBound }
      found.columns = columns.map { $0 / wide - broad.lowerBound }
    case .stacked(let each, let cellRows, let high, let wide, let rowStride, let columnStride):
      func cell(_ row: Int) -> Int { row / each * cellRows + row % each / high }
      let tall = cell(rows.lowerBound)..<cell(rows.upperBound - 1) + 1
      let broad = columns.lowerBound / wide..<(columns.upperBound - 1) / wide + 1
      found.values = try numbers(parameter, rows: tall, columns: broad, strides: (rowStride, columnStride))
      found.width = broad.count
      found.rows = rows.map { cell($0) - tall.lowerBound }
      found.columns = columns.map { $0 / wide - broad.lowerBound }
    case .indexed(let index, let bound, let rowStride, let columnStride):
      let tensor = checkpoint.tensors[index]
      let groups = try checkpoint.integers(tensor, elements: columns)
      guard let least = groups.min(), let most = groups.max(), least >= 0, most < bound else {
        throw checkpoint.fail(tensor, "has a group outside of 0..<\(bound)")
      }
      let broad = Int(least)..<Int(most) + 1
      found.values = try numbers(parameter, rows: rows, columns: broad, strides: (rowStride, columnStride))
      found.width = broad.count
      found.rows = Array(0..<rows.count)
      found.columns = groups.map { Int($0) - broad.lowerBound }
    }
    return found
  }

  /// The parameter's cells at some rows and columns of cells, row by row.
  private func numbers(
    _ parameter: Parameter, rows: Range<Int>, columns: Range<Int>, strides: (row: Int, column: Int)
  ) throws(CheckpointError) -> [Float] {
    if case .packed = parameter.codes {
      return try codes(parameter.tensor, parameter.codes, rows, columns, width: columns.upperBound)
        .map { Float($0) }
    }
    let tensor = checkpoint.tensors[parameter.tensor]
    let last = (rows.upperBound - 1) * strides.row + (columns.upperBound - 1) * strides.column
    guard last < tensor.count else {
      throw checkpoint.fail(tensor, "has \(tensor.count) numbers, too few for its layer")
    }
    var values: [Float] = []
    values.reserveCapacity(rows.count * columns.count)
    if strides.column == 1 {
      for row in rows {
        let first = row * strides.row + columns.lowerBound
        values += try checkpoint.floats(tensor, elements: first..<first + columns.count)
      }
    } else if strides.row == 1 {
      values = [Float](repeating: 0, count: rows.count * columns.count)
      for column in columns {
        let first = column * strides.column + rows.lowerBound
        let some = try checkpoint.floats(tensor, elements: first..<first + rows.count)
        for row in 0..<rows.count { values[row * columns.count + column - columns.lowerBound] = some[row] }
      }
    } else {
      for row in rows {
        for column in columns {
          let at = row * strides.row + column * strides.column
          values += try checkpoint.floats(tensor, elements: at..<at + 1)
        }
      }
    }
    return try formed(values, parameter.form, first: rows.lowerBound * strides.row + columns.lowerBound)
  }

  /// The numbers that stored ones stand for; `first` is the number of the first cell.
  private func formed(
    _ values: [Float], _ form: Parameter.Form, first: Int
  ) throws(CheckpointError) -> [Float] {
    switch form {
    case .plain: return values
    case .e4m3: return values.map { ElementType.e4m3Levels[Int($0) & 255] }
    case .divided(let divisor): return values.map { $0 / divisor }
    case .exponent:
      return values.map { $0 == 255 ? .nan : Float(sign: .plus, exponent: Int($0) - 127, significand: 1) }
    case .nested(let map, let scales, let run, let offset):
      let levels = try checkpoint.floats(tensor: map)
      guard levels.count >= 256, !values.isEmpty else { return values }
      let tensor = checkpoint.tensors[scales]
      let cells = first / run..<(first + values.count - 1) / run + 1
      guard cells.upperBound <= tensor.count else {
        throw checkpoint.fail(tensor, "has \(tensor.count) numbers, too few for its layer")
      }
      let outer = try checkpoint.floats(tensor, elements: cells)
      return values.enumerated().map { index, code in
        levels[Int(code) & 255] * outer[(first + index) / run - cells.lowerBound] + offset
      }
    }
  }
}

/// A parameter's numbers, found by a weight's place in its tile.
struct SharedNumbers {
  var values: [Float] = []
  var width = 0
  var rows: [Int] = []
  var columns: [Int] = []
  /// For cells in runs over the whole weight: the first weight's place in its run, the matrix's columns, the run.
  var flat: (first: Int, columns: Int, run: Int)?

  subscript(_ row: Int, _ column: Int) -> Float {
    if let flat { return values[(flat.first + row * flat.columns + column) / flat.run] }
    return values[rows[row] * width + columns[column]]
  }
}

/// The words of some runs, each run's bytes one after another.
private struct Words {
  private var bytes: [UInt8]
  /// Bytes of a run here, and the bit of a whole run that they begin at.
  private let runBytes: Int
  private let firstBit: Int

  init(
    _ checkpoint: Checkpoint, _ index: Int, _ bits: CodeLayout.Bits, places: Range<Int>, runs: Range<Int>
  ) throws(CheckpointError) {
    let tensor = checkpoint.tensors[index]
    let size = bits.wordSize
    // Orders move codes about within a word only, so the words of the first and the last place's words bound all.
    let low = bits.position(places.lowerBound / 8 * 8) / (8 * size)
    let high = bits.position((places.upperBound - 1) / 8 * 8 + 7) / (8 * size)
    let end = bits.bits * ((places.upperBound - 1) / 8 * 8 + 8)
    let last = bits.order == .stream ? (end + 8 * size - 1) / (8 * size) - 1 : high
    // What the last word of the last run would be, were every run as long; the tensor may end before.
    guard tensor.type.block == (1, size) else {
      throw checkpoint.fail(tensor, "is stored as \(tensor.type); words of \(size) bytes expected")
    }
    let wordCount = tensor.count
    let words = low..<last + 1
    // One byte more, so that two may be read at every code.
    bytes = [UInt8](repeating: 0, count: runs.count * words.count * size + 1)
    runBytes = words.count * size
    firstBit = low * 8 * size
    let source = ElementSource(checkpoint, tensor)
    var piece = [UInt8](repeating: 0, count: max(runs.count, words.count) * size)
    func copy(_ first: Int, _ count: Int) throws(CheckpointError) -> Int {
      let there = max(0, min(count, wordCount - first))
      guard there > 0 else { return 0 }
      try piece.withUnsafeMutableBufferPointer { into throws(CheckpointError) in
        try source.copy(blocks: first..<first + there, into: UnsafeMutableRawBufferPointer(into))
      }
      return there
    }
    if bits.wordStride == 1 {
      for run in 0..<runs.count {
        let count = try copy((runs.lowerBound + run) * bits.runStride + words.lowerBound, words.count) * size
        bytes.replaceSubrange(run * runBytes..<run * runBytes + count, with: piece[..<count])
      }
    } else {
      // The runs' words lie side by side.
      for word in 0..<words.count {
        let first = (words.lowerBound + word) * bits.wordStride + runs.lowerBound * bits.runStride
        let count = try copy(first, runs.count)
        for run in 0..<count {
          for byte in 0..<size { bytes[run * runBytes + word * size + byte] = piece[run * size + byte] }
        }
      }
    }
  }

  /// The 16 bits from a bit of a run on.
  @inline(__always) subscript(_ run: Int, _ bit: Int) -> UInt16 {
    let at = run * runBytes + (bit - firstBit) / 8
    return (UInt16(bytes[at]) | UInt16(bytes[at + 1]) << 8) >> UInt16((bit - firstBit) % 8)
  }
}
