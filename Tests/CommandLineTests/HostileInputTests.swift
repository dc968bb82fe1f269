import Foundation
import Support
import Testing

/// What is given beside a model, made to be large, endless or full of holes: one clear line, and soon.
@Suite struct HostileInputTests {
  private let folder = TemporaryFolder()

  /// A file of holes is mapped whole, and takes none of the memory that `limit` leaves for the others.
  private func refusal(
    _ line: String, naming word: String, limit: String = "ulimit -v 2500000; ",
    location: SourceLocation = #_sourceLocation
  ) throws {
    let result = try Program.shell(limit + line)
    #expect(
      result.status == 1 && result.errors.contains(word), "\(result.status ?? -1): \(result.errors.prefix(400))",
      sourceLocation: location)
  }

  @Test func aRecipeOfAMillionLayersIsRefused() throws {
    var text = #"{"lathe":1,"model":"m","format":"onnx","layers":{"#
    for layer in 0..<1_000_000 {
      text += "\(layer > 0 ? "," : "")\"l\(layer)\":{\"scheme\":\"int4\",\"by\":\"user\",\"shape\":[1]}"
    }
    let path = folder.write("recipe.json", text + "}}")
    try refusal("\"$0\" estimate \(Program.digits) --recipe \(path)", naming: "more than")
  }

  @Test func aHundredThousandExpressionsAreTooMany() throws {
    let targets = (0..<100_000).map { #""re:.*(layer|block)\#($0).*""# }.joined(separator: ",")
    let path = folder.write(
      "config.json",
      #"{"quant_method":"compressed-tensors","config_groups":{"g":{"targets":["# + targets
        + #"],"weights":{"num_bits":4,"group_size":32}}}}"#)
    try refusal("\"$0\" estimate \(Program.llama) --recipe \(path)", naming: "expressions are too many")
  }

  /// Names, as tools write them by the thousand, cost nothing.
  @Test func aHundredThousandNamesAreLookedUp() throws {
    let names = (0..<100_000).map { #""re:^model\\.layers\\.\#($0)\\.mlp\\.down_proj$""# }
    let path = folder.write(
      "config.json",
      #"{"quant_method":"compressed-tensors","config_groups":{"g":{"targets":["# + names.joined(separator: ",")
        + #"],"weights":{"num_bits":4,"group_size":32}}}}"#)
    let result = try Program.run("estimate", Program.llama, "--recipe", path, "--json")
    let layers = try #require(try result.object()["layers"] as? [[String: Any]])
    let chosen = layers.filter { ($0["scheme"] as? String)?.hasPrefix("int4") == true }
    #expect(result.status == 0 && !chosen.isEmpty)
    #expect(chosen.allSatisfy { ($0["name"] as? String)?.hasSuffix("mlp.down_proj") == true })
  }

  @Test func sectionsWithinSectionsOfASheetAreRefused() throws {
    let sections = String(repeating: "{{#layers}}", count: 12)
    let path = folder.write(
      "nested.target",
      "name nested\nsummary s\ntool t\nchecked no\naccept any : int4,group=32\n=== out.txt\n\(sections)x"
        + String(repeating: "{{/layers}}", count: 12) + "\n")
    let result = try Program.shell(
      "ulimit -v 2500000; \"$0\" export \(Program.llama) --to \(path) -o \(folder.path)/o.txt")
    #expect(result.status == 1 && result.errors.contains("sections within sections"), "\(result.errors)")
  }

  /// An imatrix whose one entry claims four gigabytes of hole.
  @Test func holesAreNoImportances() throws {
    var writer = ByteWriter()
    writer.integer(UInt32(1))
    writer.integer(UInt32(1))
    writer.text("a")
    writer.integer(UInt32(1))
    writer.integer(UInt32(1 << 30))
    let path = folder.write("imatrix.dat", writer.bytes, size: 5 << 30)
    try refusal(
      "\"$0\" estimate \(Program.llama) --set '*=int4' --importance \(path)", naming: "than the file holds", limit: "")
  }

  /// Labels that are four gigabytes of hole.
  @Test func holesAreNoLabels() throws {
    let count = 1 << 29
    let header =
      #"{"input":{"dtype":"U8","shape":[\#(count),1,8,8],"data_offsets":[\#(8 * count),\#(72 * count)]},"#
      + #""labels":{"dtype":"I64","shape":[\#(count)],"data_offsets":[0,\#(8 * count)]}}"#
    var writer = ByteWriter()
    writer.integer(UInt64(header.utf8.count))
    writer.text(header)
    let path = folder.write("data.safetensors", writer.bytes, size: 8 + header.utf8.count + 72 * count)
    try refusal("\"$0\" evaluate \(Program.digits) --data \(path)", naming: "far more than the file holds", limit: "")
  }

  /// 8 kB that say 67 million pixels.
  @Test func anImageOfTooManyPixelsIsRefused() throws {
    let images = folder.path + "/pixels"
    try FileManager.default.createDirectory(atPath: images + "/one", withIntermediateDirectories: true)
    try FileManager.default.copyItem(atPath: Fixtures.fixture("hostile/large.png"), toPath: images + "/one/a.png")
    defer { try? FileManager.default.removeItem(atPath: images) }
    try refusal("\"$0\" evaluate \(Program.digits) --data \(images)", naming: "too many pixels")
  }

  /// A list of texts in a hole of 20 GB: each would be an empty one.
  @Test func aListOfTextsInAHoleIsRefused() throws {
    var writer = ByteWriter()
    writer.text("GGUF")
    writer.integer(UInt32(3))
    writer.integer(UInt64(0))
    writer.integer(UInt64(1))
    writer.integer(UInt64(1))
    writer.text("a")
    writer.integer(UInt32(9))
    writer.integer(UInt32(8))
    writer.integer(UInt64(2 << 30))
    let path = folder.write("holes.gguf", writer.bytes, size: 20 << 30)
    try refusal("\"$0\" inspect \(path)", naming: "lists of texts beyond", limit: "")
  }

  /// Folders of numbers are in the order of the numbers, which the result says; two classes are no ten.
  @Test func classesOfFoldersAreToldInTheirOrder() throws {
    let images = folder.path + "/images"
    for name in ["10", "2", "1"] {
      try FileManager.default.createDirectory(atPath: "\(images)/\(name)", withIntermediateDirectories: true)
      try FileManager.default.copyItem(
        atPath: Fixtures.fixture("images/circle/one.png"), toPath: "\(images)/\(name)/a.png")
    }
    defer { try? FileManager.default.removeItem(atPath: images) }
    let result = try Program.run("evaluate", Program.digits, "--data", images, "--json")
    #expect(try result.object()["classNames"] as? [String] == ["1", "2", "10"])
    #expect(result.errors.contains("3 classes, but the network 10"), "\(result.errors)")
  }
}
