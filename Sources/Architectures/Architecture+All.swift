extension Architecture {
  /// The families that there are sheets of. A new one is a sheet in `Sheets/`.
  package static let all: [Architecture] = sheets.compactMap { try? Architecture(sheet: $0) }

  /// The sheets' texts, by the names of their files: the program's own, each of which a test reads.
  package static let sheets: [String] = EmbeddedSheets.texts
}
