import Checkpoints
import Inference
import Support
import Testing

/// Networks as onnxruntime's quantizer writes them. Its outputs and Lathe's may differ where a number lies near the
/// middle between two codes and goes to the other one, which later steps carry on.
struct QuantisedModelTests {
  /// The largest difference, as a share of the largest output: a few codes' worth.
  private static let largestDifference: Float = 0.02
  /// The root mean square of the differences, as a share of that of the outputs.
  private static let meanDifference: Float = 0.005

  private static let models = ["perceptron", "transformer", "convolutions"].flatMap { name in
    ["u8", "s8-channel", "dynamic", "dynamic-u8"].map { "\(name)-\($0)" }
  }
  private static let replaced = models.filter { !$0.hasSuffix("dynamic-u8") }

  @Test(arguments: models + ["recurrent-dynamic", "digits", "digits-dynamic"])
  func outputsAreOnnxruntimes(name: String) throws {
    let model = try Model(name)
    try model.check(try model.network.loadWeights(), "y")
  }

  /// Other numbers in the place of a weight's codes give what onnxruntime gives with Floats for that product.
  @Test(arguments: replaced) func numbersTakeThePlaceOfCodes(name: String) throws {
    let model = try Model(name)
    let checkpoint = model.network.checkpoint
    let original = try model.network.loadWeights()
    var (weights, same) = (original, original)
    var count = 0
    for (index, layer) in checkpoint.layers.enumerated() {
      guard let numbers = model.arrays.tensor(named: checkpoint.tensors[layer.weight].name) else { continue }
      let matrix = try #require(layer.matrix)
      let stored = try model.arrays.floats(numbers)
      let matrixNumbers = (0..<stored.count).map { place in
        let (row, column) = place.quotientAndRemainder(dividingBy: matrix.columns)
        let (outer, inner) = column.quotientAndRemainder(dividingBy: matrix.inner)
        return matrix.isRowMajor ? stored[place] : stored[(outer * matrix.rows + row) * matrix.inner + inner]
      }
      weights = try weights.replacing(layer: index, withMatrix: matrixNumbers)
      same = try same.replacing(layer: index, withMatrix: checkpoint.matrix(layer: index))
      count += 1
    }
    #expect(count >= 1 && count == model.arrays.tensors.count - 3)
    try model.check(weights, "replaced")
    // The numbers that the codes stand for: as if nothing had been replaced.
    try model.check(same, "y")
    #expect(try model.difference(original, "replaced").largest > 3 * Self.largestDifference)
  }

  private struct Model {
    let name: String
    let network: Network
    let arrays: Checkpoint

    init(_ name: String) throws {
      self.name = name
      network = try Network(try Checkpoint.open(fixture("quantised/\(name).onnx")))
      arrays = try Checkpoint.open(fixture("quantised/\(name).npz"))
    }

    func check(_ weights: Weights, _ expected: String) throws {
      let (largest, mean) = try difference(weights, expected)
      #expect(largest <= largestDifference && mean <= meanDifference, "\(name): \(largest), \(mean)")
    }

    func difference(_ weights: Weights, _ expected: String) throws -> (largest: Float, mean: Float) {
      let x = try #require(arrays.tensor(named: "x"))
      let wanted = try arrays.floats(try #require(arrays.tensor(named: expected)))
      let outputs = try network.run(
        [network.inputs[0].name: Value(x.shape, try arrays.floats(x))], weights: weights)
      let found = try #require(outputs[network.outputs[0].name]?.floats)
      try #require(found.count == wanted.count)
      let differences = zip(found, wanted).map { abs($0 - $1) }
      let squares = (differences.reduce(0) { $0 + $1 * $1 }, wanted.reduce(0) { $0 + $1 * $1 })
      return (differences.max()! / wanted.map { abs($0) }.max()!, (squares.0 / squares.1).squareRoot())
    }
  }
}
