import Foundation
import Support
import Testing

@Suite struct EvaluateCommandTests {
  private let data = Fixtures.sample("digits-test.npz")

  private func metric(_ object: [String: Any], _ name: String) throws -> [String: Any] {
    let metrics = try #require(object["metrics"] as? [[String: Any]])
    return try #require(metrics.first { $0["name"] as? String == name })
  }

  /// 357 of 360, as the samples' README says; the standard error of a share is √(p(1 − p)/n).
  @Test func theSamplesAccuracyIsThatOfItsREADME() throws {
    let result = try Program.run("evaluate", Program.digits, "--data", data, "--json")
    #expect(result.status == 0)
    let object = try result.object()
    #expect(object["samples"] as? Int == 360)
    #expect((object["perSecond"] as? Double ?? 0) > 0 && (object["peakBytes"] as? Int ?? 0) > 0)
    let top = try metric(object, "top-1")
    let share = 357.0 / 360
    #expect(abs((top["value"] as? Double ?? 0) - share) < 1e-12)
    #expect(abs((top["baseline"] as? Double ?? 0) - share) < 1e-12)
    #expect(abs((top["standardError"] as? Double ?? 0) - (share * (1 - share) / 360).squareRoot()) < 2e-5)
  }

  @Test func aCoarseChoiceIsMeasuredAgainstTheUncompressedNetwork() throws {
    let object = try Program.run(
      "evaluate", Program.digits, "--data", data, "--set", "*=int2,tensor", "--json"
    ).object()
    let top = try metric(object, "top-1")
    #expect(abs((top["baseline"] as? Double ?? 0) - 357.0 / 360) < 1e-12)
    #expect((top["value"] as? Double ?? 1) < 0.9)
  }

  @Test func whatCannotBeMeasuredIsOneClearLine() throws {
    for (model, data, named) in [
      (Program.llama, data, "digits-test.npz"), (Program.digitsAsSafetensors, data, "config.json"),
      (Program.digits, Program.digits, "input"),
      (Program.digits, "/no/such.npz", "/no/such.npz"),
      (Program.digits, Fixtures.sample("shakespeare-test.txt"), "text"),
    ] {
      let result = try Program.run("evaluate", model, "--data", data, "--json")
      #expect(result.status == 1 && result.output.isEmpty)
      #expect(result.errorLines.count == 1 && result.errors.contains(named), "\(result.errors)")
    }
    #expect(try Program.run("evaluate", Program.digits).status == 2)
  }
}
