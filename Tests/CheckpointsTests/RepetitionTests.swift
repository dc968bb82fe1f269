import Checkpoints
import Support
import Testing

/// Files in which the same thing stands ever so often open in a time that grows with their size, not with its square.
@Suite(.timeLimit(.minutes(1))) struct RepetitionTests {
  let folder = TemporaryFolder()

  @Test func manyNodesOfOneNameAreToldApart() throws {
    let count = 20_000
    var graph = ByteWriter()
    for index in 0..<count {
      var node = ByteWriter()
      node.field(1, "x")
      node.field(1, "w\(index)")
      node.field(2, "y\(index)")
      node.field(3, "same")
      node.field(4, "MatMul")
      graph.field(1, node.bytes)
      var weight = ByteWriter()
      weight.field(1, 1)
      weight.field(1, 1)
      weight.field(2, 1)
      weight.field(8, "w\(index)")
      weight.field(9, [0, 0, 0x80, 0x3F])
      graph.field(5, weight.bytes)
    }
    var model = ByteWriter()
    model.field(1, 8)
    model.field(7, graph.bytes)
    let layers = try Checkpoint.open(folder.write("a.onnx", model.bytes)).layers
    #expect(Set(layers.map(\.name)).count == count)
  }

  @Test func manyNamesOfOneTensorAreTied() throws {
    var pickle = PickleWriter()
    pickle.code("](")
    pickle.tensor([4], strides: [1])
    pickle.code("q\u{7}")
    // Each reference takes some bytes, as a file's own keys do.
    for _ in 0..<20_000 { pickle.code("NNNNNN0000000h\u{7}h\u{7}") }
    pickle.code("e")
    let bytes = pickle.file(storages: [("0", 4, [UInt8](repeating: 0, count: 16))])
    let model = try Checkpoint.open(folder.write("a.pt", bytes))
    #expect(model.tensors.count > 10_000)
    #expect(model.parameterCount == 4)
  }

  @Test func manyTensorsOfOneNameAreToldApart() throws {
    // Keys that print alike: 1 and "1" are two in a dictionary, and each may hold the same again.
    var pickle = PickleWriter()
    pickle.code("}")
    pickle.text("1")
    pickle.tensor([1], strides: [1])
    pickle.code("sq\u{0}0")
    for level in 1...8 {
      let inner = "h" + String(Unicode.Scalar(UInt8(level - 1)))
      pickle.code("}(K\u{1}" + inner)
      pickle.code("U\u{1}1" + inner)
      pickle.code("uq" + String(Unicode.Scalar(UInt8(level))) + "0")
    }
    pickle.code("h\u{8}")
    let bytes = pickle.file(storages: [("0", 4, [UInt8](repeating: 0, count: 16))])
    let model = try Checkpoint.open(folder.write("a.pt", bytes))
    #expect(model.tensors.count == 256)
    #expect(Set(model.tensors.map(\.name)).count == 256)
  }
}
