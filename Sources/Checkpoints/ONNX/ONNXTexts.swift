internal import FileAccess

/// Reads the names of nodes and values: each stands in the file several times, and is kept once.
final class ONNXTexts {
  private var texts: [String] = []
  private var places = NameTable(minimumCapacity: 0)
  /// What Swift keeps in a text itself.
  private static let longestInPlace = 15

  func text(_ field: ProtobufField, _ reader: FileReader) throws(CheckpointError) -> String {
    shared(try reader.text(field))
  }

  /// The same text, in the place in memory that it had when it was first asked for.
  func shared(_ text: String) -> String {
    guard text.utf8.count > Self.longestInPlace else { return text }
    let other = text.withBytes { name in
      places.enter(texts.count, name) { place in texts[place].withBytes { $0.isSame(name) } }
    }
    if let other { return texts[other] }
    texts.append(text)
    return text
  }
}
