internal import FileAccess

/// ONNX (onnx.proto): a protobuf message ModelProto with a GraphProto of nodes and initializers in it.
///
///     ModelProto   1 ir_version  2 producer_name  3 producer_version  7 graph  8 opset_import {1 domain, 2 version}
///                  14 metadata_props {1 key, 2 value}  25 functions
///
/// The file is walked in place: a tensor is recorded as the range of its bytes, not copied. The walk's parts:
/// `ONNXGraphReader` (graph, nodes, attributes, values), `ONNXTensorReader` (tensors), `Layer+ONNX` (layers).
enum ONNX: CheckpointFormat {
  /// The wire types of ModelProto's fields.
  private static let fields: [Int: ProtobufField.Wire] = [
    1: .varint, 2: .bytes, 3: .bytes, 4: .bytes, 5: .varint, 6: .bytes, 7: .bytes, 8: .bytes, 14: .bytes,
    20: .bytes,
    25: .bytes, 26: .bytes,
  ]

  /// Protobuf has no signature: the first two fields must be ModelProto's, an unfinished second one included.
  static func recognises(_ head: [UInt8], of file: MappedFile) -> Bool {
    let reader = FileReader(file, part: "ONNX model")
    func isKnown(_ field: ProtobufField?) -> Bool { field.map { fields[$0.number] == $0.wire } ?? false }
    guard let first = try? reader.nextField(), isKnown(first) else { return false }
    if first.number == 1, let version = try? reader.varint() {
      guard (1...1000).contains(version) else { return false }
    } else if (try? reader.skip(first)) == nil {
      // Longer than the file: only believable as a graph whose end was lost.
      return first.number == 7
    }
    guard reader.remaining > 0 else { return true }
    return isKnown(try? reader.nextField())
  }

  static func read(_ file: MappedFile) throws(CheckpointError) -> Checkpoint {
    let reader = FileReader(file, part: "ONNX model")
    let tensors = ONNXTensorReader(reader)
    var header: [(key: String, value: String)] = []
    var properties: [(key: String, value: String)] = []
    var operatorSets: [String: Int] = [:]
    var graphAt: ProtobufField?
    var graphRange = 0..<0
    var functionRanges: [Range<Int>] = []
    while let field = try reader.nextField() {
      switch field.number {
      case 1: header.append(("ir_version", "\(try reader.int(field))"))
      case 2: header.append(("producer", try reader.shortText(field)))
      case 3: header.append(("producer_version", try reader.shortText(field)))
      case 7:
        guard graphAt == nil else { throw reader.fail("holds two graphs") }
        graphAt = field
        let length = try reader.fieldLength(field)
        graphRange = reader.position..<reader.position + length
        try reader.skip(length)
      case 8:
        let (domain, version) = try operatorSet(reader, field)
        operatorSets[domain == "ai.onnx" ? "" : domain] = version
      case 25:
        let length = try reader.fieldLength(field)
        functionRanges.append(reader.position..<reader.position + length)
        try reader.skip(length)
      case 14: properties.append(try property(reader, field))
      default: try reader.skip(field)
      }
    }
    guard graphAt != nil else { throw reader.fail("is an ONNX model without a graph") }
    // The operator sets stand after the graph in most files, so the graph is read last.
    let inside = FileReader(file, from: graphRange.lowerBound, to: graphRange.upperBound, part: "ONNX graph")
    tensors.reader = inside
    let graph = try ONNXGraphReader(inside, tensors, operatorSets).readGraph(depth: 0, path: "")
    var functions: [Graph] = []
    for range in functionRanges {
      let inside = FileReader(file, from: range.lowerBound, to: range.upperBound, part: "ONNX function")
      tensors.reader = inside
      functions.append(try ONNXGraphReader(inside, tensors, operatorSets).readFunction())
    }
    for (domain, version) in operatorSets.sorted(by: { $0.key < $1.key }) {
      header.append((domain.isEmpty ? "opset" : "opset \(domain)", "\(version)"))
    }
    if !tensors.textTensors.isEmpty {
      header.append(("text tensors (not listed)", shortened(tensors.textTensors.joined(separator: ", "))))
    }
    return Checkpoint(
      path: file.path, format: .onnx, files: tensors.files, metadata: header + properties,
      tensors: tensors.tensors,
      layers: Layer.grouped(tensors.tensors, graph, functions: functions), graph: graph)
  }

  private static func operatorSet(
    _ reader: FileReader, _ field: ProtobufField
  ) throws(CheckpointError) -> (String, Int) {
    var (domain, version) = ("", 0)
    let outer = try reader.beginMessage(field)
    while let field = try reader.nextField() {
      switch field.number {
      case 1: domain = try reader.text(field)
      case 2: version = try reader.int(field)
      default: try reader.skip(field)
      }
    }
    reader.leave(outer)
    return (domain, version)
  }

  /// A StringStringEntryProto.
  static func property(
    _ reader: FileReader, _ field: ProtobufField
  ) throws(CheckpointError) -> (key: String, value: String) {
    var (key, value) = ("", "")
    let outer = try reader.beginMessage(field)
    while let field = try reader.nextField() {
      switch field.number {
      case 1: key = try reader.shortText(field)
      case 2: value = try reader.shortText(field, limit: 4096)
      default: try reader.skip(field)
      }
    }
    reader.leave(outer)
    return (key, value)
  }
}
