import Checkpoints
import Foundation
import Numerics
import Support
import Testing

/// The files of Fixtures/formats against what each format's own library reads in them (Tests/Peers/model_values.py).
struct LibraryTests {
  /// What expected.json says of a file.
  struct Expectation: Sendable {
    let file: String
    let format: String
    let tensors: [String: (dtype: String, shape: [Int], checksum: UInt32?)]
    let layers: [String: (packing: String, shape: [Int], checksum: UInt32)]
  }

  static let expectations: [Expectation] = {
    let bytes = Data(contents(fixture("formats/expected.json")))
    let all = (try? JSONSerialization.jsonObject(with: bytes)) as? [String: [String: Any]] ?? [:]
    return all.sorted { $0.key < $1.key }.map { file, entry in
      func entries(_ key: String) -> [String: (String, [Int], UInt32?)] {
        (entry[key] as? [String: [Any]] ?? [:]).mapValues {
          ($0[0] as! String, $0[1] as! [Int], ($0[2] as? NSNumber)?.uint32Value)
        }
      }
      return Expectation(
        file: file, format: entry["format"] as! String, tensors: entries("tensors"),
        layers: entries("layers").mapValues { ($0, $1, $2!) })
    }
  }()

  @Test func thereAreFixturesOfEveryFormat() {
    #expect(Self.expectations.count >= 17)
    #expect(Set(Self.expectations.map(\.format)).isSuperset(of: ["safetensors", "gguf", "onnx"]))
  }

  @Test(arguments: expectations.map(\.file))
  func namesShapesTypesAndEveryValueAreThoseOfTheFormatsOwnLibrary(file: String) throws {
    let expected = try #require(Self.expectations.first { $0.file == file })
    let model = try Checkpoint.open(fixture("formats/\(file)"))
    #expect(model.format.rawValue == expected.format)
    #expect(Set(model.tensors.map(\.name)) == Set(expected.tensors.keys))
    for (index, tensor) in model.tensors.enumerated() {
      guard let (dtype, shape, checksum) = expected.tensors[tensor.name] else { continue }
      #expect(tensor.type.name == dtype, "\(tensor.name)")
      #expect(tensor.shape == shape, "\(tensor.name)")
      if let checksum { #expect(try model.checksum(tensor: index) == checksum, "\(tensor.name)") }
    }
  }

  @Test(arguments: expectations.filter { !$0.layers.isEmpty }.map(\.file))
  func packedLayersStandForWhatTheirToolUnpacks(file: String) throws {
    let expected = try #require(Self.expectations.first { $0.file == file })
    let model = try Checkpoint.open(fixture("formats/\(file)"))
    for (name, (packing, shape, checksum)) in expected.layers {
      let index = try #require(model.layers.firstIndex { $0.name == name }, "\(name)")
      let layer = model.layers[index]
      #expect(layer.packing?.description == packing, "\(name)")
      #expect(layer.matrix.map { [$0.rows, $0.columns] } == shape, "\(name)")
      #expect(try model.checksum(layer: index) == checksum, "\(name)")
    }
    #expect(Set(model.layers.filter { $0.packing != nil }.map(\.name)) == Set(expected.layers.keys))
    // A part of the rows and of the columns is the same part of the whole.
    for index in model.layers.indices where model.layers[index].packing != nil {
      let matrix = try #require(model.layers[index].matrix)
      let whole = try model.matrix(layer: index)
      let rows = matrix.rows / 3..<matrix.rows - matrix.rows / 4
      let columns = matrix.columns / 5..<matrix.columns - 1
      var part = [Float](repeating: 0, count: rows.count * columns.count)
      try part.withUnsafeMutableBufferPointer {
        try model.readMatrix(layer: index, rows: rows, columns: columns, into: $0)
      }
      let cut = rows.flatMap { row in columns.map { whole[row * matrix.columns + $0] } }
      #expect(zip(part, cut).allSatisfy { $0.bitPattern == $1.bitPattern }, "\(model.layers[index].name)")
    }
  }
}
