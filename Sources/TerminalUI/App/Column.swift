/// The columns of the layer list.
enum Column: String, CaseIterable, Sendable {
  case name, kind, shape, dtype, size, scheme, coded, zeros, error, share, perByte = "perbyte"

  var title: String {
    switch self {
    case .name: "name"
    case .kind: "operator"
    case .shape: "shape"
    case .dtype: "type"
    case .size: "size"
    case .scheme: "scheme"
    case .coded: "becomes"
    case .zeros: "zero"
    case .error: "t²"
    case .share: "Δ"
    case .perByte: "Δ/byte"
    }
  }

  /// Whether its cells are numbers, which stand to the right.
  var isNumber: Bool {
    switch self {
    case .size, .coded, .zeros, .error, .share, .perByte: true
    default: false
    }
  }

  /// The least width of its cells; what is left over goes to the scheme, then to the name.
  var width: Int {
    switch self {
    case .name: 14
    case .kind: 10
    case .shape: 9
    case .dtype: 4
    case .size, .coded: 8
    case .scheme: 12
    case .zeros: 4
    case .error: 7
    case .share: 3
    case .perByte: 7
    }
  }

  /// What a narrow pane keeps longest.
  private static let byImportance: [Column] = [
    .name, .scheme, .error, .share, .zeros, .size, .shape, .dtype, .coded, .perByte, .kind,
  ]

  /// The columns that fit `width` cells, in their order, with their widths.
  static func fitting(_ width: Int) -> [(column: Column, width: Int)] {
    var chosen: [Column: Int] = [:]
    var left = width
    for column in byImportance {
      guard column.width + 1 <= left || column == .name else { break }
      chosen[column] = column.width
      left -= column.width + 1
    }
    for (column, most) in [(Column.name, 4), (.scheme, 4), (.shape, 4), (.dtype, 3), (.name, 1000)]
    where left > 0 && chosen[column] != nil {
      let extra = min(left, most)
      chosen[column, default: 0] += extra
      left -= extra
    }
    return allCases.compactMap { column in chosen[column].map { (column, $0) } }
  }
}

/// The order of the list: as in the file, as a tree, or by a column, flat.
struct Ordering: Equatable, Sendable {
  var column: Column?
  var isDescending = false
}
