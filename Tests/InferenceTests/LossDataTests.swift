import Checkpoints
import Foundation
import Support
import Testing

@testable import Inference

/// The samples that losses are taken of.
@Suite struct LossDataTests {
  private let folder = TemporaryFolder()

  /// Samples in any order are those of ranges, one after another; also where they lie along another axis.
  @Test(arguments: ["digits", "time-first", "whole"]) func samplesInAnyOrderAreTheSame(_ name: String) throws {
    let isDigits = name == "digits"
    let network = try Network(
      try Checkpoint.open(isDigits ? sample("digits-cnn.onnx") : fixture("evaluation/\(name).onnx")))
    let data = try Dataset(
      isDigits ? sample("digits-calibration.npz") : fixture("evaluation/\(name).npz"), for: network)
    for index in 0..<min(3, data.count) { #expect(try data.batch([index]) == data.batch(index..<index + 1)) }
    guard data.fixedBatch == nil else { return }
    #expect(try data.batch([1, 2]) == data.batch(1..<3))
    let turned = try data.batch([2, 0, 2])
    for (key, value) in turned {
      let axis = isDigits ? 0 : 1
      guard value.shape.count > axis, value.shape[axis] == 3 else { continue }
      #expect(try value == #require(try data.batch(0..<3)[key]).taking([2, 0, 2], axis: axis))
    }
  }

  @Test func labelsBeyondTheClassesAreSaid() throws {
    let network = try Network(try Checkpoint.open(sample("digits-cnn.onnx")))
    let header =
      #"{"input":{"dtype":"F32","shape":[2,1,8,8],"data_offsets":[0,512]},"labels":{"dtype":"I64","shape":[2],"data_offsets":[512,528]}}"#
    var bytes = ByteWriter([])
    bytes.integer(UInt64(header.utf8.count))
    bytes.text(header)
    for number in 0..<128 { bytes.integer(Float(number % 7).bitPattern) }
    for label in [3, 12] as [Int64] { bytes.integer(label) }
    let request = MeasurementRequest(data: folder.write("labels.safetensors", bytes.bytes))
    let weights = try network.loadWeights()
    func loss(_ samples: [Int], usesLabels: Bool = true) throws {
      _ = try network.lossGradients(
        try network.data(request), samples: samples, original: weights, changed: weights,
        DistillationLoss(alpha: 0.5, usesLabels: usesLabels), ofLayers: [], request, isCancelled: { false })
    }
    let error = #expect(throws: InferenceError.self) { try loss([0, 1]) }
    #expect(error?.description.contains("sample 1 has the label 12, but the network has 10 classes") == true)
    try loss([0])
    try loss([0, 1], usesLabels: false)
  }
}

/// Token ids in NumPy's format.
enum TokenFile {
  static func bytes(_ shape: [Int], _ tokens: [Int]) throws -> [UInt8] {
    try #require(tokens.count == shape.reduce(1, *))
    let header = "{'descr': '<i8', 'fortran_order': False, 'shape': (\(shape.map { "\($0)," }.joined())), }\n"
    var bytes = ByteWriter([0x93] + Array("NUMPY".utf8) + [1, 0])
    bytes.integer(UInt16(header.utf8.count))
    bytes.text(header)
    for token in tokens { bytes.integer(Int64(token)) }
    return bytes.bytes
  }
}
