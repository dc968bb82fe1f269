import Checkpoints
import Numerics
import Support
import Testing

struct ONNXTests {
  let folder = TemporaryFolder()

  /// A model with this graph.
  private func model(_ graph: [UInt8]) -> [UInt8] {
    var writer = ByteWriter()
    writer.field(1, 8)
    writer.field(7, graph)
    return writer.bytes
  }

  private func message(_ body: (inout ByteWriter) -> Void) -> [UInt8] {
    var writer = ByteWriter()
    body(&writer)
    return writer.bytes
  }

  /// A graph of one FLOAT initializer with these fields besides its name and type.
  private func initializer(_ body: (inout ByteWriter) -> Void) -> [UInt8] {
    model(
      message { graph in
        graph.field(
          5,
          message {
            $0.field(2, 1)
            $0.field(8, "w")
            body(&$0)
          })
      })
  }

  private func refuse(_ bytes: [UInt8], _ words: String, line: SourceLocation = #_sourceLocation) {
    expectRefusal(folder.write("a.onnx", bytes), words, sourceLocation: line)
  }

  @Test func everyWayToStoreATensorIsRead() throws {
    let model = try Checkpoint.open(fixture("models/small.onnx"))
    #expect(model.format == .onnx)
    #expect(try model.values("t.float") == counted(6))
    #expect(try model.values("t.double") == counted(3))
    #expect(try model.values("t.half") == counted(3))
    #expect(try model.values("t.bfloat") == counted(3))
    #expect(try model.integers(try #require(model.tensor(named: "t.int64"))) == [0, -1, 2, 1 << 40])
    #expect(try model.values("t.int8") == [-1, 0, 127])
    #expect(try model.values("t.int4") == [-8, 7, 3])
    #expect(try model.values("t.uint64") == [0, 9])
    #expect(try model.values("conv.weight") == counted(72))
    #expect(try model.values("five") == [5])
    #expect(model.tensor(named: "t.text") == nil)
    #expect(model.metadata.contains { $0.key == "text tensors (not listed)" && $0.value == "t.text" })
    #expect(model.metadata.contains { $0 == ("opset", "17") })
  }

  @Test func theGraphIsRead() throws {
    let graph = try #require(try Checkpoint.open(fixture("models/small.onnx")).graph)
    #expect(graph.operatorSet == 17 && graph.nodes.count == 10)
    #expect(
      graph.nodes[0].operatorName == "Conv" && graph.nodes[0].inputs == ["x", "conv.weight", "conv.bias"])
    #expect(graph.nodes[0].attributes["pads"] == .ints([1, 1, 1, 1]))
    #expect(graph.nodes[8].attributes["transB"] == .int(1))
    #expect(graph.inputs.map(\.name) == ["x"] && graph.inputs[0].type == .f32)
    #expect(graph.inputs[0].shape == [.free("batch"), .fixed(2), .fixed(8), .fixed(8)])
    #expect(graph.outputs.map(\.name) == ["y"] && graph.outputs[0].shape == nil)
  }

  @Test func layersAreNamedByTheirNodes() throws {
    let model = try Checkpoint.open(fixture("models/small.onnx"))
    let conv = try model.layer("/conv/Conv")
    #expect(conv.role == .convolution && conv.operatorName == "Conv")
    #expect(conv.bias.map { model.tensors[$0].name } == "conv.bias")
    #expect(conv.matrix == MatrixShape(rows: 4, columns: 18))
    let norm = try model.layer("/norm")
    #expect(norm.role == .norm && norm.matrix == nil)
    #expect(norm.companions.map { model.tensors[$0].name } == ["norm.m", "norm.v"])
    let product = try model.layer("/layers.2/mm/MatMul")
    #expect(product.matrix == MatrixShape(rows: 3, columns: 5, outer: 5) && product.block == 2)
    #expect(product.bias.map { model.tensors[$0].name } == "mm_bias")
    // A node without a name, and a weight that two nodes share.
    #expect(try model.layer("gemm").matrix == MatrixShape(rows: 6, columns: 3, outer: 3))
    #expect(try model.layer("tied").matrix == MatrixShape(rows: 6, columns: 6))
    #expect(try model.layer("shape").matrix == nil)
    #expect(Set(model.layers.map(\.name)).count == model.layers.count)
  }

  @Test func turnedMatricesReadByRows() throws {
    let model = try Checkpoint.open(fixture("models/small.onnx"))
    func index(_ name: String) throws -> Int { try #require(model.layers.firstIndex { $0.name == name }) }
    // (inputs 5, outputs 3) counts 0, 1, 2 along the outputs.
    #expect(
      try model.matrix(layer: index("/layers.2/mm/MatMul")) == [
        0, 3, 6, 9, 12, 1, 4, 7, 10, 13, 2, 5, 8, 11, 14,
      ])
    // (in 4, out 2, 2, 2): row o holds in·8 + o·4 + (0…3).
    let up = try model.layer("/up/ConvTranspose")
    #expect(up.matrix == MatrixShape(rows: 2, columns: 16, outer: 4))
    var expected: [Float] = []
    for out in 0..<2 {
      for input in 0..<4 {
        for inner in 0..<4 { expected.append(Float(input * 8 + out * 4 + inner)) }
      }
    }
    #expect(try model.matrix(layer: index("/up/ConvTranspose")) == expected)
    // Every part is the part of the whole.
    for rows in [0..<1, 1..<2, 0..<2] {
      for columns in [0..<16, 3..<9, 5..<6, 15..<16] {
        var part = [Float](repeating: -1, count: rows.count * columns.count)
        try part.withUnsafeMutableBufferPointer { into in
          try model.readMatrix(layer: index("/up/ConvTranspose"), rows: rows, columns: columns, into: into)
        }
        #expect(part == rows.flatMap { row in columns.map { expected[row * 16 + $0] } })
      }
    }
  }

  @Test func aLargeTurnedMatrixReadsThroughItsTiles() throws {
    let (inputs, outputs) = (53, 4099)
    var weight = ByteWriter()
    for index in 0..<inputs * outputs { weight.float(Float(index)) }
    let graph = message { graph in
      graph.field(
        1,
        message {
          $0.field(1, "x")
          $0.field(1, "w")
          $0.field(2, "y")
          $0.field(4, "MatMul")
        })
      graph.field(
        5,
        message {
          $0.field(1, inputs)
          $0.field(1, outputs)
          $0.field(2, 1)
          $0.field(8, "w")
          $0.field(9, weight.bytes)
        })
    }
    let opened = try Checkpoint.open(folder.write("a.onnx", model(graph)))
    let found = try opened.matrix(layer: 0)
    let wrong = found.indices.first { found[$0] != Float($0 % inputs * outputs + $0 / inputs) }
    #expect(wrong == nil && found.count == inputs * outputs)
  }

  @Test func externalDataIsReadFromTheModelsFolderOnly() throws {
    let model = try Checkpoint.open(fixture("models/external.onnx"))
    #expect(model.files.count == 2)
    #expect(try model.values("w") == counted(128))
    for location in ["../x", "/etc/passwd", "a/../../b"] {
      refuse(
        initializer {
          $0.field(1, 1)
          $0.field(
            13,
            message {
              $0.field(1, "location")
              $0.field(2, location)
            })
          $0.field(14, 1)
        }, "only files in the model's folder")
    }
  }

  @Test func wrongSizesAreRefused() {
    refuse(
      initializer {
        $0.field(1, 3)
        $0.field(9, [0, 0, 0, 0])
      }, "takes 12")
    refuse(initializer { $0.field(1, 3) }, "takes 12")
    refuse(
      initializer {
        $0.field(1, 1)
        $0.field(4, [UInt8](repeating: 0, count: 8))
      }, "more values than")
  }
  @Test func impossibleShapesAreRefused() {
    refuse(initializer { $0.field(1, -3) }, "negative extent or overflows")
    refuse(
      initializer {
        $0.field(1, 1 << 40)
        $0.field(1, 1 << 40)
      }, "negative extent or overflows")
  }
  @Test func lengthsBeyondTheFileAreRefused() {
    var writer = ByteWriter()
    writer.field(1, 8)
    writer.varint(7 << 3 | 2)
    writer.varint(1 << 62)
    refuse(writer.bytes, "claims")
    refuse(initializer { $0.bytes += [9 << 3 | 2, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F] }, "claims")
  }
  @Test func twoInitializersOfOneNameAreRefused() {
    let tensor = message {
      $0.field(2, 1)
      $0.field(8, "w")
      $0.field(9, [0, 0, 0, 0])
    }
    refuse(
      model(
        message {
          $0.field(5, tensor)
          $0.field(5, tensor)
        }), "occurs twice")
  }
  @Test func graphsNestedWithoutEndAreRefused() {
    var graph: [UInt8] = []
    for _ in 0..<200 {
      graph = message { outer in
        outer.field(
          1,
          message { node in
            node.field(
              5,
              message {
                $0.field(1, "body")
                $0.field(6, graph)
                $0.field(20, 5)
              })
          })
      }
    }
    refuse(model(graph), "nested more than")
  }
  @Test func brokenTagsAreRefused() {
    refuse(model([0x0B, 0x00]), "unknown protobuf tag")
    refuse(model([UInt8](repeating: 0xFF, count: 12)), "more than ten bytes")
  }
  @Test func everyTruncationOfAFileIsRefused() {
    let whole = contents(fixture("models/small.onnx"))
    // The operator sets come last: without them the rest is still a model.
    for length in 0..<whole.count - 8 {
      #expect(throws: CheckpointError.self, "\(length)") {
        try Checkpoint.open(folder.write("cut.onnx", Array(whole[..<length])))
      }
    }
  }
  @Test func damagedFilesNeverTrap() {
    let whole = contents(fixture("models/small.onnx"))
    var random = SeededGenerator(5)
    for _ in 0..<1000 {
      var damaged = whole
      for _ in 0..<2 {
        damaged[Int.random(in: 0..<whole.count, using: &random)] = .random(in: 0...255, using: &random)
      }
      guard let model = try? Checkpoint.open(folder.write("a.onnx", damaged)) else { continue }
      for tensor in model.tensors where tensor.type.isDecodable && tensor.count < 1 << 20 {
        _ = try? model.floats(tensor)
      }
      for index in model.layers.indices { _ = try? model.matrix(layer: index) }
    }
  }
}
