import Foundation
import Support
import Testing

@Suite struct SensitivityCommandTests {
  private let data = Fixtures.sample("digits-calibration.npz")

  @Test func whatIsMeasuredIsKeptAndCalibratesAnEstimate() throws {
    let folder = try ScratchFolder()
    let file = folder.path + "/s.json"
    let plain = try Program.run("sensitivity", Program.digits, "--data", data, "--samples", "32", "-o", file)
    #expect(plain.status == 0 && plain.output.contains("/fc2/Gemm") && plain.output.contains("4 bits everywhere"))
    let kept = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(filePath: file))) as? [String: Any]
    #expect(kept?["metric"] as? String == "kl" && (kept?["recipes"] as? [Any])?.count == 8)
    let object = try Program.run(
      "estimate", Program.digits, "--set", "*=int4", "--sensitivity", file, "--json"
    ).object()
    let estimate = try #require(object["estimate"] as? [String: Any])
    let (value, low, high) = (
      estimate["value"] as? Double ?? 0, estimate["low"] as? Double ?? 0, estimate["high"] as? Double ?? 0
    )
    #expect(estimate["metric"] as? String == "kl" && estimate["method"] as? String == "fitted")
    #expect(estimate["measured"] as? Int == 8 && low < value && value < high && low > 0)
    let all = try #require(object["estimates"] as? [[String: Any]])
    #expect(all.compactMap { $0["metric"] as? String } == ["kl", "agreement", "top-1", "loss"])
    let screen = try Program.run(
      "open", Program.digits, "--sensitivity", file, "--script", ":set *=int4,channel<Enter><Wait>", "--size", "160x40")
    #expect(screen.output.contains("KL ≈"), "\(screen.output.prefix(200))")
    let text = try Program.run("estimate", Program.digits, "--set", "*=int2,channel", "--sensitivity", file)
    #expect(text.output.contains("lower bound") && text.output.contains("90 % within"))
  }

  @Test func aLanguageModelCalibratesItselfWithoutData() throws {
    let result = try Program.run(
      "sensitivity", Program.llama, "--data", "self", "--context", "32", "--samples", "2", "--recipes", "1", "--json")
    #expect(result.status == 0)
    let object = try result.object()
    #expect((object["data"] as? [String: Any])?["name"] as? String == "self")
    #expect((object["layers"] as? [String: Any])?.count == 23)
  }

  @Test func aClassifierIsCalibratedOnDrawnInputsAndSaysSo() throws {
    let folder = try ScratchFolder()
    let file = folder.path + "/s.json"
    for (words, name) in [
      ("self", "self (unit normal)"), ("self:" + data, "self (statistics of digits-calibration.npz)"),
    ] {
      let result = try Program.run(
        "sensitivity", Program.digits, "--data", words, "--samples", "16", "--recipes", "1", "-o", file)
      #expect(result.status == 0 && result.output.contains("outputs of \(name)"), "\(result.errors)")
      let kept = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(filePath: file))) as? [String: Any]
      #expect((kept?["data"] as? [String: Any])?["name"] as? String == name)
      let estimate = try Program.run("estimate", Program.digits, "--set", "*=int4", "--sensitivity", file)
      #expect((estimate.output + estimate.errors).contains("drawn by statistics, not on real data: \(name)"))
    }
  }

  @Test func anImportanceMatrixIsWrittenAndTakenBack() throws {
    let folder = try ScratchFolder()
    let text = folder.path + "/text.txt"
    let whole = try String(contentsOfFile: Fixtures.sample("shakespeare-calibration.txt"), encoding: .utf8)
    try String(whole.prefix(2000)).write(toFile: text, atomically: true, encoding: .utf8)
    let file = folder.path + "/i.gguf"
    let result = try Program.run(
      "sensitivity", Program.llama, "--data", text, "--context", "64", "--imatrix", file)
    #expect(result.status == 0 && result.errors.contains("21 weights"), "\(result.errors)")
    let used = try Program.run("estimate", Program.llama, "--importance", file, "--set", "*mlp*=int4", "--json")
    let layers = try #require(try used.object()["layers"] as? [[String: Any]])
    #expect(layers.contains { $0["weightedError"] as? Double ?? 0 > 0 })
  }

  @Test func whatCannotBeMeasuredIsOneClearLine() throws {
    for (words, named) in [
      (["sensitivity", Program.llama, "--data", data], "digits-calibration.npz"),
      (["sensitivity", Program.digits, "--data", "/no/such.npz"], "/no/such.npz"),
      (["sensitivity", Fixtures.fixture("normalised/bytes.onnx"), "--data", "self"], "whole numbers"),
      (["sensitivity", Program.digits, "--data", "self:/no/such.npz"], "/no/such.npz"),
      (["evaluate", Program.digits, "--data", "self"], "is for calibration"),
      (["estimate", Program.digits, "--sensitivity", "/no/such.json"], "/no/such.json"),
      (["estimate", Program.digits, "--sensitivity", Program.digits], "digits-cnn.onnx"),
      (["estimate", Program.digits, "--device", "toaster"], "raspberry-pi-5"),
    ] {
      let result = try Program.run(words)
      #expect(result.status == 1 && result.output.isEmpty, "\(words)")
      #expect(result.errorLines.count == 1 && result.errors.contains(named), "\(words): \(result.errors)")
    }
    for words in [
      ["sensitivity", Program.digits], ["sensitivity", Program.digits, "--data", data, "--method", "guess"],
      ["sensitivity", Program.digits, "--data", data, "--recipes", "-1"],
      ["estimate", Program.digits, "--context-length", "-5"],
    ] {
      #expect(try Program.run(words).status == 2, "\(words)")
    }
  }

  @Test func devicesArePrintedAsTheyAreRead() throws {
    let folder = try ScratchFolder()
    let file = folder.path + "/devices.json"
    let printed = try Program.run("devices")
    try printed.output.write(toFile: file, atomically: true, encoding: .utf8)
    let own = try Program.run("estimate", Program.llama, "--device", file + "#apple-m2", "--json").object()
    let known = try Program.run("estimate", Program.llama, "--device", "apple-m2", "--json").object()
    let (a, b) = (own["device"] as? [String: Any], known["device"] as? [String: Any])
    #expect(a?["perSecond"] as? Double == b?["perSecond"] as? Double && a?["perSecond"] as? Double ?? 0 > 0)
    #expect(a?["unit"] as? String == "tokens" && a?["fits"] as? Bool == true)
  }
}
