import FileAccess
import Numerics
import Support
import Testing

@testable import Checkpoints

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

  /// A file of 40,000 tensors of a byte each, whose header has some megabytes, and where that is.
  ///
  /// - Parameter member: what stands in the header for a tensor; `nil` for its entry.
  private func long(space: String = "", _ member: (Int) -> String?) throws -> (file: MappedFile, place: Range<Int>) {
    let members = (0..<40_000).map { index in
      member(index) ?? entry("layers.\(index).weight", index).replacing(",\"", with: ",\(space)\"")
    }
    let text = "{\(members.joined(separator: "," + space))}"
    return (try MappedFile(folder.write("long.safetensors", safetensors(text, data: 40_000))), 8..<8 + text.utf8.count)
  }

  private func entry(_ name: String, _ index: Int) -> String {
    "\"\(name)\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[\(index),\(index + 1)]}"
  }

  @Test(arguments: ["", " ", "\n  "]) func aLongHeaderInPartsSaysWhatTheWholeDoes(space: String) throws {
    let (file, place) = try long(space: space) { $0 == 29_000 ? #""__metadata__":{"a":"},{","b":"c"}"# : nil }
    #expect(place.count > 2 * Safetensors.Entries.shortestPart)
    let whole = try Safetensors.Entries(file, 3, place)
    #expect(whole.tensors.count == 39_999 && whole.metadata.map(\.value) == ["},{", "c"])
    for parts in 2...3 {
      let found = try #require(Safetensors.Entries.together(file, 3, place, most: parts))
      // Compared outside: what a failure prints of so many takes minutes.
      let isSame = found.tensors == whole.tensors
      #expect(isSame && found.metadata.map(\.value) == whole.metadata.map(\.value))
    }
    let short = 8..<8 + 2 * Safetensors.Entries.shortestPart - 1
    let isWhole = [(place, 1), (short, 2)].allSatisfy {
      Safetensors.Entries.together(file, 3, $0, most: $1) == nil
    }
    #expect(isWhole)
  }

  @Test func aHeaderThatIsCutWithinANameIsReadAsAWhole() throws {
    let brackets = String(repeating: "},", count: 100)
    let (file, place) = try long { entry("\(brackets)\($0)", $0) }
    let whole = try Safetensors.Entries(file, 0, place)
    var isCut = false
    for parts in 2...3 where Safetensors.Entries.together(file, 0, place, most: parts) != nil { isCut = true }
    #expect(!isCut)
    let found = try Checkpoint.open(file.path).tensors
    let isSame = found == whole.tensors
    #expect(isSame && found[31_000].name == "\(brackets)31000")
  }

  /// Of headers with a few bytes changed, parts say what the whole does, or nothing.
  @Test func partsOfChangedHeadersSayWhatTheWholeDoes() throws {
    let members = (0..<40).map { $0 == 20 ? #""__metadata__":{"a":"},{"}"# : entry("l.\($0)", $0) }
    let header = Array("{\(members.joined(separator: ","))}".utf8)
    let others = Array(#"{}[],:"\ 10aé"#.utf8)
    var generator = SeededGenerator(16)
    var (fitting, refused) = (0, 0)
    for round in 0..<4000 {
      var text = header
      for _ in 0..<round % 4 {
        let place = Int.random(in: 0..<text.count, using: &generator)
        switch Int.random(in: 0..<3, using: &generator) {
        case 0: text[place] = others[Int.random(in: 0..<others.count, using: &generator)]
        case 1: text.insert(others[Int.random(in: 0..<others.count, using: &generator)], at: place)
        default: text.remove(at: place)
        }
      }
      let file = MappedFile(bytes: Array(repeating: 0, count: 8) + text + Array(repeating: 0, count: 40), path: "h")
      let place = 8..<8 + text.count
      let whole = try? Safetensors.Entries(file, 0, place)
      if whole == nil { refused += 1 }
      for parts in 2...4 {
        guard let found = Safetensors.Entries.together(file, 0, place, most: parts, shortest: 100) else { continue }
        fitting += 1
        let isSame =
          found.tensors == whole?.tensors && found.metadata.map(\.value) == whole?.metadata.map(\.value)
        #expect(isSame, "\(String(decoding: text, as: UTF8.self)) in \(parts)")
      }
    }
    #expect(fitting > 1000 && refused > 1000)
  }

  /// Whatever is wrong, wherever it is, is said as one reader says it.
  @Test func aLongHeadersFaultIsTheWholes() throws {
    let faults = [
      #""a":{"dtype":"U9","shape":[1],"data_offsets":[0,1]}"#, #""a":1"#, #""a":{}}"#, #""a\u00"#,
      #""layers.7.weight":{"dtype":"U8","shape":[1],"data_offsets":[7,8]}"#,
    ]
    func message(_ body: () throws -> Void) -> String {
      do { try body() } catch { return "\(error)" }
      return ""
    }
    for place in [50, 19_990, 39_999] {
      for fault in faults {
        let (file, range) = try long { $0 == place ? fault : nil }
        let expected = message {
          _ = try TensorList.checkNames(try Safetensors.Entries(file, 0, range).tensors, file.path)
        }
        #expect(!expected.isEmpty && message { _ = try Checkpoint.open(file.path) } == expected, "\(place) \(fault)")
      }
    }
  }
}
