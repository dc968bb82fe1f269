import FileAccess
import Numerics
import Support
import Testing

@testable import Checkpoints

/// Names told apart by their bytes: the same as by texts.
@Suite struct NamesTests {
  private func tensors(_ names: [String]) -> [Tensor] {
    names.enumerated().map {
      Tensor(name: $1, type: .f32, shape: [4, 4], count: 16, byteCount: 64, location: .file(0, offset: 64 * $0))
    }
  }

  @Test func everyNameIsFoundAndNoOther() {
    let names = (0..<3000).map { "a.\($0 % 50).\(String(repeating: "b", count: $0 % 23)).\($0)" }
    let index = TensorNames(tensors(names))
    #expect(index.isASCII && index.duplicate == nil)
    for (place, name) in names.enumerated() {
      #expect(name.withBytes { index[$0] } == place)
      #expect((name + "x").withBytes { index[$0] } == nil)
    }
    #expect("a.é".withBytes { index[$0] } == nil)
  }

  @Test func aTableGrows() {
    let names = (0..<500).map { "name \($0)" }
    var table = NameTable(minimumCapacity: 0)
    for (place, name) in (names + names).enumerated() {
      let other = name.withBytes { bytes in
        table.enter(place, bytes) { names[$0 % 500].withBytes { $0.isSame(bytes) } }
      }
      #expect(other == (place < 500 ? nil : place - 500))
    }
  }

  /// é is e with an accent, here as in Swift's texts.
  @Test(arguments: [["a", "b", "a"], ["é", "b", "e\u{301}"], ["é", "b", "b"]])
  func aNameThatOccursTwiceIsRefused(_ names: [String]) throws {
    #expect(TensorNames(tensors(names)).duplicate == 2)
    let folder = try ScratchFolder()
    let path = try folder.write(manyTensors(3) { names[$0] }, to: "twice.safetensors")
    let error = #expect(throws: CheckpointError.self) { try Checkpoint.open(path) }
    #expect(error?.description.contains("occurs twice") == true, "\(error?.description ?? "")")
  }

  /// With a name beyond ASCII among them, layers are put together as without.
  @Test(arguments: ["", "é"])
  func companionsAreFoundByWhatTheWeightMayBeCalled(_ other: String) {
    let names = [
      "a.weight", "a.bias", "a.running_mean", "b.qweight", "b.scales", "c.weight_packed", "c.weight_scale", "d/kernel",
      "d/bias", "e.gamma", "e.beta", "f.weight_ih_l0", "f.bias_ih_l0", "g.gate_up_proj_blocks", "g.gate_up_proj_scales",
      "g.gate_up_proj_bias", "h.in_proj_weight", "h.in_proj_bias", "i.weight", "i.weight.absmax", "bias", "j.scales",
      "k.proj", "k.proj_scale_inv", "k.proj_bias", ".weight.x", "l.unbiased",
    ]
    let layers = Layer.grouped(tensors(names + (other.isEmpty ? [] : [other])), .safetensors)
    let found = layers.filter { $0.name != other }.map { layer in
      [layer.name, layer.bias.map { names[$0] } ?? ""] + layer.companions.map { names[$0] }
    }
    #expect(
      found == [
        ["a", "a.bias", "a.running_mean"], ["b", "", "b.scales"], ["c", "", "c.weight_scale"], ["d", "d/bias"],
        ["e.gamma", "e.beta"], ["f.weight_ih_l0", "f.bias_ih_l0"],
        ["g.gate_up_proj", "g.gate_up_proj_bias", "g.gate_up_proj_scales"], ["h.in_proj_weight", "h.in_proj_bias"],
        ["i", "", "i.weight.absmax"], ["bias", ""], ["j.scales", ""], ["k.proj", "k.proj_bias", "k.proj_scale_inv"],
        [".weight.x", ""], ["l.unbiased", ""],
      ])
  }

  @Test(arguments: ["", "é"])
  func layersOfOneNameAreNumbered(_ other: String) {
    let names = ["a.weight", "a.qweight", "a.weight_packed", "a/kernel", "a#2", "b.weight", "b"]
    let layers = Layer.grouped(tensors(names + (other.isEmpty ? [] : [other])), .safetensors)
    #expect(
      layers.map(\.name).filter { $0 != other } == ["a", "a#2", "a#3", "a#4", "a#2#2", "b.weight", "b"])
  }

  @Test func blocksAreFoundInBytes() {
    for (name, number, end) in [
      ("model.layers.7.mlp.up_proj.weight", 7, "model.layers.7"), ("blk.12", 12, "blk.12"), ("h/3/x", 3, "h/3"),
      ("down_blocks.1.resnets.0", 1, "down_blocks.1"), ("layers.+5.x", 5, "layers.+5"), ("7.weight", nil, nil),
      ("layers.x.7", nil, nil), ("", nil, nil), ("layers.99999999999999999999.a", nil, nil), ("layers.-1.a", nil, nil),
      ("é.layers.2.w", 2, "é.layers.2"),
    ] as [(String, Int?, String?)] {
      let found = Layer.blockPosition(name)
      #expect(found.0 == number && found.1.map(String.init) == end, "\(name)")
    }
  }

  /// An entry is read in its place, or member by member with the same result.
  @Test func entriesAreReadInTheirPlace() throws {
    func plain(_ text: String) -> ([Int], [Int], String, Int)? {
      var json = JSONScanner(Array(text.utf8), file: "a", part: "text")
      var entry = JSONScanner.TensorEntry()
      guard json.plainEntry(&entry) else {
        #expect(json.at == 0)
        return nil
      }
      return (entry.shape, entry.offsets, entry.dtype, json.at)
    }
    for text in [
      #"{"dtype":"BF16","shape":[4,12],"data_offsets":[0,96]}"#,
      #" { "shape" : [ 4 , 12 ] , "data_offsets" : [0, 96], "dtype": "BF16" }"#,
      "{\n\t\"data_offsets\":[0,96],\r\n\"dtype\":\"BF16\",\"shape\":[4,12]\n}",
    ] {
      let found = try #require(plain(text + ",1"))
      #expect(found.0 == [4, 12] && found.1 == [0, 96] && found.2 == "BF16" && found.3 == text.utf8.count)
    }
    #expect(plain(#"{"dtype":"F32","shape":[],"data_offsets":[0,4]}"#)?.0 == [])
    for text in [
      "", "{", "{}", #"{"dtype":"BF16","shape":[4,12]}"#, #"{"dtype":"BF16","dtype":"F32","shape":[1]}"#,
      #"{"dtype":"B\u0046","shape":[4],"data_offsets":[0,8]}"#, #"{"dtype":"BF16","shape":[04],"data_offsets":[0,8]}"#,
      #"{"dtype":"BF16","shape":[4.0],"data_offsets":[0,8]}"#, #"{"dtype":"BF16","shape":[-4],"data_offsets":[0,8]}"#,
      #"{"dtype":"BF16","shape":[4,],"data_offsets":[0,8]}"#, #"{"dtype":"BF16","shape":[4e0],"data_offsets":[0,8]}"#,
      #"{"dtype":"BF16","shape":[1234567890123456789],"data_offsets":[0,8]}"#,
      #"{"dtype":"BF16","shape":[4],"data_offsets":[0,8],"more":1}"#,
      #"{"dtype":"BF16","shape":[4],"data_offsets":[0,8"#,
      #"{"dtype":1,"shape":[4],"data_offsets":[0,8]}"#, "{\"dtype\":\"BF16",
    ] { #expect(plain(text) == nil, "\(text)") }
  }

  @Test func namesOfAListAreToldApart() {
    var names = NameSet()
    func unique(_ text: String) -> String { String(names.unique(Name(text))) }
    #expect(["a", "b", "a", "a", "b", "a#2"].map(unique) == ["a", "b", "a#2", "a#3", "b#2", "a#2#2"])
    // From the first beyond ASCII on as texts: é is e with an accent.
    #expect(["é", "e\u{301}", "a", "c", "c"].map(unique) == ["é", "e\u{301}#2", "a#4", "c", "c#2"])
  }

  @Test func membersOfAnObjectAreReadAsBytes() throws {
    var json = JSONScanner(Array(#"{"a":1,"\u00e9\n":2, "é" : 3,"":4}"#.utf8), file: "a", part: "text")
    try json.beginObject()
    var (key, keys) = ([UInt8](), [String]())
    while try json.nextKey(into: &key) {
      keys.append(String(decoding: key, as: UTF8.self))
      #expect(try json.size() == keys.count)
    }
    #expect(keys == ["a", "é\n", "é", ""])
    try json.finish()
    for text in [#"{"a" 1}"#, #"{"a"#, #"{"a\x":1}"#, #"{1:1}"#] {
      var json = JSONScanner(Array(text.utf8), file: "a", part: "text")
      try json.beginObject()
      #expect(throws: FileError.self, "\(text)") { try json.nextKey(into: &key) }
    }
    var wrong = JSONScanner([0x7B, 0x22, 0xFF, 0x22, 0x3A, 0x31, 0x7D], file: "a", part: "text")
    try wrong.beginObject()
    #expect(throws: FileError.self) { try wrong.nextKey(into: &key) }
  }
}
