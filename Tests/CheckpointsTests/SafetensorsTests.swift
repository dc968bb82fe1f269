import Checkpoints
import FileAccess
import Numerics
import Support
import Testing

/// A safetensors file of this header and as many bytes of data.
func safetensors(_ header: String, data: Int = 0) -> [UInt8] {
  var writer = ByteWriter()
  writer.integer(UInt64(header.utf8.count))
  writer.text(header)
  writer.bytes += (0..<data).map { UInt8(truncatingIfNeeded: $0) }
  return writer.bytes
}

struct SafetensorsTests {
  let folder = TemporaryFolder()

  private func refuse(
    _ header: String, data: Int = 0, _ words: String, line: SourceLocation = #_sourceLocation
  ) {
    expectRefusal(
      folder.write("bad.safetensors", safetensors(header, data: data)), words, sourceLocation: line)
  }

  @Test func aFileOfTheReferenceWriterOpens() throws {
    let model = try Checkpoint.open(fixture("models/small.safetensors"))
    #expect(model.format == .safetensors)
    #expect(model.metadata.map(\.key) == ["format"] && model.metadata.map(\.value) == ["pt"])
    #expect(try model.values("h.5.attn.c_attn.weight") == counted(24))
    #expect(try model.values("h.5.ln_1.weight") == counted(4))
    #expect(try model.integers(try #require(model.tensor(named: "steps"))) == [0, 1, 2])
    let layer = try model.layer("h.5.attn.c_attn")
    #expect(layer.bias.map { model.tensors[$0].name } == "h.5.attn.c_attn.bias")
    #expect(layer.role == .attentionQKV && layer.block == 5 && layer.blockName == "h.5")
    // GPT-2's Conv1D: inputs by outputs, as the bias tells.
    #expect(layer.matrix == MatrixShape(rows: 6, columns: 4, outer: 4))
    #expect(model.parameterCount == 24 + 6 + 4)
  }

  @Test func everyTypeOfTheSpecificationOpens() throws {
    let names = [
      "BOOL", "F4", "F6_E2M3", "F6_E3M2", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ",
      "F8_E5M2FNUZ",
      "I16", "U16", "F16", "BF16", "I32", "U32", "F32", "C64", "F64", "I64", "U64",
    ]
    for name in names {
      let bits =
        ["F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "BOOL": 8, "BF16": 16][name]
        ?? Int(name.dropFirst().prefix { $0.isNumber })!
      let header = #"{"a":{"dtype":"\#(name)","shape":[4],"data_offsets":[0,\#(bits / 2)]}}"#
      let model = try Checkpoint.open(folder.write("a.safetensors", safetensors(header, data: bits / 2)))
      #expect(model.tensors[0].type.name == name && model.tensors[0].byteCount == bits / 2)
    }
  }

  @Test func namesComeVerbatimAndEscapesAreRead() throws {
    let header = #"{"a\u001b[2J\ud83d\ude00\"":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}"#
    let model = try Checkpoint.open(folder.write("a.safetensors", safetensors(header, data: 1)))
    #expect(model.tensors[0].name == "a\u{1b}[2J😀\"")
    #expect(model.tensors[0].shape == [] && model.tensors[0].count == 1)
    #expect(printable(model.tensors[0].name) == "a\\u{1b}[2J😀\"")
  }

  @Test func rangesReadAcrossScratchBoundaries() throws {
    let count = 200_003
    var writer = ByteWriter()
    let header = #"{"a":{"dtype":"F64","shape":[\#(count)],"data_offsets":[0,\#(8 * count)]}}"#
    writer.integer(UInt64(header.utf8.count))
    writer.text(header)
    for index in 0..<count { writer.integer(Double(index).bitPattern) }
    let model = try Checkpoint.open(folder.write("a.safetensors", writer.bytes))
    for range in [0..<count, 1..<2, 16_383..<16_385, 5..<100_001, count..<count] {
      var values = [Float](repeating: -1, count: range.count)
      try values.withUnsafeMutableBufferPointer { into in
        try model.read(tensor: 0, elements: range, into: into)
      }
      #expect(zip(values, range).allSatisfy { $0 == Float($1) })
    }
  }

  /// Reading all of it would take longer.
  @Test(.timeLimit(.minutes(1))) func aHugeSparseFileOpensByItsHeader() throws {
    let size = 20 << 30
    let header = #"{"w":{"dtype":"F16","shape":[\#(size / 4096),2048],"data_offsets":[0,\#(size)]}}"#
    let bytes = safetensors(header)
    let path = folder.write("sparse.safetensors", bytes, size: bytes.count + size)
    let model = try Checkpoint.open(path)
    #expect(model.parameterCount == size / 2)
    var last: [Float] = [1]
    try last.withUnsafeMutableBufferPointer { into in
      try model.read(tensor: 0, elements: size / 2 - 1..<size / 2, into: into)
    }
    #expect(last == [0])
  }

  @Test func aHundredThousandTensorsOpen() throws {
    var header = "{"
    for index in 0..<100_000 {
      header += #""model.layers.\#(index / 10).t\#(index).weight":{"dtype":"U8","shape":[1],"data_offsets":"#
      header += "[\(index),\(index + 1)]},"
    }
    header += #""__metadata__":{}}"#
    let path = folder.write("many.safetensors", safetensors(header, data: 100_000))
    #expect(try Checkpoint.open(path).layers.count == 100_000)
  }

  // MARK: What must not open

  @Test func aTruncatedLengthIsRefused() {
    expectRefusal(folder.write("a.safetensors", [1, 2, 3]), "is not a model")
  }
  @Test func aHeaderLongerThanTheFileIsRefused() {
    expectRefusal(folder.write("a.safetensors", [200, 0, 0, 0, 0, 0, 0, 0, 0x7B, 0x7D]), "cut short")
  }
  @Test func aHeaderThatClaimsGigabytesIsRefused() {
    expectRefusal(
      folder.write("a.safetensors", [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7B, 0x7D]),
      "claims a header")
  }
  @Test func dataBeyondTheFileIsRefused() {
    refuse(#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, data: 7, "has only 7")
  }
  @Test func overlapIsRefused() {
    refuse(
      #"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}}"#,
      data: 6, "inside 'a'")
  }
  @Test func aHoleIsRefused() {
    refuse(#"{"a":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}}"#, data: 6, "account for 4")
  }
  @Test func bytesThatNoTensorHoldsAreRefused() { refuse("{}", data: 3, "account for 0") }
  @Test func aShapeWhoseProductOverflowsIsRefused() {
    refuse(#"{"a":{"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0]}}"#, "overflows")
  }
  @Test func aShapeWhoseBytesOverflowIsRefused() {
    refuse(#"{"a":{"dtype":"F64","shape":[4611686018427387904],"data_offsets":[0,0]}}"#, "overflows")
  }
  @Test func aNegativeExtentIsRefused() {
    refuse(#"{"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,0]}}"#, "whole number")
  }
  @Test func anExtentBeyond64BitsIsRefused() {
    refuse(#"{"a":{"dtype":"U8","shape":[99999999999999999999],"data_offsets":[0,0]}}"#, "whole number")
  }
  @Test func aSizeThatDoesNotFitTheShapeIsRefused() {
    refuse(#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,7]}}"#, data: 7, "takes 8")
  }
  @Test func reversedOffsetsAreRefused() {
    refuse(#"{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,0]}}"#, data: 1, "lower one first")
  }
  @Test func twoTensorsOfOneNameAreRefused() {
    refuse(
      #"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}"#,
      data: 2, "occurs twice")
  }
  @Test func anUnknownTypeIsRefused() {
    refuse(#"{"a":{"dtype":"F31","shape":[1],"data_offsets":[0,1]}}"#, data: 1, "F31")
  }
  @Test func deepNestingIsRefused() {
    refuse(#"{"a":\#(String(repeating: "[", count: 100_000))"#, "expected")
    refuse(#"{"a":{"x":\#(String(repeating: "[", count: 100_000))"#, "nested more than")
  }
  @Test func brokenJSONIsRefused() {
    refuse("{ ", "the end is missing")
    refuse(#"{"a""#, "':' expected")
    refuse(#"{"a":{"dtype":"U8","#, "a string expected")
    refuse(#"{"a":{"dtype":"U8}}"#, "the end of a string is missing")
    refuse(#"{"\ud800":{}}"#, "surrogate")
    refuse(#"{"a":{"shape":[01]}}"#, "number")
    refuse("{}x", "something follows")
    refuse(#"{"a":{"dtype":"U8","shape":[1,],"data_offsets":[0,1]}}"#, data: 1, "number")
  }
  @Test func aNameThatIsNotUTF8IsRefused() {
    var bytes = safetensors(#"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#, data: 1)
    bytes[10] = 0xFF
    expectRefusal(folder.write("a.safetensors", bytes), "UTF-8")
  }
  @Test func everyTruncationOfAFileIsRefused() {
    let whole = contents(fixture("models/small.safetensors"))
    for length in 0..<whole.count {
      #expect(throws: CheckpointError.self, "\(length)") {
        try Checkpoint.open(folder.write("cut.safetensors", Array(whole[..<length])))
      }
    }
  }
  @Test func damagedFilesNeverTrap() {
    let whole = contents(fixture("models/small.safetensors"))
    var random = SeededGenerator(7)
    for _ in 0..<1000 {
      var damaged = whole
      for _ in 0..<2 {
        damaged[Int.random(in: 0..<whole.count, using: &random)] = .random(in: 0...255, using: &random)
      }
      guard let model = try? Checkpoint.open(folder.write("a.safetensors", damaged)) else { continue }
      for tensor in model.tensors where tensor.type.isDecodable { _ = try? model.floats(tensor) }
    }
  }
}
