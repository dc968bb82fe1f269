import Foundation
import Support
import Testing

@Suite struct RecoverCommandTests {
  private let calibration = Fixtures.sample("digits-calibration.npz")
  private let test = Fixtures.sample("digits-test.npz")

  private func metric(_ name: String, _ arguments: String...) throws -> Double {
    let result = try Program.run(["evaluate", Program.digits, "--data", test, "--json"] + arguments)
    #expect(result.status == 0, "\(result.errors)")
    let metrics = try result.object()["metrics"] as? [[String: Any]] ?? []
    return try #require(metrics.first { $0["name"] as? String == name }?["value"] as? Double)
  }

  @Test func errorFeedbackWinsBackWhatRoundingLost() throws {
    let folder = try ScratchFolder()
    let recipe = folder.path("r.json")
    let found = try Program.run(
      "recover", Program.digits, "--set", "*=int3,channel,by=gptq", "--data", calibration, "-o", recipe)
    #expect(found.status == 0, "\(found.errors)")
    #expect(found.output == "\(recipe)\n\(folder.path("r.weights.safetensors"))\n")
    let nearest = try metric("cross entropy", "--set", "*=int3,channel")
    let after = try metric("cross entropy", "--recipe", recipe)
    #expect(after < 0.4 * nearest, "\(after) of \(nearest)")
    // The estimate says the same before anything is run: less damage at the same size.
    let plain = try Program.run("estimate", Program.digits, "--set", "*=int3,channel", "--json").object()
    let better = try Program.run("estimate", Program.digits, "--recipe", recipe, "--json").object()
    #expect(plain["bytes"] as? Int == better["bytes"] as? Int)
    func damage(_ object: [String: Any]) -> Double { (object["estimate"] as? [String: Any])?["value"] as? Double ?? 0 }
    #expect(damage(better) > 0 && damage(better) < 0.3 * damage(plain))
    // Measured without a recipe that was recovered, on the way.
    let onTheWay = try metric("cross entropy", "--set", "*=int3,channel,by=gptq", "--calibration", calibration)
    #expect(abs(onTheWay - after) < 1e-9)
  }

  /// Nearest levels of equalised layers with corrected biases, through the recipe's file and the measurement.
  @Test func equalisedLayersAndCorrectedBiasesTravel() throws {
    let folder = try ScratchFolder()
    let recipe = folder.path("r.json")
    let found = try Program.run(
      "recover", Program.digits, "--set", "*=int3,channel", "--equalise", "--correct-biases", "--data", calibration,
      "-o", recipe)
    #expect(found.status == 0 && found.errors.contains("4 pairs of neighbouring layers are equalised"))
    #expect(found.errors.contains("5 biases are corrected"))
    let nearest = try metric("KL divergence", "--set", "*=int3,channel")
    let after = try metric("KL divergence", "--recipe", recipe)
    #expect(after < 0.3 * nearest, "\(after) of \(nearest)")
    let plain = try Program.run("estimate", Program.digits, "--set", "*=int3,channel", "--json").object()
    let own = try Program.run("estimate", Program.digits, "--recipe", recipe, "--json").object()
    #expect(plain["bytes"] as? Int == own["bytes"] as? Int)
    // One of them apart would be another network.
    let apart = try Program.run(
      "evaluate", Program.digits, "--recipe", recipe, "--set", "/conv2/Conv=int8", "--data", test)
    #expect(apart.status == 1 && apart.errors.contains("/conv2/Conv: was equalised together with"))
    // A bias alone takes neither levels nor another layer's word.
    let weight = try Program.run("estimate", Program.digits, "--set", "/conv1/Conv=keep,by=corrected")
    #expect(weight.errors.contains("is for biases"))
    let levels = try Program.run("estimate", Program.digits, "--set", "conv1.bias=int8,by=corrected")
    #expect(levels.errors.contains("keep,by=corrected"))
  }

  @Test func whatIsMissingIsSaid() throws {
    let folder = try ScratchFolder()
    let recipe = folder.path("r.json")
    let rule = "*=int4,channel,by=gptq"
    let measured = try Program.run("evaluate", Program.digits, "--set", rule, "--data", test)
    #expect(measured.status == 1 && measured.errors.contains("are not chosen yet: `lathe recover` chooses them"))
    let written = try Program.run(
      "export", Program.llama, "--set", "*=q4_0,by=gptq", "--to", "gguf", "-o", folder.path("m"))
    #expect(written.status == 1 && written.errors.contains("are not chosen yet"))
    let nothing = try Program.run("recover", Program.digits, "--set", "*=int4", "--data", calibration, "-o", recipe)
    #expect(nothing.status == 1 && nothing.errors.contains("by=gptq, as in int4,by=gptq"))
    #expect(try Program.run("recover", Program.digits, "--set", rule, "--data", calibration, "-o", recipe).status == 0)
    // Another file in its place, and none.
    let weights = folder.path("r.weights.safetensors")
    var bytes = try Data(contentsOf: URL(filePath: weights))
    bytes[bytes.count - 1] ^= 1
    try bytes.write(to: URL(filePath: weights))
    let other = try Program.run("estimate", Program.digits, "--recipe", recipe)
    #expect(other.status == 1 && other.errors.contains("is another file than"))
    try FileManager.default.removeItem(atPath: weights)
    let missing = try Program.run("estimate", Program.digits, "--recipe", recipe)
    #expect(missing.status == 1 && missing.errors.contains("are missing"))
    let wrong = try Program.run("estimate", Program.digits, "--set", "*=int4,by=magic")
    #expect(wrong.status == 2 && wrong.errors.contains("by=nearest, ranges, gptq"))
    let kept = try Program.run("estimate", Program.digits, "--set", "/conv1/Conv=f16,by=gptq")
    #expect(kept.status == 1 && kept.errors.contains("chooses among the levels of a grid"))
  }

  /// The blocks of a GGUF file are the ones that were chosen: what is measured is what is written.
  @Test func chosenBlocksAreWritten() throws {
    let folder = try ScratchFolder()
    let (recipe, file) = (folder.path("r.json"), folder.path("m.gguf"))
    let text = Fixtures.sample("shakespeare-calibration.txt")
    let found = try Program.run(
      "recover", Program.llama, "--set", "*=q4_0,by=gptq", "--data", text, "--context", "32", "--samples", "6", "-o",
      recipe)
    #expect(found.status == 0, "\(found.errors)")
    let written = try Program.run(
      "export", Program.llama, "--recipe", recipe, "--to", "gguf", "-o", file, "--verify")
    #expect(written.status == 0, "\(written.errors)")
    let short = folder.path("t.txt")
    try String(contentsOfFile: Fixtures.sample("shakespeare-test.txt"), encoding: .utf8).prefix(4000).write(
      toFile: short, atomically: true, encoding: .utf8)
    func perplexity(_ arguments: String...) throws -> Double {
      let result = try Program.run(["evaluate"] + arguments + ["--data", short, "--context", "64", "--json"])
      let metrics = try result.object()["metrics"] as? [[String: Any]] ?? []
      return try #require(metrics.first { $0["name"] as? String == "perplexity" }?["value"] as? Double)
    }
    let (chosen, stored) = (try perplexity(Program.llama, "--recipe", recipe), try perplexity(file))
    #expect(abs(chosen - stored) < 1e-3 * chosen, "\(chosen) \(stored)")
    #expect(abs(try perplexity(Program.llama, "--set", "*=q4_0") - stored) > 1e-3)
  }
}
