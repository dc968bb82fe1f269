internal import FileAccess
internal import Numerics

/// Reads GraphProto and what is in it:
///
///     GraphProto      1 node  2 name  5 initializer  11 input  12 output  15 sparse_initializer
///     NodeProto       1 input  2 output  3 name  4 op_type  5 attribute  7 domain
///     AttributeProto  1 name  2 f  3 i  4 s  5 t  6 g  7 floats  8 ints  9 strings  20 type
///     FunctionProto   see `readFunction`
///     ValueInfoProto  1 name  2 type {1 tensor {1 elem_type, 2 shape {1 dim {1 dim_value, 2 dim_param}}}}
struct ONNXGraphReader {
  private let reader: FileReader
  private let tensors: ONNXTensorReader
  private let operatorSets: [String: Int]
  /// Graphs in attributes of nodes of graphs …: more than any network, less than any stack.
  private static let maximumDepth = 24

  init(_ reader: FileReader, _ tensors: ONNXTensorReader, _ operatorSets: [String: Int]) {
    self.reader = reader
    self.tensors = tensors
    self.operatorSets = operatorSets
  }

  /// Reads up to the reader's end. `path` tells graphs inside graphs apart, for tensors whose name is taken.
  func readGraph(depth: Int, path: String) throws(CheckpointError) -> Graph {
    guard depth < Self.maximumDepth else {
      throw reader.fail("has graphs nested more than \(Self.maximumDepth) deep")
    }
    var name = ""
    var nodes: [Graph.Node] = []
    var inputs: [Graph.Value] = []
    var outputs: [Graph.Value] = []
    var initializers: [String: Int] = [:]
    while let field = try reader.nextField() {
      switch field.number {
      case 1:
        let node = try readNode(field, depth, path)
        if let tensor = constant(node) { try add(tensor, &initializers, path) }
        nodes.append(node)
      case 2: name = try reader.shortText(field)
      case 5:
        if let tensor = try tensors.read(field) { try add(tensor, &initializers, path) }
      case 11: inputs.append(try readValue(field))
      case 12: outputs.append(try readValue(field))
      case 15: try tensors.readSparse(field, path: path)
      default: try reader.skip(field)
      }
    }
    // Before IR version 4, initializers were listed as inputs too.
    inputs.removeAll { initializers[$0.name] != nil }
    return Graph(
      name: name, nodes: nodes, inputs: inputs, outputs: outputs, initializers: initializers,
      operatorSets: operatorSets)
  }

  /// Reads a FunctionProto up to the reader's end as a graph, named by its domain and name, without types:
  ///
  ///     1 name  4 input  5 output  7 node  9 opset_import  10 domain
  func readFunction() throws(CheckpointError) -> Graph {
    var (name, domain) = ("", "")
    var places: [Range<Int>] = []
    var nodes: [Graph.Node] = []
    var inputs: [Graph.Value] = []
    var outputs: [Graph.Value] = []
    var initializers: [String: Int] = [:]
    let end = reader.end
    while let field = try reader.nextField() {
      switch field.number {
      case 1: name = try reader.text(field)
      case 4: inputs.append(Graph.Value(name: try reader.text(field), type: nil, shape: nil))
      case 5: outputs.append(Graph.Value(name: try reader.text(field), type: nil, shape: nil))
      case 7:
        // The name, which its constants are listed under, may come after them.
        let start = reader.position
        try reader.skip(field)
        places.append(start..<reader.position)
      case 10: domain = try reader.text(field)
      default: try reader.skip(field)
      }
    }
    for place in places {
      reader.seek(to: place)
      let node = try readNode(ProtobufField(number: 7, wire: .bytes), 0, "\(name)/")
      if let tensor = constant(node) { try add(tensor, &initializers, "\(name)/") }
      nodes.append(node)
    }
    reader.seek(to: end..<end)
    return Graph(
      name: "\(domain == "ai.onnx" ? "" : domain)/\(name)", nodes: nodes, inputs: inputs, outputs: outputs,
      initializers: initializers, operatorSets: operatorSets)
  }

  /// The numbers that a Constant node gives, in whichever attribute it has them.
  private func constant(_ node: Graph.Node) -> Tensor? {
    guard node.operatorName == "Constant", let output = node.outputs.first, !output.isEmpty else { return nil }
    func inline<Number: FixedWidthInteger>(_ numbers: [Number], _ type: ElementType, isScalar: Bool = false) -> Tensor {
      let bytes = numbers.flatMap { number in withUnsafeBytes(of: number.littleEndian) { Array($0) } }
      return Tensor(
        tensors.names.write(output), type: type, shape: isScalar ? [] : [numbers.count], count: numbers.count,
        byteCount: bytes.count, location: .inline(bytes))
    }
    for (key, value) in node.attributes {
      switch (key, value) {
      case ("value", .tensor(let tensor)): return tensor.renamed(tensors.names.write(output))
      case ("value_float", .float(let number)): return inline([number.bitPattern], .f32, isScalar: true)
      case ("value_floats", .floats(let numbers)): return inline(numbers.map(\.bitPattern), .f32)
      case ("value_int", .int(let number)): return inline([Int64(number)], .i64, isScalar: true)
      case ("value_ints", .ints(let numbers)): return inline(numbers.map { Int64($0) }, .i64)
      default: continue
      }
    }
    return nil
  }

  /// Lists a tensor; one of an inner graph whose name is taken in the file is listed under its path.
  private func add(_ tensor: Tensor, _ initializers: inout [String: Int], _ path: String)
    throws(CheckpointError)
  {
    let name = tensors.texts.shared(tensor.name)
    let index = tensors.list(tensor, name, path: path)
    guard initializers.updateValue(index, forKey: name) == nil else {
      throw CheckpointError(file: reader.file.path, tensor: name, "occurs twice in one graph")
    }
  }

  private func readNode(_ field: ProtobufField, _ depth: Int, _ path: String) throws(CheckpointError)
    -> Graph.Node
  {
    var (name, operatorName, domain) = ("", "", "")
    var inputs: [String] = []
    var outputs: [String] = []
    // Attributes may come before the name that the path of their graphs wants: their places are kept.
    var places: [Range<Int>] = []
    let outer = try reader.beginMessage(field)
    let end = reader.end
    while let field = try reader.nextField() {
      switch field.number {
      case 1: inputs.append(try tensors.texts.text(field, reader))
      case 2: outputs.append(try tensors.texts.text(field, reader))
      case 3: name = try tensors.texts.text(field, reader)
      case 4: operatorName = try tensors.texts.text(field, reader)
      case 5:
        let length = try reader.fieldLength(field)
        places.append(reader.position..<reader.position + length)
        try reader.skip(length)
      case 7: domain = try tensors.texts.text(field, reader)
      default: try reader.skip(field)
      }
    }
    var attributes: [String: Graph.Attribute] = [:]
    let inner = "\(path)\(name.isEmpty ? outputs.first ?? operatorName : name)/"
    for place in places {
      reader.seek(to: place)
      let (key, value) = try readAttribute(depth, inner)
      attributes[key] = value
    }
    reader.seek(to: end..<end)
    reader.leave(outer)
    return Graph.Node(
      name: name, operatorName: operatorName, domain: domain == "ai.onnx" ? "" : domain, inputs: inputs,
      outputs: outputs, attributes: attributes)
  }

  private func readAttribute(_ depth: Int, _ path: String) throws(CheckpointError) -> (
    String, Graph.Attribute
  ) {
    var name = ""
    var type = 0
    var single: Graph.Attribute?
    var ints: [Int] = []
    var floats: [Float] = []
    var strings: [String] = []
    while let field = try reader.nextField() {
      switch field.number {
      case 1: name = try reader.text(field)
      case 2: single = .float(try reader.float(field))
      case 3: single = .int(try reader.int(field))
      case 4: single = .string(try reader.shortText(field, limit: 1 << 16))
      case 5: single = try tensors.read(field).map { .tensor($0) } ?? .other("text tensor")
      case 6:
        let outer = try reader.beginMessage(field)
        single = .graph(try readGraph(depth: depth + 1, path: "\(path)\(name)/"))
        reader.leave(outer)
      case 7: try reader.floats(field, into: &floats)
      case 8: try reader.ints(field, into: &ints)
      case 9: strings.append(try reader.shortText(field, limit: 1 << 16))
      case 20: type = try reader.int(field)
      default: try reader.skip(field)
      }
    }
    // Old files leave the type out; an empty list then is of no known type.
    switch type {
    case 0 where single != nil, 1...5: return (name, single ?? .other("empty attribute"))
    case 6: return (name, .floats(floats))
    case 7: return (name, .ints(ints))
    case 8: return (name, .strings(strings))
    case 0 where !floats.isEmpty: return (name, .floats(floats))
    case 0 where !strings.isEmpty: return (name, .strings(strings))
    case 0: return (name, .ints(ints))
    default: return (name, .other("attribute type \(type)"))
    }
  }

  private func readValue(_ field: ProtobufField) throws(CheckpointError) -> Graph.Value {
    var name = ""
    var type: ONNXTensorReader.Kind?
    var shape: [Graph.Extent]?
    let outer = try reader.beginMessage(field)
    while let field = try reader.nextField() {
      switch field.number {
      case 1: name = try reader.text(field)
      case 2:
        try message(field) { field throws(CheckpointError) in
          guard field.number == 1 else { return try reader.skip(field) }
          try message(field) { field throws(CheckpointError) in
            switch field.number {
            case 1: type = ONNXTensorReader.Kind(number: try reader.int(field))
            case 2: shape = try readShape(field)
            default: try reader.skip(field)
            }
          }
        }
      default: try reader.skip(field)
      }
    }
    reader.leave(outer)
    return Graph.Value(name: name, type: type?.elementType, shape: shape)
  }

  private func readShape(_ field: ProtobufField) throws(CheckpointError) -> [Graph.Extent] {
    var shape: [Graph.Extent] = []
    try message(field) { field throws(CheckpointError) in
      guard field.number == 1 else { return try reader.skip(field) }
      var extent = Graph.Extent.free("")
      try message(field) { field throws(CheckpointError) in
        switch field.number {
        case 1:
          let value = try reader.int(field)
          extent = value >= 0 ? .fixed(value) : .free("")
        case 2: extent = .free(try reader.text(field))
        default: try reader.skip(field)
        }
      }
      shape.append(extent)
    }
    return shape
  }

  /// Enters a message and gives its fields to `body`, which reads or skips each.
  private func message(
    _ field: ProtobufField, _ body: (ProtobufField) throws(CheckpointError) -> Void
  ) throws(CheckpointError) {
    let outer = try reader.beginMessage(field)
    while let field = try reader.nextField() { try body(field) }
    reader.leave(outer)
  }
}
