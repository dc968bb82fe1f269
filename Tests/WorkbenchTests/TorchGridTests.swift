import Checkpoints
import Compression
import Support
import Testing

@testable import Workbench

/// What targets on torch and Core ML make of weights, as their own functions made it (Tests/Peers/make_torch_grids.py).
@Suite struct TorchGridTests {
  struct Row: Decodable, Sendable {
    let tool: String
    let name: String
    let floats: String
    let spec: String
    let t2: Double
    let bytes: Int?
  }

  static let rows = try! Fixtures.decode([Row].self, from: "torch-grids.json")

  /// A file of the layers that the rows are about, in a type of floats.
  static func checkpoint(_ floats: String, in folder: ScratchFolder) throws -> Checkpoint {
    let sample = try Checkpoint.open(sample("shakespeare-llama"))
    if floats == "f16" { return sample }
    let names = Set(rows.map { $0.name + ".weight" })
    var (entries, bytes): ([String], [UInt8]) = ([], [])
    for (index, tensor) in sample.tensors.enumerated() where names.contains(tensor.name) {
      let begin = bytes.count
      for value in try sample.floats(tensor: index) {
        let bits = value.bitPattern
        if floats == "f32" {
          withUnsafeBytes(of: bits.littleEndian) { bytes += $0 }
        } else {
          // The nearest bfloat16, ties to even.
          let half = UInt16(truncatingIfNeeded: (bits + 0x7FFF + (bits >> 16 & 1)) >> 16)
          withUnsafeBytes(of: half.littleEndian) { bytes += $0 }
        }
      }
      entries.append(
        #""\#(tensor.name)": {"dtype": "\#(floats.uppercased())", "shape": \#(tensor.shape), "data_offsets": [\#(begin), \#(bytes.count)]}"#
      )
    }
    let header = "{\(entries.joined(separator: ", "))}"
    var file = ByteWriter()
    file.integer(UInt64(header.utf8.count))
    file.text(header)
    return try Checkpoint.open(try folder.write(file.bytes + bytes, to: "model.safetensors"))
  }

  /// How far an error may be from the tool's, as a share of that.
  static func tolerance(_ row: Row, isCopied: Bool) -> Double {
    // With the tool's own arithmetic every code is the tool's.
    if isCopied { return 1e-9 }
    // The sample has groups whose scale lies just between two of E4M3: which it becomes hangs on the order of a product.
    if row.spec == "nvidia-nvfp4" { return 2e-3 }
    // compressed-tensors keeps the scales of small floats in bfloat16, Lathe in single precision.
    if row.tool == "llm-compressor", row.spec.hasPrefix("fp8"), row.floats == "bf16" { return 2e-2 }
    return 1e-3
  }

  /// Integers and microscaled floats are met to a thousandth, in every type of floats. GPTQModel and auto-round compute in
  /// single precision whatever it is; the others in the floats' own, which at eight bits costs them up to a third more error
  /// (bfloat16).
  @Test(arguments: Set(rows.map(\.tool)).sorted(), ["f32", "f16", "bf16"])
  func errorsAndSizesAreTheTools(tool: String, floats: String) throws {
    let folder = try ScratchFolder()
    var session = Session(try Self.checkpoint(floats, in: folder))
    try session.aim(at: .named(tool))
    for row in Self.rows where row.tool == tool && row.floats == floats {
      let scheme = try Scheme(spec: row.spec)
      let item = try #require(session.items.first { $0.name == row.name })
      #expect(session.targetObstacle(to: scheme, of: item) == nil)
      let weights = CheckpointWeights(checkpoint: session.checkpoint, item: item)
      let error = try #require(try Assessment.of(weights, scheme: session.made(scheme, of: item)).relativeError)
      var isCopied = false
      if case .uniform(let uniform) = session.made(scheme, of: item).format { isCopied = uniform.rounds != nil }
      #expect(
        abs(error - row.t2) <= Self.tolerance(row, isCopied: isCopied) * row.t2,
        "\(tool) \(floats) \(row.name) \(row.spec): \(error), the tool \(row.t2)")
      if let bytes = row.bytes {
        let found = session.bytes(of: item, in: scheme)
        #expect(found.bytes == bytes && found.exact, "\(tool) \(row.name) \(row.spec): \(found), the tool \(bytes)")
      }
    }
  }
}
