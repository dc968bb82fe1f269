import Compression

extension Histogram {
  /// Lines of CSV, `layer,bin,low,high,count`, one a bin.
  public func csv(layer: String) -> String {
    let needsQuotes = layer.contains { ",\"\n\r".contains($0) }
    let name = needsQuotes ? "\"" + layer.replacing("\"", with: "\"\"") + "\"" : layer
    var text = ""
    for (bin, count) in counts.enumerated() {
      text += "\(name),\(bin),\(edge(bin)),\(edge(bin + 1)),\(count)\n"
    }
    return text
  }
}
