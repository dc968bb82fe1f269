import Foundation
import Support
import Testing

@Suite struct EstimateCommandTests {
  private func layers(_ object: [String: Any]) throws -> [String: [String: Any]] {
    let list = try #require(object["layers"] as? [[String: Any]])
    return Dictionary(list.map { ($0["name"] as? String ?? "", $0) }) { first, _ in first }
  }

  @Test func theFieldsAreThoseOfTheContract() throws {
    let result = try Program.run("estimate", Program.digits, "--set", "*=int4,group=32", "--json")
    #expect(result.status == 0)
    let object = try result.object()
    #expect(
      Set(object.keys).isSuperset(of: ["bytes", "originalBytes", "bitsPerWeight", "estimate", "layers"]))
    let estimate = try #require(object["estimate"] as? [String: Any])
    #expect(Set(estimate.keys).isSuperset(of: ["metric", "value", "low", "high", "method"]))
    #expect(estimate["method"] as? String == "uncalibrated")
    #expect(estimate["low"] is NSNull && estimate["high"] is NSNull)
    #expect(estimate["value"] as? Double == 1)
    for layer in try layers(object).values {
      #expect(
        Set(layer.keys).isSuperset(of: [
          "name", "scheme", "relativeError", "sqnr", "sparsity", "bytes", "note",
        ]))
    }
  }

  @Test func anExactLayersSQNRIsNullAndTheOthersFollowFromTheError() throws {
    let object = try Program.run("estimate", Program.digits, "--set", "*=int4,group=32", "--json").object()
    let layers = try layers(object)
    let kept = try #require(layers["/conv1/Conv"])
    #expect(kept["scheme"] as? String == "keep")
    #expect(kept["relativeError"] as? Double == 0)
    #expect(kept["sqnr"] is NSNull)
    let fc1 = try #require(layers["/fc1/Gemm"])
    let error = try #require(fc1["relativeError"] as? Double)
    let sqnr = try #require(fc1["sqnr"] as? Double)
    #expect(error > 0)
    #expect(abs(sqnr + 10 * log10(error)) < 1e-9)
    #expect(fc1["note"] is NSNull)
  }

  /// F16 keeps F16: exact, though it was chosen.
  @Test func aLayerThatIsStoredExactlyHasNoSQNR() throws {
    let object = try Program.run("estimate", Program.llamaGGUF, "--set", "output=f16", "--json").object()
    let output = try #require(try layers(object)["output"])
    #expect(output["scheme"] as? String == "f16")
    #expect(output["relativeError"] as? Double == 0)
    #expect(output["sqnr"] is NSNull)
  }

  @Test func whatDoesNotFitIsKeptListedOnStandardErrorAndNoFailure() throws {
    let result = try Program.run("estimate", Program.digits, "--set", "*=int4,group=32", "--json")
    #expect(result.status == 0)
    #expect(result.errorLines.count == 1)
    #expect(result.errors.contains("/conv1/Conv") && result.errors.contains("9 columns"))
    let note = try #require(try layers(try result.object())["/conv1/Conv"]?["note"] as? String)
    #expect(note.contains("9 columns"))
  }

  @Test func bytesAndBitsAreThoseOfTheShapes() throws {
    let object = try Program.run("estimate", Program.llamaGGUF, "--set", "*=q8_0", "--json").object()
    // 2,883,584 weights in matrices at 34 bytes for 32; seven norms of 256 stay F32.
    let expected = 2_883_584 / 32 * 34 + 7 * 256 * 4
    #expect(object["bytes"] as? Int == expected)
    #expect(object["originalBytes"] as? Int == 2 * 2_883_584 + 7 * 256 * 4)
    #expect(object["bitsPerWeight"] as? Double == 8 * Double(expected) / 2_885_376)
  }

  @Test func sparsityIsTheShareOfZeros() throws {
    let object = try Program.run(
      "estimate", Program.digits, "--set", "/fc1/Gemm=f16,sparsity=0.25", "--set",
      "/conv2/Conv=f16,sparsity=2:4", "--json"
    ).object()
    let layers = try layers(object)
    #expect(layers["/fc1/Gemm"]?["sparsity"] as? Double == 0.25)
    #expect(layers["/conv2/Conv"]?["sparsity"] as? Double == 0.5)
    #expect(layers["/fc2/Gemm"]?["sparsity"] as? Double == 0)
  }

  @Test func theLastSetWinsAndSetsGoOnTopOfARecipe() throws {
    let folder = try ScratchFolder()
    let recipe = folder.path("r.json")
    #expect(
      try Program.run("export", Program.digits, "--set", "*=int8,channel", "--to", "lathe", "-o", recipe)
        .status == 0)
    let object = try Program.run(
      "estimate", Program.digits, "--recipe", recipe, "--set", "/fc*=int2,channel", "--set",
      "/fc2*=int3,channel", "--json"
    ).object()
    let schemes = try layers(object).mapValues { $0["scheme"] as? String }
    #expect(schemes["/conv1/Conv"] == "int8,channel")
    #expect(schemes["/fc1/Gemm"] == "int2,channel")
    #expect(schemes["/fc2/Gemm"] == "int3,channel")
  }

  @Test func smallFloatsAndTablesHaveErrorsAndSizes() throws {
    let bytes = [
      "fp8-e4m3": 16_384 + 4 * 64, "fp8-e5m2,tensor": 16_384 + 4, "ocp-mxfp8": 16_384 + 512,
      "ocp-mxfp6": 12_288 + 512, "ocp-mxfp4": 8_192 + 512, "nvidia-nvfp4": 8_192 + 1_024 + 4, "nf4": 8_192 + 4 * 256,
      "kmeans4": 8_192 + 2 * 16, "kmeans3,channel": 6_144 + 64 * 2 * 8, "kmeans,entries=48": 12_288 + 2 * 48,
    ]
    for (spec, expected) in bytes {
      let object = try Program.run("estimate", Program.digits, "--set", "/fc1*=\(spec)", "--json").object()
      let layer = try #require(try layers(object)["/fc1/Gemm"])
      #expect(layer["scheme"] as? String == spec && layer["bytes"] as? Int == expected, "\(spec)")
      #expect((layer["relativeError"] as? Double).map { $0 > 0 && $0 < 0.06 } == true, "\(spec)")
      #expect(layer["note"] is NSNull)
    }
  }

  @Test func deepCompressionIsOneSpec() throws {
    let spec = "kmeans5,sparsity=0.8,coding=huffman"
    let object = try Program.run("estimate", Program.digits, "--set", "/fc1*=\(spec)", "--json").object()
    let layer = try #require(try layers(object)["/fc1/Gemm"])
    #expect(layer["scheme"] as? String == spec)
    #expect((layer["sparsity"] as? Double).map { abs($0 - 0.8) < 0.001 } == true)
    // H(0.2) + 0.2·5 bits a weight at most, a table of 32 halves, Huffman's own tables and at least a bit a weight.
    #expect((layer["bytes"] as? Int).map { $0 > 2_048 && $0 < 16_384 * 18 / 64 } == true)
  }

  @Test func importancesChangeWhatGgmlsTypesBecome() throws {
    let fixture = Fixtures.fixture("importances/imatrix.gguf")
    func layer(_ more: String...) throws -> [String: Any] {
      let object = try Program.run(
        ["estimate", Program.llamaGGUF, "--set", "blk.0.attn_k*=q2_k", "--json"] + more
      ).object()
      return try #require(try layers(object)["blk.0.attn_k"])
    }
    let (plain, weighted) = (try layer(), try layer("--importance", fixture))
    let errors = try [plain, weighted].map { try #require($0["relativeError"] as? Double) }
    #expect(errors[1] != errors[0])
    #expect(plain["bytes"] as? Int == weighted["bytes"] as? Int)
  }

  @Test(arguments: ["kmeans9", "kmeans,entries=1", "kmeans4,entries=20", "fp8-e4m3,affine", "ocp-mxfp4,tensor"])
  func aWrongSpecSaysWhatIsExpected(_ spec: String) throws {
    let result = try Program.run("estimate", Program.digits, "--set", "*=\(spec)", "--json")
    #expect(result.status != 0 && result.output.isEmpty)
    #expect(result.errors.contains("expected") && result.errorLines.count <= 3, "\(result.errors)")
  }

  @Test func theErrorOfACodebookTypeIsEstimatedWithoutAnImportance() throws {
    let result = try Program.run("estimate", Program.llamaGGUF, "--set", "output=iq2_xs", "--json")
    #expect(result.status == 0)
    let output = try #require(try layers(try result.object())["output"])
    #expect(output["bytes"] as? Int == 1024 * 256 / 256 * 74)
    // No quantiser of 2.3 bits beats the rate-distortion bound of Gaussian numbers, 2^(−2 · 2.3125); nor is one of
    // theirs as bad as rounding to a sign and a magnitude, 1 − 2/π.
    let error = try #require(output["relativeError"] as? Double)
    #expect(error > 0.04 && error < 0.36)
  }

  @Test func theFallbackIsListed() throws {
    let folder = try ScratchFolder()
    let values = Array(repeating: Float(0.5), count: 4 * 96)
    let path = try folder.write(safetensors([("w.weight", [4, 96], values)]), to: "m.safetensors")
    let result = try Program.run("estimate", path, "--set", "*=q6_k", "--fallback", "llama.cpp", "--json")
    #expect(result.status == 0)
    #expect(try layers(try result.object())["w"]?["scheme"] as? String == "q8_0")
    #expect(result.errors.contains("q8_0") && result.errors.contains("q6_k"))
  }

  @Test func withATargetErrorsAndSizesAreItsTools() throws {
    func estimate(_ words: String...) throws -> [String: Any] {
      try Program.run(["estimate", Program.digits, "--json"] + words).object()
    }
    let aimed = try estimate("--set", "*=int4,channel", "--to", "onnxruntime")
    let exact = try estimate("--set", "*=int4,channel,symmetric-full,scale=fp32")
    #expect(aimed["bytes"] as? Int == exact["bytes"] as? Int)
    for (name, layer) in try layers(aimed) where layer["scheme"] as? String == "int4,channel" {
      #expect(layer["made"] as? String == "int4,channel,symmetric-full,scale=fp32")
      #expect(try layer["relativeError"] as? Double == layers(exact)[name]?["relativeError"] as? Double)
    }
    let measured = try Program.run(
      "evaluate", Program.digits, "--data", Fixtures.sample("digits-test.npz"), "--set", "*=int4,channel", "--to",
      "onnxruntime", "--json")
    let same = try Program.run(
      "evaluate", Program.digits, "--data", Fixtures.sample("digits-test.npz"), "--set",
      "*=int4,channel,symmetric-full,scale=fp32", "--json")
    func figures(_ run: Program.Result) throws -> [Double] {
      try #require(try run.object()["metrics"] as? [[String: Any]]).compactMap { $0["value"] as? Double }
    }
    #expect(try figures(measured) == figures(same))
  }

  @Test func withATargetTheFilesBytesStandBeside() throws {
    let folder = try ScratchFolder()
    for (model, target) in [(Program.digits, "lathe"), (Program.llamaGGUF, "llama.cpp")] {
      let object = try Program.run("estimate", model, "--set", "*=q8_0", "--to", target, "--json").object()
      #expect(
        try Program.run("export", model, "--set", "*=q8_0", "--to", target, "-o", folder.path("f")).status
          == 0)
      #expect(object["fileBytes"] as? Int == folder.bytes(of: "f")?.count)
    }
  }

  @Test func theTextHasTheTotalsAndMarksTheEstimate() throws {
    let result = try Program.run("estimate", Program.digits, "--set", "*=int4,group=32")
    #expect(result.status == 0)
    for text in ["/fc2/Gemm", "uncalibrated", "≈ 1.00", "bits per weight"] {
      #expect(result.output.contains(text))
    }
  }
}
