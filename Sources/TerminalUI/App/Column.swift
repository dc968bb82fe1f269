/// The columns of the layer list.
enum Column: String, CaseIterable, Sendable {
  case name, kind, shape, dtype, size, scheme, coded, zeros, range, outlier, distribution, decibels = "db", error, share
  case bar = "delta"
  case fewer, more, perByte = "perbyte"

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
    case .range: "range ±"
    case .outlier: "max/σ"
    case .distribution: "density"
    case .decibels: "dB"
    case .error: "t²"
    case .share: "Δ"
    case .bar: "Δ"
    case .fewer: "−1 bit"
    case .more: "+1 bit"
    case .perByte: "Δ/byte"
    }
  }

  /// What it tells, for those who choose columns.
  var meaning: String {
    switch self {
    case .name: "the layer's name; it takes what the others leave"
    case .kind: "what it does in the network"
    case .shape: "outputs by inputs"
    case .dtype: "how it is stored"
    case .size: "bytes as stored"
    case .scheme: "what was chosen for it"
    case .coded: "bytes in the scheme"
    case .zeros: "the share of zeros"
    case .range: "greatest magnitude, and how many σ that is"
    case .outlier: "how many σ the farthest weight is away from zero"
    case .distribution: "the weights' density; ! where one weight sets the scale for all"
    case .decibels: "SQNR of the scheme, 10·log10(1/t²)"
    case .error: "relative squared error of the scheme"
    case .share: "percent of the damage that is this layer's"
    case .bar: "the same as a bar"
    case .fewer: "what one bit less would harm, for each KiB that it saves"
    case .more: "what one bit more would mend, for each KiB that it costs"
    case .perByte: "damage for each byte saved"
    }
  }

  /// Whether its cells are numbers, which stand to the right.
  var isNumber: Bool {
    switch self {
    case .size, .coded, .zeros, .range, .outlier, .decibels, .error, .share, .bar, .fewer, .more, .perByte: true
    default: false
    }
  }

  /// Whether its cells are figures that change with the recipe or come with the analysis.
  var isFigure: Bool { isNumber && self != .size && self != .bar }

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
    case .range: 8
    case .outlier: 6
    case .distribution: 10
    case .decibels: 5
    case .error: 7
    case .share: 3
    case .bar: 4
    case .fewer, .more: 8
    case .perByte: 7
    }
  }

  /// What a narrow pane keeps longest.
  private static let byImportance: [Column] = [
    .name, .scheme, .error, .share, .distribution, .bar, .shape, .zeros, .coded, .range, .size, .dtype, .decibels,
    .perByte, .kind, .outlier,
  ]

  /// What more room goes to, column after column.
  private static let growth: [(column: Column, most: Int)] = [
    (.name, 4), (.scheme, 4), (.shape, 4), (.distribution, 6), (.range, 5), (.dtype, 3), (.name, 1000),
  ]

  /// The columns that fit `width` cells, in their order, with their widths.
  ///
  /// - Parameters:
  ///   - chosen: those that somebody asked for, the likeliest to stay first; `nil` for what goes by itself.
  ///   - sorted: what the list is sorted by.
  ///   - hasPrices: whether what a bit costs either way has its place.
  ///   - longestName: cells that the longest name takes.
  static func fitting(
    _ width: Int, chosen: [Column]? = nil, sorted: Column? = nil, hasPrices: Bool = false, longestName: Int = 0
  ) -> [(column: Column, width: Int)] {
    // Names have the room that they need, up to half of it all: other columns give way, but for what a choice does.
    let kept = [Column.scheme, .error, .share].reduce(1) { $0 + $1.width + 1 }
    let name = max(Column.name.width, min(longestName, width / 2, width - kept))
    var order = chosen.map { [.name] + $0.filter { $0 != .name } } ?? byImportance
    if chosen == nil, hasPrices { order.insert(contentsOf: [.fewer, .more], at: 5) }
    // What the list is sorted by is seen.
    if let sorted, sorted != .name {
      order.removeAll { $0 == sorted }
      order.insert(sorted, at: min(2, order.count))
    }
    var widths: [Column: Int] = [:]
    var left = width
    for column in order {
      let own = column == .name ? name : column.width
      guard own + 1 <= left || column == .name else {
        if chosen != nil { continue } else { break }
      }
      widths[column] = own
      left -= own + 1
    }
    for (column, most) in growth where left > 0 {
      guard let present = widths[column] else { continue }
      let extra = min(left, most)
      widths[column] = present + extra
      left -= extra
    }
    return allCases.compactMap { column in widths[column].map { (column, $0) } }
  }

  /// Reads names of columns with commas or spaces between them.
  ///
  /// - Returns: `nil` and the word that is no column.
  static func list(_ text: String) -> (columns: [Column]?, unknown: String) {
    var columns: [Column] = []
    for word in text.lowercased().split(whereSeparator: { $0 == "," || $0 == " " }) {
      guard let column = allCases.first(where: { $0.rawValue == word || $0.title == word }) else {
        return (nil, String(word))
      }
      if !columns.contains(column) { columns.append(column) }
    }
    return (columns, "")
  }
}

/// The order of the list: as in the file, as a tree, or by a column, flat.
struct Ordering: Equatable, Sendable {
  var column: Column?
  var isDescending = false
}
