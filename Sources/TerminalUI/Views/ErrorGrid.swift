import Checkpoints
import Compression
import Workbench

/// The errors of a layer in every scheme of a table: widths down and granularities across, or, for a target that has types of
/// its own, these down. What another beats at its size is known.
struct ErrorGrid {
  struct Cell {
    let format: Scheme.Format
    /// `nil` while it is not known.
    let error: Double?
    let bytes: Int
    /// Whether the layer, or the chosen target, cannot take it.
    let isBeyond: Bool
    /// Whether another here takes no more bytes and errs less.
    var isDominated = false
  }

  /// Columns that belong together, under one word.
  struct Group {
    let title: String
    let columns: [String]
  }

  let groups: [Group]
  let rows: [(label: String, cells: [Cell?])]

  var columnCount: Int { groups.reduce(0) { $0 + $1.columns.count } }
  subscript(row: Int, column: Int) -> Cell? {
    rows.indices.contains(row) && rows[row].cells.indices.contains(column) ? rows[row].cells[column] : nil
  }

  /// The place of a format.
  func place(of format: Scheme.Format) -> (row: Int, column: Int)? {
    for (row, line) in rows.enumerated() {
      if let column = line.cells.firstIndex(where: { $0?.format == format }) { return (row, column) }
    }
    return nil
  }

  fileprivate init(groups: [Group], rows: [(label: String, cells: [Cell?])]) {
    self.groups = groups
    let all = rows.flatMap { $0.cells.compactMap { $0 } }.filter { !$0.isBeyond }
    self.rows = rows.map { line in
      (
        line.label,
        line.cells.map { cell in
          guard var cell, let error = cell.error else { return cell }
          cell.isDominated = all.contains { other in
            other.error.map { $0 < error && other.bytes <= cell.bytes || $0 <= error && other.bytes < cell.bytes }
              ?? false
          }
          return cell
        }
      )
    }
  }
}

extension State {
  static let tableGranularities: [Granularity] = [.tensor, .channel, .group(128), .group(64), .group(32)]

  /// The table of the layer under the cursor; `nil` where there is none yet.
  var errorGrid: ErrorGrid? {
    guard let item = current, item.kind == .weight else { return nil }
    let scheme = session.scheme(of: item)
    // A tool that has types of its own is told no widths.
    let types = session.targetFormats(for: item).filter { if case .uniform = $0 { false } else { $0 != .keep } }
    if types.count > session.targetFormats(for: item).count / 2 { return typesGrid(item, scheme, types) }
    guard let table = session.table(of: item, sparsity: scheme.sparsity) else { return nil }
    let groups = [Symmetry.symmetric, .affine].map { symmetry in
      ErrorGrid.Group(
        title: symmetry == .affine ? "aff" : "sym",
        columns: Self.tableGranularities.map { granularity in
          if case .group(let size) = granularity { "g\(size)" } else { granularity == .channel ? "chan" : "tensor" }
        })
    }
    let rows = ErrorTable.widths.reversed().map { bits in
      (
        "\(bits)",
        [Symmetry.symmetric, .affine].flatMap { symmetry in
          Self.tableGranularities.map { granularity -> ErrorGrid.Cell? in
            guard granularity.fits(columns: item.matrix.columns) else { return nil }
            let format = Scheme.Format.uniform(
              UniformScheme(bits: bits, granularity: granularity, symmetry: symmetry))
            return gridCell(format, item, scheme, known: table[bits, symmetry, granularity])
          }
        }
      )
    }
    return ErrorGrid(groups: groups, rows: rows)
  }

  private func typesGrid(_ item: Item, _ scheme: Scheme, _ types: [Scheme.Format]) -> ErrorGrid {
    ErrorGrid(
      groups: [.init(title: "", columns: ["error"])],
      rows: types.map { ($0.short, [gridCell($0, item, scheme, known: nil)]) })
  }

  private func gridCell(_ format: Scheme.Format, _ item: Item, _ scheme: Scheme, known: Double?) -> ErrorGrid.Cell {
    let offer = Scheme(format, sparsity: scheme.sparsity)
    let isBeyond = item.obstacle(to: offer) != nil || session.targetObstacle(to: offer, of: item) != nil
    // The numbers of the chosen target's tool, where they are its own.
    let error = isBeyond ? known : session.relativeError(of: item, in: offer) ?? known
    return ErrorGrid.Cell(
      format: format, error: error, bytes: session.bytes(of: item, in: offer).bytes, isBeyond: isBeyond)
  }

  /// Takes a cell of the table for what an edit changes.
  mutating func chooseErrorCell(_ number: Int) -> [Effect] {
    guard let item = current, let cell = errorGrid?[number / 100, number % 100] else { return [] }
    let scheme = Scheme(cell.format, sparsity: session.scheme(of: item).sparsity)
    return perform(.named("scheme"), scheme.description)
  }
}
