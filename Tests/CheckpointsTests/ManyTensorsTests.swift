import Numerics
import Support
import Testing

@testable import Checkpoints

/// Checkpoints of hundreds of thousands of tensors: what each costs is small, whatever few of them need.
@Suite struct ManyTensorsTests {
  @Test func tensorsAndLayersAreSmall() {
    #expect(MemoryLayout<Tensor>.stride <= 40)
    #expect(MemoryLayout<Layer>.stride <= 64)
  }

  @Test func namesShapesAndBlocksAreKeptOnce() throws {
    let folder = try ScratchFolder()
    let checkpoint = try Checkpoint.open(try folder.write(manyTensors(700), to: "many.safetensors"))
    #expect(checkpoint.layers.count == 700)
    #expect(checkpoint.layers[699].name == "model.layers.99.mlp.down_proj")
    #expect(checkpoint.layers[699].blockName == "model.layers.99" && checkpoint.layers[699].block == 99)
    let blocks = Blocks(checkpoint.layers)
    #expect(blocks.names == (0..<100).map { "model.layers.\($0)" } && blocks[699] == 99 && blocks[0] == 0)
    // A layer's name and its block's are parts of its weight's.
    func place(_ name: Name?) -> UnsafePointer<UInt8>? { name?.withBytes { $0.baseAddress } }
    for index in checkpoint.layers.indices {
      let weight = place(checkpoint.tensors[index].storedName)
      #expect(place(checkpoint.layers[index].storedName) == weight)
      #expect(place(checkpoint.layers[index].storedBlockName) == weight)
    }
    #expect(checkpoint.layers[699].role == .feedForwardDown)
    #expect(checkpoint.layers[699].matrix == MatrixShape(rows: 4, columns: 4))
    let shapes = Set(checkpoint.tensors.map { $0.shape.withUnsafeBufferPointer { $0.baseAddress } })
    #expect(shapes.count == 1)
  }

  @Test func formsAreKeptOnce() {
    var forms = SharedForms()
    for round in 0..<3 {
      for width in 1...6 {
        for type in [ElementType.f32, .f16] {
          for layout in [Tensor.Layout.plain, Tensor.Layout(isBigEndian: true)] {
            let form = TensorForm(
              type: type, shape: [width, 2], count: 2 * width, byteCount: 8 * width, layout: layout)
            let kept = forms.shared(form)
            #expect(kept == form && (kept === form) == (round == 0))
            #expect(
              forms.recent(type, [width, 2], layout) === kept && forms.recent(type, [2, width, 1], layout) == nil)
          }
        }
      }
    }
    // A tensor says what its form does, wherever its bytes are.
    for location in [Tensor.Location.file(1 << 40, offset: 3), .file(2, offset: 1 << 40), .inline([1, 2])] {
      let tensor = Tensor(Name("a"), type: .u8, shape: [2], count: 2, byteCount: 2, location: location)
      #expect(tensor.location == location && tensor.shape == [2] && tensor.count == 2 && tensor.byteCount == 2)
    }
  }

  /// What few layers have comes and goes as it did.
  @Test func whatFewLayersHaveIsTheirs() {
    var layer = Layer(name: "a", weight: 3, bias: 0, companions: [1, 2], role: .linear, block: 0, matrix: nil)
    #expect(layer.bias == 0 && layer.block == 0 && layer.companions == [1, 2] && layer.ties.isEmpty)
    let plain = layer
    layer.ties += ["b"]
    #expect(layer.ties == ["b"] && layer.companions == [1, 2] && layer != plain && plain.ties.isEmpty)
    #expect(Layer(name: "a", weight: 3, role: .linear, matrix: nil).bias == nil)
  }

  @Test func matricesOfAllFormsAreKept() {
    var layer = Layer(name: "b.1.a", weight: 3, role: .linear, block: 1, blockName: "of the node", matrix: nil)
    #expect(layer.matrix == nil && layer.blockName == "of the node")
    for matrix in [
      MatrixShape(rows: 4, columns: 6), MatrixShape(rows: 4, columns: 6, outer: 6),
      MatrixShape(rows: 4, columns: 6, outer: 3, stack: 2), nil, MatrixShape(rows: 0, columns: 0), nil,
      MatrixShape(rows: 4, columns: 6, stack: 4), MatrixShape(rows: 1 << 50, columns: 1),
    ] {
      layer.matrix = matrix
      #expect(layer.matrix == matrix && layer.blockName == "of the node" && layer.name == "b.1.a")
    }
  }

  /// Lists of names grow from one to the next; what was written stays, whatever its length.
  @Test func namesStayAsTheyWereWritten() {
    let texts = (0..<20_000).map { "\($0)" + String(repeating: "é", count: $0 % 97 == 0 ? 3000 : $0 % 7) } + [""]
    let writer = NameWriter()
    let names = texts.map { writer.write($0) }
    #expect(zip(names, texts).allSatisfy { String($0) == $1 })
    #expect(Name("é") == Name("e\u{301}") && Name("a") != Name("b") && Name("a").hashValue == Name("a").hashValue)
    #expect(String(Name("layers.7.weight").prefix(8)) == "layers.7")
  }

  /// Experts that stand alone: their block's router is the matrix with an output for each.
  @Test func expertsAreCountedByTheirNumbers() throws {
    let parts = (0..<3).map { "model.layers.1.moe.experts.\($0).w1.weight" } + ["model.layers.1.moe.choice.weight"]
    var (entries, at) = ([String](), 0)
    for part in parts {
      let shape = part.hasSuffix("choice.weight") ? [3, 8] : [8, 8]
      let size = 4 * shape[0] * shape[1]
      entries.append("\"\(part)\":{\"dtype\":\"F32\",\"shape\":\(shape),\"data_offsets\":[\(at),\(at + size)]}")
      at += size
    }
    let header = "{\(entries.joined(separator: ","))}"
    var file = ByteWriter()
    file.integer(UInt64(header.utf8.count))
    file.text(header)
    let folder = try ScratchFolder()
    let path = try folder.write(file.bytes + [UInt8](repeating: 0, count: at), to: "experts.safetensors")
    let roles = try Checkpoint.open(path).layers.map(\.role)
    #expect(roles == [.expert, .expert, .expert, .router])
  }

  /// Roles are worked out once for names that differ in the numbers of their parts only.
  @Test func rolesDoNotDependOnTheNumbersOfBlocks() {
    var roles = RolesByName()
    for _ in 0..<2 {
      for number in [0, 7, 123] {
        for (name, shape) in [
          ("model.layers.\(number).self_attn.q_proj", [4, 4]), ("h.\(number).fc1", [4, 4]), ("h.\(number).fc1", [4]),
          ("fc\(number)", [4, 4]), ("blk.\(number).ffn_gate_inp", [4, 4]), ("a.\(number)", [4, 4, 3]),
          ("a/\(number)/dense", [4, 4]), ("encoder.layer.\(number).output.dense", [4, 4]),
          ("\(number).99999999999999999999.q", [4, 4]),
        ] {
          #expect(name.withBytes { roles.role($0, shape) } == Layer.Role(name: name, shape: shape), "\(name) \(shape)")
        }
      }
    }
  }
}
