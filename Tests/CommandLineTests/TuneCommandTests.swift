import Foundation
import Support
import Testing

@Suite struct TuneCommandTests {
  private let data = Fixtures.sample("digits-calibration.npz")

  private func layers(_ object: [String: Any]) -> [String: String] {
    let all = object["layers"] as? [[String: Any]] ?? []
    return Dictionary(uniqueKeysWithValues: all.map { ($0["name"] as? String ?? "", $0["scheme"] as? String ?? "") })
  }

  @Test func theAnswerKeepsItsSizeAndIsNeverWorseThanOneSchemeEverywhere() throws {
    let folder = try ScratchFolder()
    let file = folder.path + "/r.json"
    let result = try Program.run(
      "tune", Program.digits, "--budget", "4bpw", "--data", data, "--samples", "32", "-o", file, "--json")
    #expect(result.status == 0)
    let object = try result.object()
    let bits = try #require(object["bitsPerWeight"] as? Double)
    #expect(bits <= 4 && bits > 3.96)
    let candidates = try #require(object["candidates"] as? [[String: Any]])
    func measured(_ candidate: [String: Any]) -> Double? {
      (candidate["metrics"] as? [[String: Any]])?.first { $0["name"] as? String == "KL divergence" }?["value"]
        as? Double
    }
    let figures = candidates.compactMap(measured)
    #expect(figures.count == candidates.count && candidates.count >= 2)
    #expect(figures.first == figures.min())
    #expect(candidates.contains { ($0["name"] as? String ?? "").hasSuffix("everywhere") })
    // The recipe is what was told, and every command takes it.
    let estimate = try Program.run("estimate", Program.digits, "--recipe", file, "--json").object()
    #expect(estimate["bytes"] as? Int == object["bytes"] as? Int)
    let kept = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(filePath: file))) as? [String: Any]
    let chosen = try #require(kept?["layers"] as? [String: [String: Any]])
    #expect(chosen.values.allSatisfy { $0["by"] as? String == "search" } && chosen.count == 5)
  }

  @Test func theBudgetHoldsForTheFileThatIsWritten() throws {
    let folder = try ScratchFolder()
    let (recipe, file) = (folder.path + "/r.json", folder.path + "/m.gguf")
    let budget = 1_234_567
    let tuned = try Program.run(
      "tune", Program.llama, "--budget", "\(budget)B", "--to", "gguf", "-o", recipe, "--json")
    #expect(tuned.status == 0)
    let written = try Program.run("export", Program.llama, "--recipe", recipe, "--to", "gguf", "-o", file)
    #expect(written.status == 0)
    let size = try #require(
      try FileManager.default.attributesOfItem(atPath: file)[.size] as? Int)
    #expect(size <= budget && Double(size) >= 0.99 * Double(budget))
    #expect(try tuned.object()["bytes"] as? Int == size)
  }

  @Test func onlyWhatWasAskedForAppearsAndWhatWasChosenStays() throws {
    let object = try Program.run(
      "tune", Program.digits, "--budget", "6bpw", "--schemes", "int4,channel,int8,channel", "--set",
      "/fc2/Gemm=int3,channel",
      "--json"
    ).object()
    let schemes = layers(object)
    #expect(schemes["/fc2/Gemm"] == "int3,channel")
    #expect(Set(schemes.values).isSubset(of: ["int3,channel", "int4,channel", "int8,channel"]))
    #expect(Set(schemes.values).count == 3)
  }

  @Test func layersThatARuntimeFusesMoveTogether() throws {
    let object = try Program.run(
      "tune", Program.llama, "--budget", "5bpw", "--to", "compressed-tensors-config", "--json"
    ).object()
    let schemes = layers(object)
    for block in 0..<3 {
      let own = ["q_proj", "k_proj", "v_proj"].compactMap { schemes["model.layers.\(block).self_attn.\($0)"] }
      #expect(own.count == 3 && Set(own).count == 1)
    }
  }

  @Test(arguments: [
    (["--budget", "0.5bpw"], "the least is"), (["--budget", "100B"], "the least is"),
    (["--budget", "1000x"], "the most is"),
    (["--budget", "acc-1"], "--data"), (["--budget", "4bpw", "--set", "*=int4,channel"], "chosen before"),
    (["--budget", "1kb@ctx=16"], "in memory"), (["--budget", "1e12img/s@cortex-m7"], "the most is"),
  ])
  func whatCannotBeKeptIsSaid(arguments: [String], words: String) throws {
    let result = try Program.run(["tune", Program.digits] + arguments)
    #expect(result.status == 1 && result.errors.contains(words), "\(result.errors)")
    #expect(result.output.isEmpty)
  }

  @Test(arguments: [
    [], ["--budget", "fast"], ["--budget", "4bpw", "--schemes", "int99"], ["--budget", "4bpw", "--measure", "-1"],
    ["--budget", "4bpw", "--batch", "3"],
  ])
  func wrongWordsEndWithTwo(arguments: [String]) throws {
    #expect(try Program.run(["tune", Program.digits] + arguments).status == 2)
  }
}
