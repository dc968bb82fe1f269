import Foundation
import Support
import Testing

/// What is kept between runs of the program.
@Suite struct CacheCommandTests {
  private let scratch: ScratchFolder
  private let model: String

  init() throws {
    scratch = try ScratchFolder()
    model = try scratch.write(
      try #require(FileManager.default.contents(atPath: Program.digits)), to: "digits-cnn.onnx")
    FileTimes.set(model, to: 0)
  }

  private func run(_ arguments: String...) throws -> Program.Result {
    try Program.run(arguments, environment: ["XDG_CACHE_HOME": scratch.path("cache")])
  }

  private func state() throws -> (bytes: Int, models: Int, limit: Int) {
    let object = try run("cache", "--json").object()
    #expect(object["folder"] as? String == scratch.path("cache/lathe"))
    return (
      try #require(object["bytes"] as? Int), try #require(object["models"] as? Int),
      try #require(object["limit"] as? Int)
    )
  }

  @Test func aSecondRunSaysTheSameAndNothingIsWrittenBesideTheModel() throws {
    for arguments in [
      ["inspect", model, "--json"], ["estimate", model, "--set", "*=int4,channel", "--json"],
      ["inspect", model, "--histogram", "-"],
    ] {
      let plain = try Program.run(arguments)
      #expect(plain.status == 0)
      for _ in 0..<2 {
        let result = try Program.run(arguments, environment: ["XDG_CACHE_HOME": scratch.path("cache")])
        #expect(result.output == plain.output && result.errors == plain.errors && result.status == 0)
      }
    }
    #expect(scratch.names == ["cache", "digits-cnn.onnx"])
    let state = try state()
    #expect(state.models == 1 && state.bytes > 0 && state.limit == 1 << 30)
  }

  @Test func withoutTheCacheNothingIsReadOrWritten() throws {
    #expect(try run("inspect", model, "--no-cache").status == 0)
    #expect(try run("estimate", model, "--set", "*=int4,channel", "--no-cache").status == 0)
    #expect(!scratch.names.contains("cache"))
  }

  @Test func aMeasurementIsNotRunAgainUnlessToldTo() throws {
    let command = [
      "evaluate", model, "--set", "*=int3,channel", "--data", Fixtures.sample("digits-test.npz"), "--json",
    ]
    func metrics(_ extra: String...) throws -> (NSArray, note: Bool) {
      let result = try Program.run(command + extra, environment: ["XDG_CACHE_HOME": scratch.path("cache")])
      #expect(result.status == 0)
      return (try #require(try result.object()["metrics"] as? NSArray), result.errors.contains("measured before"))
    }
    let first = try metrics()
    let again = try metrics()
    let anew = try metrics("--no-cache")
    #expect(!first.note && again.note && !anew.note)
    #expect(first.0 == again.0 && first.0 == anew.0)
  }

  @Test func clearingTakesAllAwayAndTheLimitIsRemembered() throws {
    #expect(try run("inspect", model).status == 0)
    #expect(try run("cache", "--limit", "2MB").output.contains("1.91 MiB"))
    #expect(try state().limit == 2_000_000)
    #expect(try state().models == 1)
    #expect(try run("cache", "--clear").status == 0)
    let state = try state()
    #expect(state.models == 0 && state.bytes == 0 && state.limit == 2_000_000)
  }

  @Test func aLimitThatTheAnswersDoNotFitInEmptiesIt() throws {
    #expect(try run("inspect", model).status == 0)
    #expect(try run("cache", "--limit", "10").status == 0)
    #expect(try state().models == 0)
    #expect(try run("inspect", model).status == 0)
    #expect(try state().bytes <= 10)
  }

  @Test func withoutAFolderForItThatIsSaid() throws {
    let result = try Program.run("cache")
    #expect(result.status == 1)
    #expect(result.errors.contains("XDG_CACHE_HOME"))
    #expect(try run("cache", "--limit", "lots").status == 2)
  }
}
