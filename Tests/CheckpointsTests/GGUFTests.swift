import Checkpoints
import Numerics
import Support
import Testing

struct GGUFTests {
  let folder = TemporaryFolder()

  /// A GGUF file of one key (as written by `value`, type first) and one F32 tensor.
  private func file(
    version: UInt32 = 3, tensors: UInt64 = 1, keys: UInt64 = 1, name: String = "a.weight",
    shape: [UInt64] = [2, 1],
    type: UInt32 = 0, offset: UInt64 = 0, data: Int = 8,
    value: (inout ByteWriter) -> Void = {
      $0.integer(UInt32(0)); $0.integer(UInt8(1))
    }
  ) -> [UInt8] {
    var writer = ByteWriter()
    writer.text("GGUF")
    writer.integer(version)
    writer.integer(tensors)
    writer.integer(keys)
    writer.counted("key")
    value(&writer)
    for _ in 0..<min(tensors, 2) {
      writer.counted(name)
      writer.integer(UInt32(shape.count))
      for extent in shape { writer.integer(extent) }
      writer.integer(type)
      writer.integer(offset)
    }
    writer.pad(to: 32)
    writer.bytes += [UInt8](repeating: 0, count: data)
    return writer.bytes
  }

  private func refuse(_ bytes: [UInt8], _ words: String, line: SourceLocation = #_sourceLocation) {
    expectRefusal(folder.write("a.gguf", bytes), words, sourceLocation: line)
  }

  @Test func aFileOfGgufPyOpens() throws {
    let model = try Checkpoint.open(fixture("models/small.gguf"))
    #expect(model.format == .gguf)
    let metadata = Dictionary(model.metadata.map { ($0.key, $0.value) }) { a, _ in a }
    #expect(metadata["general.architecture"] == "llama")
    #expect(metadata["a.u8"] == "200" && metadata["a.i64"] == "-5" && metadata["a.f64"] == "0.25")
    #expect(metadata["a.bool"] == "true" && metadata["a.ints"] == "[1, 2, 3]")
    #expect(metadata["a.names"]?.hasSuffix("(20 of string)") == true)
    #expect(model.tensors.map(\.shape) == [[4, 64], [2, 64], [2], [2, 3, 4]])
    #expect(model.tensors[1].type == .ggml(.q8_0) && model.tensors[1].byteCount == 4 * 34)
    #expect(try model.values("token_embd.weight") == counted(256))
    #expect(try model.values("blk.3.ffn_up_exps.weight") == counted(24))
    let layer = try model.layer("blk.3.attn_q")
    #expect(layer.role == .attentionQuery && layer.blockName == "blk.3" && layer.bias == 2)
    #expect(try model.layer("blk.3.ffn_up_exps").matrix == MatrixShape(rows: 6, columns: 4))
    #expect(try model.layer("blk.3.ffn_up_exps").role == .expert)
    #expect(model.parameterCount == 256 + 128 + 2 + 24)
  }

  @Test func rangesInsideBlocksAreDecoded() throws {
    let model = try Checkpoint.open(fixture("models/small.gguf"))
    let all = try model.values("blk.3.attn_q.weight")
    for range in [0..<1, 5..<31, 31..<33, 7..<128, 127..<128, 32..<64] {
      var values = [Float](repeating: -1, count: range.count)
      try values.withUnsafeMutableBufferPointer { into in
        try model.read(tensor: 1, elements: range, into: into)
      }
      #expect(values == Array(all[range]))
    }
  }

  @Test func otherVersionsAreRefused() {
    refuse(file(version: 0), "version 0")
    refuse(file(version: 9), "version 9")
    refuse(file(version: 0x0900_0000), "version 9")
  }
  @Test func aFileOfTheOtherByteOrderIsReadInIt() {
    // The version alone is turned: the counts are then beyond the file.
    refuse(file(version: 0x0300_0000), "claims 72057594037927936 tensors")
  }
  @Test func partsOfASplitModelOpenTheWholeFromAnyOfThem() throws {
    for part in 1...3 {
      let model = try Checkpoint.open(fixture("formats/split-0000\(part)-of-00003.gguf"))
      #expect(model.tensors.map(\.name) == (0..<5).map { "blk.\($0).attn_q.weight" } && model.files.count == 3)
      #expect(model.metadata.contains { $0.key == "general.architecture" && $0.value == "llama" })
    }
  }
  @Test func aSplitModelWithAPartMissingOrMisnamedIsRefused() {
    let first = contents(fixture("formats/split-00001-of-00003.gguf"))
    let path = folder.write("split-00001-of-00003.gguf", first)
    expectRefusal(path, "split-00002-of-00003.gguf: cannot open")
    folder.write("split-00002-of-00003.gguf", contents(fixture("formats/split-00003-of-00003.gguf")))
    expectRefusal(path, "is not part 2 of 3")
    expectRefusal(folder.write("other.gguf", first), "must end in -00001-of-00003.gguf")
  }
  @Test func claimsBeyondTheFileAreRefused() {
    refuse(file(tensors: .max), "claims")
    refuse(file(keys: 1 << 60), "claims")
    refuse(
      file {
        $0.integer(UInt32(8)); $0.integer(UInt64.max)
      }, "claims")
    refuse(
      file {
        $0.integer(UInt32(9)); $0.integer(UInt32(0)); $0.integer(UInt64(1) << 62)
      }, "claims a list")
    refuse(
      file {
        $0.integer(UInt32(9)); $0.integer(UInt32(8)); $0.integer(UInt64(1) << 40)
      }, "claims a list")
  }
  @Test func aClaimOfMillionsOfTensorsInAHoleIsRefusedAtOnce() {
    let path = folder.write("a.gguf", file(tensors: 1 << 28, data: 0), size: 16 << 30)
    expectRefusal(path, "occurs twice")
  }
  @Test func nestedListsAreBounded() {
    refuse(
      file { writer in
        writer.integer(UInt32(9))
        for _ in 0..<10_000 {
          writer.integer(UInt32(9))
          writer.integer(UInt64(1))
        }
      }, "too deep")
  }
  @Test func aTensorOutsideTheFileIsRefused() {
    refuse(file(data: 7), "cut short")
    refuse(file(offset: 1 << 40), "cut short")
    refuse(file(offset: .max - 31), "no multiple")
  }
  @Test func misalignedTensorsAreRefused() { refuse(file(offset: 3), "no multiple of the alignment") }
  @Test func overflowingShapesAreRefused() {
    refuse(file(shape: [1 << 32, 1 << 32]), "overflows")
    refuse(file(shape: [.max]), "extent")
  }
  @Test func rowsThatAreNoWholeBlocksAreRefused() { refuse(file(shape: [33, 1], type: 2), "block of 32") }
  @Test func unknownTypesAreRefused() { refuse(file(type: 31), "ggml type 31") }
  @Test func tooManyDimensionsAreRefused() { refuse(file(shape: [1, 1, 1, 1, 1]), "5 dimensions") }
  @Test func twoTensorsOfOneNameAreRefused() { refuse(file(tensors: 2, data: 64), "occurs twice") }
  @Test func unknownValueTypesAreRefused() { refuse(file { $0.integer(UInt32(77)) }, "value type 77") }
  @Test func everyTruncationOfAFileIsRefused() {
    let whole = contents(fixture("models/small.gguf"))
    // The last tensor's padding is no part of it.
    for length in stride(from: 0, to: whole.count - 32, by: 3) {
      #expect(throws: CheckpointError.self, "\(length)") {
        try Checkpoint.open(folder.write("cut.gguf", Array(whole[..<length])))
      }
    }
  }
  @Test func damagedFilesNeverTrap() {
    let whole = contents(fixture("models/small.gguf"))
    var random = SeededGenerator(9)
    for _ in 0..<1000 {
      var damaged = whole
      for _ in 0..<2 {
        damaged[Int.random(in: 0..<whole.count, using: &random)] = .random(in: 0...255, using: &random)
      }
      guard let model = try? Checkpoint.open(folder.write("a.gguf", damaged)) else { continue }
      for tensor in model.tensors where tensor.type.isDecodable { _ = try? model.floats(tensor) }
    }
  }
}
