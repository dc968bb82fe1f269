import Foundation
import Support
import Testing

@Suite struct InspectTests {
  /// Names, types and shapes as the samples' README lists them.
  @Test func theDigitsNetworkIsListedWhole() throws {
    let result = try Program.run("inspect", Program.digits, "--json")
    #expect(result.status == 0 && result.errors.isEmpty)
    let object = try result.object()
    #expect(object["format"] as? String == "onnx")
    #expect(object["parameters"] as? Int == 45_162)
    let tensors = try #require(object["tensors"] as? [[String: Any]])
    let shapes: [String: [Int]] = [
      "conv1.weight": [32, 1, 3, 3], "conv1.bias": [32], "conv2.weight": [32, 32, 3, 3], "conv2.bias": [32],
      "conv3.weight": [64, 32, 3, 3], "conv3.bias": [64], "fc1.weight": [64, 256], "fc1.bias": [64],
      "fc2.weight": [10, 64], "fc2.bias": [10],
    ]
    #expect(tensors.count == shapes.count)
    for tensor in tensors {
      let name = try #require(tensor["name"] as? String)
      let shape = try #require(shapes[name])
      #expect(tensor["shape"] as? [Int] == shape)
      #expect(tensor["dtype"] as? String == "F32")
      #expect(tensor["bytes"] as? Int == 4 * shape.reduce(1, *))
    }
    let layers = try #require(object["layers"] as? [[String: Any]])
    #expect(layers.map { $0["operator"] as? String } == ["Conv", "Conv", "Conv", "Gemm", "Gemm"])
    #expect(
      layers.map { $0["bias"] as? String } == [
        "conv1.bias", "conv2.bias", "conv3.bias", "fc1.bias", "fc2.bias",
      ])
  }

  @Test func theFormatsOfTheSamplesAreTold() throws {
    for (path, format) in [
      (Program.digitsAsSafetensors, "safetensors"), (Program.llama, "safetensors"),
      (Program.llamaGGUF, "gguf"),
      (Fixtures.sample("digits-test.npz"), "npz"),
    ] {
      #expect(
        try Program.run("inspect", path, "--json", "--header-only").object()["format"] as? String == format)
    }
  }

  @Test func theTwoFormsOfAModelHaveTheSameParametersAndShapes() throws {
    let folder = try Program.run("inspect", Program.llama, "--json", "--header-only").object()
    let file = try Program.run("inspect", Program.llamaGGUF, "--json", "--header-only").object()
    #expect(folder["parameters"] as? Int == 2_885_376)
    #expect(file["parameters"] as? Int == 2_885_376)
    func shapes(_ object: [String: Any]) throws -> [[Int]] {
      try #require(object["tensors"] as? [[String: Any]]).compactMap { $0["shape"] as? [Int] }.sorted {
        "\($0)" < "\($1)"
      }
    }
    #expect(try shapes(folder) == shapes(file))
  }

  @Test func scalarsHaveAnEmptyShapeAndIntegersAreNoParameters() throws {
    let labels = try Program.run("inspect", Fixtures.sample("digits-test.npz"), "--json").object()
    let tensors = try #require(labels["tensors"] as? [[String: Any]])
    #expect(Set(tensors.compactMap { $0["name"] as? String }) == ["input", "labels"])
    #expect(labels["parameters"] as? Int == 360 * 64)
    let folder = try ScratchFolder()
    let path = try folder.write(
      safetensors([("scale", [], [1.5]), ("w", [2, 2], [1, 2, 3, 4])]), to: "m.safetensors")
    let object = try Program.run("inspect", path, "--json").object()
    let scalar = try #require(
      (object["tensors"] as? [[String: Any]])?.first { $0["name"] as? String == "scale" })
    #expect((scalar["shape"] as? [Int])?.isEmpty == true)
    #expect(scalar["bytes"] as? Int == 4)
  }

  @Test func namesAreVerbatimAndControlCharactersEscaped() throws {
    let folder = try ScratchFolder()
    let name = "w\u{1b}[31m\"é\\\u{202e}"
    let path = try folder.write(safetensors([(name, [2, 2], [1, 2, 3, 4])]), to: "m.safetensors")
    let result = try Program.run("inspect", path, "--json")
    let tensors = try #require(try result.object()["tensors"] as? [[String: Any]])
    #expect(tensors.first?["name"] as? String == name)
    #expect(result.output.contains(#"\u001b"#) && result.output.contains(#"\u202e"#))
    #expect(
      !result.output.unicodeScalars.contains("\u{1b}") && !result.output.unicodeScalars.contains("\u{202e}"))
    let text = try Program.run("inspect", path)
    #expect(text.status == 0)
    #expect(
      !text.output.unicodeScalars.contains("\u{1b}") && !text.output.unicodeScalars.contains("\u{202e}"))
  }

  /// Numbers that JSON does not have.
  @Test func notANumberLeavesTheJSONValid() throws {
    let folder = try ScratchFolder()
    let values: [Float] = [.nan, .infinity, -.infinity, 1] + Array(repeating: 0, count: 60)
    let path = try folder.write(
      safetensors([("w", [2, 32], values), ("z", [2, 32], Array(repeating: 0, count: 64))]),
      to: "m.safetensors")
    for command in ["inspect", "estimate"] {
      let result = try Program.run(command, path, "--json")
      #expect(result.status == 0)
      #expect(try !result.object().isEmpty)
    }
    let layers = try #require(
      try Program.run("inspect", path, "--json").object()["layers"] as? [[String: Any]])
    let statistics = try #require(
      layers.first { $0["name"] as? String == "w" }?["statistics"] as? [String: Any])
    #expect(statistics["nans"] as? Int == 1)
    #expect(statistics["infinities"] as? Int == 2)
  }

  @Test func theHistogramCountsEveryWeightOnce() throws {
    let folder = try ScratchFolder()
    let result = try Program.run("inspect", Program.digits, "--histogram", folder.path("bins.csv"))
    #expect(result.status == 0)
    let text = String(decoding: try #require(folder.bytes(of: "bins.csv")), as: UTF8.self)
    let lines = text.split(separator: "\n")
    #expect(lines.first == "layer,bin,low,high,count")
    var counts: [String: Int] = [:]
    var bins: [String: Int] = [:]
    for line in lines.dropFirst() {
      let cells = line.split(separator: ",")
      try #require(cells.count == 5)
      counts[String(cells[0]), default: 0] += try #require(Int(cells[4]))
      bins[String(cells[0]), default: 0] += 1
    }
    #expect(counts["/conv1/Conv"] == 32 * 9)
    #expect(counts["/fc1/Gemm"] == 64 * 256)
    #expect(counts.values.reduce(0, +) == 45_162)
    #expect(bins["/fc1/Gemm"] == 2048)
  }

  @Test func theTextNamesEveryLayer() throws {
    let result = try Program.run("inspect", Program.llamaGGUF)
    #expect(result.status == 0 && result.errors.isEmpty)
    for name in ["token_embd", "blk.2.ffn_down", "output_norm", "2.89 M parameters"] {
      #expect(result.output.contains(name))
    }
  }
}
