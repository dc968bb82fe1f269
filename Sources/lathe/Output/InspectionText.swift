import Checkpoints
import Compression
import FileAccess
import Workbench

extension Session {
  /// What `inspect` prints for people: what the model is, what it is made of, a row a weight.
  ///
  /// - Parameter all: list buffers and constants too, and long metadata whole.
  func writeInspection(all: Bool, _ put: (String) throws -> Void) throws {
    let fileCount = Set(checkpoint.files.map(\.path)).count
    var lines = [
      "\(printable(checkpoint.path)): \(checkpoint.format.rawValue), \(Format.count(checkpoint.parameterCount)) parameters, "
        + "\(checkpoint.tensors.count) tensors, \(Format.bytes(checkpoint.tensors.reduce(0) { $0 + $1.byteCount }))"
        + (fileCount > 1 ? " in \(fileCount) files" : "")
    ]
    lines += storageLines
    for (key, value) in checkpoint.metadata {
      let text = "  \(printable(key)): \(printable(value))"
      lines.append(all ? text : TextWidth.clipped(text, to: 116, cut: .end))
    }
    for line in lines + [""] { try put(line + "\n") }
    let isShown = { (item: Item) in all || item.kind != .buffer }
    try inspectionTable(isShown).write(put)
    let hidden = items.lazy.filter { $0.kind == .buffer }
    let count = hidden.count
    if !all, count > 0 {
      let bytes = Format.bytes(hidden.reduce(0) { $0 + $1.bytes })
      try put("and \(count) buffers and constants, \(bytes) (--all lists them)\n")
    }
  }

  /// How much is stored in which way, the most first.
  private var storageLines: [String] {
    var places: [String: Int] = [:]
    var kinds: [(key: String, value: (count: Int, bytes: Int))] = []
    var place = 0
    for item in items {
      let storage = item.storage
      // Neighbours mostly are stored alike.
      if kinds.isEmpty || kinds[place].key != storage {
        place = places[storage] ?? kinds.count
        if place == kinds.count {
          kinds.append((storage, (0, 0)))
          places[storage] = place
        }
      }
      kinds[place].value.count += 1
      kinds[place].value.bytes += item.bytes
    }
    guard kinds.count > 1 else { return [] }
    let parts = kinds.sorted { ($0.value.bytes, $1.key) > ($1.value.bytes, $0.key) }.map { name, kind in
      "\(name) \(kind.count) (\(Format.bytes(kind.bytes)))"
    }
    return ["  stored as: " + parts.prefix(8).joined(separator: ", ") + (parts.count > 8 ? ", …" : "")]
  }

  private func inspectionTable(_ isShown: (Item) -> Bool) -> TextTable {
    let isSurveyed = items.contains { isShown($0) && survey(of: $0) != nil }
    let figures = isSurveyed ? ["min", "max", "σ", "zeros", "t² int4,g32"] : []
    var table = TextTable(
      ["layer", "kind", "shape", "stored as", "bytes"] + figures + ["note"], right: Set(4...9), rows: items.count)
    for item in items where isShown(item) {
      if !isSurveyed, item.layersTies.isEmpty {
        // Nothing was read, as of a header alone.
        table.add(
          printable(item.name), item.kindText, item.shapeText, item.storage, Format.bytes(item.bytes),
          note(on: item) ?? item.closed ?? item.orderText ?? "")
        continue
      }
      var row = [
        printable(item.name), item.kindText, item.shapeText, item.storage, Format.bytes(item.bytes),
      ]
      let ties = item.layersTies
      let tied = ties.isEmpty ? nil : "tied: " + printable(ties.prefix(3).joined(separator: ", "))
      if let survey = survey(of: item) {
        let s = survey.statistics
        row += [Double(s.minimum), Double(s.maximum), s.deviation].map { Format.short($0) }
        row.append("\(s.zeros)")
        row.append(survey.errors?[4, .symmetric, .group(32)].map { Format.scientific($0) } ?? "")
        row.append(note(on: item) ?? tied ?? item.orderText ?? "")
      } else {
        row +=
          [String](repeating: "", count: figures.count) + [
            note(on: item) ?? tied ?? item.closed ?? item.orderText ?? ""
          ]
      }
      table.add(row)
    }
    return table
  }
}
