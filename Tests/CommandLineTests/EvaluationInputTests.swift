import Checkpoints
import Foundation
import Support
import Testing

/// Networks whose inputs are no plain batches (Tests/Peers/make_evaluation_models.py).
@Suite struct EvaluationInputTests {
  private let folder = TemporaryFolder()
  private func place(_ name: String) -> String { "\(folder.path)/\(name)" }

  /// A state and a scalar, samples along the second axis, whole inputs, codes of one sample each: onnxruntime's outputs.
  @Test(arguments: ["state", "state-unnamed", "time-first", "whole", "dynamic", "detector"])
  func outputsAreOnnxruntimes(name: String) throws {
    let model = Fixtures.fixture("evaluation/\(name)")
    let written = place("outputs.npz")
    let result = try Program.run("evaluate", model + ".onnx", "--data", model + ".npz", "--outputs", written)
    #expect(result.status == 0, "\(result.errors)")
    let (found, expected) = (try Checkpoint.open(written), try Checkpoint.open(model + "-expected.npz"))
    #expect(found.tensors.count == expected.tensors.count)
    for tensor in expected.tensors {
      let own = try #require(found.tensors.first { $0.name == tensor.name })
      #expect(own.shape == tensor.shape, "\(tensor.name)")
      let pairs = zip(try found.floats(own), try expected.floats(tensor))
      #expect(pairs.allSatisfy { abs($0 - $1) <= 1e-5 * max(1, abs($1)) }, "\(tensor.name)")
    }
  }

  @Test func aBatchOfCodesIsRunWhereItIsAskedFor() throws {
    let model = Fixtures.fixture("evaluation/dynamic")
    let (one, all) = (place("one.npz"), place("all.npz"))
    _ = try Program.run("evaluate", model + ".onnx", "--data", model + ".npz", "--outputs", one)
    _ = try Program.run("evaluate", model + ".onnx", "--data", model + ".npz", "--outputs", all, "--batch", "6")
    #expect(try Data(contentsOf: URL(fileURLWithPath: one)) != Data(contentsOf: URL(fileURLWithPath: all)))
  }

  /// Labels say nothing about boxes: they are left out, and the output of classes can be named.
  @Test func labelsNeedScoresOfClasses() throws {
    let model = Fixtures.fixture("evaluation/detector")
    let boxes = try Program.run(
      "evaluate", model + ".onnx", "--data", model + ".npz", "--set", "w=int2,channel", "--json")
    #expect(boxes.status == 0 && boxes.errors.contains("labels are left out"), "\(boxes.errors)")
    let names = try (#require(boxes.object()["metrics"] as? [[String: Any]])).compactMap { $0["name"] as? String }
    #expect(names == ["cosine", "output error"])
    let classes = try Program.run(
      "evaluate", model + ".onnx", "--data", model + ".npz", "--output", "classes", "--json")
    let first = try #require((try classes.object()["metrics"] as? [[String: Any]])?.first)
    #expect(first["name"] as? String == "top-1")
    let none = try Program.run("evaluate", model + ".onnx", "--data", model + ".npz", "--output", "scores")
    #expect(none.status == 1 && none.errors.contains("'boxes', 'classes'"), "\(none.errors)")
  }

  @Test func nothingToMeasureIsSaid() throws {
    let model = Fixtures.fixture("evaluation/whole")
    let result = try Program.run("evaluate", model + ".onnx", "--data", model + ".npz", "--json")
    #expect(result.status == 1 && result.errors.contains("nothing to measure"), "\(result.errors)")
    let both = try Program.run(
      "evaluate", model + ".onnx", "--data", "x", "--evaluator", "{model}", "--metric-pattern", "x")
    #expect(both.status == 2 && both.errors.contains("exclude each other"), "\(both.errors)")
  }

  /// What was asked for and does nothing is said.
  @Test func optionsWithoutEffectAreSaid() throws {
    let text = place("text.txt")
    try Data("Now is the winter of our discontent. ".utf8).write(to: URL(fileURLWithPath: text))
    let language = try Program.run(
      "evaluate", Program.llama, "--data", text, "--context", "4", "--images", "size=8", "--batch", "2", "--json")
    #expect(language.status == 0, "\(language.errors)")
    for option in ["--images", "--batch"] { #expect(language.errors.contains("\(option) has no effect")) }
    let model = Fixtures.fixture("evaluation/detector")
    let arrays = try Program.run(
      "evaluate", model + ".onnx", "--data", model + ".npz", "--set", "w=int2,channel", "--context", "4", "--images",
      "size=8", "--json")
    for option in ["--images", "--context"] {
      #expect(arrays.errors.contains("\(option) has no effect"), "\(arrays.errors)")
    }
    let own = try Program.run(
      "evaluate", model + ".onnx", "--evaluator", "cat {model}", "--metric-pattern", "(x)", "--images", "size=8")
    #expect(own.status == 2 && own.errors.contains("--images goes with --data"), "\(own.errors)")
    let calibration = try Program.run("evaluate", model + ".onnx", "--data", model + ".npz", "--calibration", text)
    #expect(calibration.status == 2 && calibration.errors.contains("--activations"), "\(calibration.errors)")
  }

  /// The figure is the file's size: the candidate's beside the original's.
  @Test func anEvaluatorMeasuresTheOriginalToo() throws {
    let result = try Program.run(
      "evaluate", Program.digits, "--set", "*=int2", "--evaluator", "gzip -c {model} | wc -c", "--metric-pattern",
      "([0-9]+)", "--json")
    let metric = try #require((try result.object()["metrics"] as? [[String: Any]])?.first)
    let (value, baseline) = (metric["value"] as? Double ?? 0, metric["baseline"] as? Double ?? 0)
    #expect(value > 0 && baseline > 2 * value, "\(metric)")
  }

  /// With 250 MB of address space an export, which multiplies nothing, finishes and ends.
  @Test func whatMultipliesNothingLoadsNoBLAS() throws {
    let to = place("a.gguf")
    let result = try Program.shell(
      "ulimit -v 250000; \"$0\" export \(Program.llama) --set '*=q8_0' --to gguf -o \(to) >/dev/null")
    #expect(result.status == 0, "\(result.status ?? -1) \(result.errors)")
    #expect(FileManager.default.fileExists(atPath: to))
  }
}
