import Compression
import Foundation
import Support
import Testing
import Workbench

@Suite struct RecipeFileTests {
  private let folder: ScratchFolder

  init() throws { folder = try ScratchFolder() }

  private func recipe(_ layers: String) -> String {
    #"{"lathe": 1, "model": "m.onnx", "format": "onnx", "layers": {\#(layers)}}"#
  }

  private func message(_ text: some Sequence<UInt8>) throws -> String {
    let path = try folder.write(text, to: "hostile.json")
    do {
      let file = try RecipeFile(path: path)
      _ = try file.fitted(to: try Models.digits().items, path: path)
      return ""
    } catch {
      return "\(error)"
    }
  }

  @Test func whatWasWrittenIsReadBackToTheSameChoice() throws {
    var session = try Models.digits()
    try session.set(
      "*=int4,group=32,affine,range=mse,scale=bf16", "/conv1/Conv=int1,channel",
      "/conv3*=int5,channel,threshold=0.0125",
      "/fc1*=int8,group=64,sparsity=2:4,coding=huffman",
      "/fc2*=int3,tensor,symmetric-full,sparsity=channel:0.3",
      "conv1.bias=f16,sparsity=0.1")
    let fc2 = try session.item("/fc2/Gemm")
    session.change([fc2.id]) { _, scheme in scheme }
    let path = folder.path("r.json")
    _ = try session.write(.lathe, to: path)
    try session.verify(.lathe, at: path)
    let (outcome, mismatches) = try RecipeFile(path: path).fitted(to: session.items, path: path)
    #expect(outcome.recipe == session.recipe)
    #expect(mismatches.isEmpty)
    #expect(outcome.recipe.choices["/fc2/Gemm"]?.by == .user)
  }

  @Test func theFileIsTheDocumentedJSON() throws {
    var session = try Models.digits()
    try session.set("/fc1*=int4,sparsity=0.3")
    let bytes = try session.export(to: .lathe, path: "r.json").bytes
    let object = try #require(try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any])
    #expect(object["lathe"] as? Int == 1)
    #expect(object["model"] as? String == "digits-cnn.onnx")
    #expect(object["format"] as? String == "onnx")
    let layers = try #require(object["layers"] as? [String: [String: Any]])
    #expect(Array(layers.keys) == ["/fc1/Gemm"])
    #expect(layers["/fc1/Gemm"]?["scheme"] as? String == "int4,group=32,sparsity=0.3")
    #expect(layers["/fc1/Gemm"]?["by"] as? String == "rule")
    #expect(layers["/fc1/Gemm"]?["shape"] as? [Int] == [64, 256])
  }

  @Test func theSameRecipeGivesTheSameBytes() throws {
    var (one, other) = (try Models.digits(), try Models.digits())
    try one.set("*=int8,channel", "/fc1*=int4")
    try other.set("/fc2*=int8,channel", "/conv*=int8,channel", "/fc1*=int4")
    #expect(try one.export(to: .lathe, path: "r").bytes == other.export(to: .lathe, path: "r").bytes)
  }

  @Test func aChangedFileDoesNotVerify() throws {
    var session = try Models.digits()
    try session.set("/fc1*=int4", "/fc2*=int4")
    let path = folder.path("r.json")
    _ = try session.write(.lathe, to: path)
    let text = try String(contentsOfFile: path, encoding: .utf8)
    try folder.write(text.replacing("int4,group=32", with: "int5,group=32", maxReplacements: 1), to: "r.json")
    #expect(throws: WorkbenchError.self) { try session.verify(.lathe, at: path) }
  }

  @Test func layersThatDoNotMatchAreListedAndTheOthersTaken() throws {
    let path = try folder.write(
      recipe(
        #"""
        "/fc1/Gemm": {"scheme": "int4,group=32", "by": "user", "shape": [64, 256]},
        "/fc2/Gemm": {"scheme": "int4,group=32", "by": "user", "shape": [64, 10]},
        "/fc9/Gemm": {"scheme": "int4,group=32", "by": "user", "shape": [1, 32]},
        "/conv1/Conv": {"scheme": "int4,group=32", "by": "rule", "shape": [32, 1, 3, 3]}
        """#), to: "r.json")
    let (outcome, mismatches) = try RecipeFile(path: path).fitted(to: try Models.digits().items, path: path)
    #expect(Array(outcome.recipe.choices.keys) == ["/fc1/Gemm"])
    #expect(mismatches.count == 3)
    for name in ["/fc2/Gemm", "/fc9/Gemm", "/conv1/Conv"] {
      #expect(mismatches.contains { $0.hasPrefix(name + ":") })
    }
  }

  @Test func aRecipeForAnotherModelIsAnErrorThatNamesBoth() throws {
    var llama = try Models.llama()
    try llama.set("*=q8_0")
    let path = folder.path("r.json")
    _ = try llama.write(.lathe, to: path)
    let items = try Models.digits().items
    #expect { try RecipeFile(path: path).fitted(to: items, path: path) } throws: {
      "\($0)".contains(path) && "\($0)".contains("shakespeare-llama") && "\($0)".contains("another model")
    }
  }

  @Test func anEmptyRecipeFitsEveryModel() throws {
    let path = try folder.write(recipe(""), to: "r.json")
    let (outcome, mismatches) = try RecipeFile(path: path).fitted(to: try Models.digits().items, path: path)
    #expect(outcome.recipe == Recipe() && mismatches.isEmpty)
  }

  @Test(arguments: [
    ("", "JSON"), ("no json", "JSON"), ("[]", "object expected"), ("null", "object expected"), ("{}", "lathe"),
    (#"{"lathe": "1"}"#, "whole number expected"),
    (#"{"lathe": 1, "model": 3, "format": "onnx", "layers": {}}"#, "text expected"),
    (#"{"lathe": 1, "model": "m", "format": "onnx", "layers": []}"#, "object expected"),
    (#"{"lathe": 2, "model": "m", "format": "onnx", "layers": {}}"#, "version 2"),
    (#"{"lathe": 1e300, "model": "m", "format": "onnx", "layers": {}}"#, "number"),
    (
      #"{"lathe": 1, "model": "m", "format": "onnx", "layers": {"a": {"scheme": "int9", "by": "user", "shape": []}}}"#,
      "int9"
    ),
    (
      #"{"lathe": 1, "model": "m", "format": "onnx", "layers": {"a": {"scheme": "int4", "by": "me", "shape": []}}}"#,
      "me"
    ),
    (
      #"{"lathe": 1, "model": "m", "format": "onnx", "layers": {"a": {"scheme": "int4", "by": "user"}}}"#,
      "shape"
    ),
    (
      #"{"lathe": 1, "model": "m", "format": "onnx", "layers": {"a": {"scheme": "int4", "by": "user", "shape": [1.5]}}}"#,
      "number"
    ),
    (
      #"{"lathe": 1, "model": "m", "format": "onnx", "layers": {"a": {"scheme": "int4", "by": "user", "shape": [99999999999999999999]}}}"#,
      "number"
    ),
    (
      #"{"lathe": 1, "model": "m", "format": "onnx", "layers": {"a": {"scheme": "int4,group=99999999999999999999", "by": "user", "shape": []}}}"#,
      "group"
    ),
    (#"{"lathe": 1, "model": "m"#, "JSON"),
  ])
  func whatIsNoRecipeIsRefusedWithTheFilesName(text: String, named: String) throws {
    let message = try message(text.utf8)
    #expect(message.contains("hostile.json"))
    #expect(message.contains(named))
    #expect(!message.contains("\n") && message.utf8.count < 600)
  }

  @Test func bracketsAHundredThousandDeepAreRefused() throws {
    for bracket in ["[", #"{"layers":"#] {
      #expect(try message(String(repeating: bracket, count: 100_000).utf8).contains("hostile.json"))
    }
  }

  @Test func bytesThatAreNoTextAreRefused() throws {
    #expect(
      try message([0xff, 0xfe, 0x00, 0x80] + Array(repeating: 0xc3, count: 1000)).contains("hostile.json"))
  }

  @Test(.timeLimit(.minutes(3))) func tenMegabytesOfLayersAreReadInTime() throws {
    let layers = (0..<110_000).map {
      #""layer.\#($0)": {"scheme": "int4,group=32", "by": "user", "shape": [64, 256]}"#
    }
    let bytes = Array(
      recipe(
        layers.joined(separator: ",")
          + #", "/fc1/Gemm": {"scheme": "int4", "by": "rule", "shape": [64, 256]}"#
      ).utf8)
    #expect(bytes.count > 8_000_000)
    let path = try folder.write(bytes, to: "big.json")
    let items = try Models.digits().items
    let result = try RecipeFile(path: path).fitted(to: items, path: path)
    #expect(result.outcome.recipe.choices.count == 1)
    #expect(result.mismatches.count == 110_000)
  }

  @Test func aRecipeThatIsNotThereOrAFolderIsRefused() throws {
    for path in [folder.path("none.json"), folder.path] {
      #expect { try RecipeFile(path: path) } throws: { "\($0)".contains(path) }
    }
  }
}
