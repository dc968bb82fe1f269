import Foundation
import Testing

struct NodeTests {
  /// Some hundred of the ONNX project's node tests, small ones of every operator.
  @Test func packedNodeTestsPass() throws {
    let tests = try NodeTest.unpacked("onnx-node-tests.bin")
    #expect(tests.count >= 200)
    for test in tests {
      if case .passed = test.run() { continue }
      Issue.record("\(test.name): \(test.run())")
    }
  }

  /// Arrays with an axis of 0, and bounds far outside, as onnxruntime computes them (Tests/Peers/make_empty_operators.py).
  @Test func emptyArraysGiveWhatOnnxruntimeGives() throws {
    let tests = try NodeTest.unpacked("empty-operators.bin")
    #expect(tests.count >= 130)
    for test in tests {
      if case .passed = test.run() { continue }
      Issue.record("\(test.name): \(test.run())")
    }
  }

  /// Where all of them are: Debian's libonnx-testdata, or the folder that ONNX_TESTDATA names.
  static let folder: URL? = {
    let path = ProcessInfo.processInfo.environment["ONNX_TESTDATA"] ?? "/usr/share/libonnx-testdata/data/node"
    return FileManager.default.fileExists(atPath: path) ? URL(fileURLWithPath: path) : nil
  }()

  /// All of the ONNX project's node tests pass, but for those that are allowed not to. Prints how many of how many pass, by
  /// operator, and why each of the others does not.
  @Test(.enabled(if: folder != nil)) func nodeTestsOfTheProjectPass() throws {
    let folder = try #require(Self.folder)
    var passed: [String: Int] = [:]
    var all: [String: Int] = [:]
    var reasons: [String] = []
    var floats = (passed: 0, all: 0)
    var total = (passed: 0, all: 0)
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    for name in names {
      guard let test = NodeTest(folder: folder.appending(path: name)) else { continue }
      let operatorName = test.operatorName
      all[operatorName, default: 0] += 1
      total.all += 1
      let isFloatingPoint = test.isFloatingPoint
      if isFloatingPoint { floats.all += 1 }
      switch test.run() {
      case .passed:
        passed[operatorName, default: 0] += 1
        total.passed += 1
        if isFloatingPoint { floats.passed += 1 }
      case .failed(let reason): reasons.append("\(name): FAILED: \(reason)")
      case .left(let reason): reasons.append("\(name): left out: \(reason)")
      }
      let hasPassed = reasons.last?.hasPrefix("\(name): ") != true
      #expect(hasPassed || Self.allowed.contains(name), "\(reasons.last ?? "")")
    }
    for name in all.keys.sorted() { print("node tests: \(name) \(passed[name] ?? 0) of \(all[name]!)") }
    for reason in reasons { print("node tests: \(reason)") }
    print("node tests: \(total.passed) of \(total.all) pass, \(floats.passed) of the \(floats.all) of floating point")
    #expect(floats.all > 0)
  }
}
