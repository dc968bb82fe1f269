import Checkpoints
import Numerics
import Support
import Testing

struct NumPyTests {
  let folder = TemporaryFolder()

  private func npy(_ header: String, data: Int = 0, version: UInt8 = 1) -> [UInt8] {
    var writer = ByteWriter([0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59, version, 0])
    writer.integer(UInt16(header.utf8.count))
    writer.text(header)
    writer.bytes += [UInt8](repeating: 0, count: data)
    return writer.bytes
  }

  private func refuse(
    _ header: String, data: Int = 0, _ words: String, line: SourceLocation = #_sourceLocation
  ) {
    expectRefusal(folder.write("a.npy", npy(header, data: data)), words, sourceLocation: line)
  }

  @Test(arguments: ["stored", "deflated"]) func archivesOfNumPyReadInTheOrderOfTheirShapes(kind: String)
    throws
  {
    let data = try Checkpoint.open(fixture("models/\(kind).npz"))
    #expect(data.format == .npz)
    #expect(data.tensors.map(\.name).first == "plain")
    #expect(try data.values("plain") == counted(15))
    #expect(try data.values("fortran") == counted(15))
    #expect(try data.values("fortran3") == counted(24))
    #expect(try data.values("big") == counted(12))
    #expect(try data.values("double") == counted(7))
    #expect(try data.values("half") == counted(9))
    #expect(try data.values("scalar") == [2.5])
    #expect(try data.values("none") == [])
    #expect(try data.values("flags") == [1, 0])
    #expect(data.tensor(named: "fortran3")?.shape == [2, 3, 4])
    #expect(try data.integers(try #require(data.tensor(named: "labels"))) == [0, 1, 2, 3, 4, 5])
    #expect(try data.integers(try #require(data.tensor(named: "bigints"))) == [0, 1, 2, 3, 4, 5])
    #expect(throws: CheckpointError.self) { try data.integers(try #require(data.tensor(named: "plain"))) }
  }

  @Test(arguments: ["stored", "deflated"]) func partsOfArraysRead(kind: String) throws {
    let data = try Checkpoint.open(fixture("models/\(kind).npz"))
    for name in ["plain", "fortran", "fortran3", "big"] {
      let tensor = try #require(data.tensor(named: name))
      for first in 0..<tensor.count {
        for last in first...tensor.count {
          var values = [Float](repeating: -1, count: last - first)
          try values.withUnsafeMutableBufferPointer { into in
            try data.read(tensor, elements: first..<last, into: into)
          }
          #expect(values.enumerated().allSatisfy { $1 == Float(first + $0) }, "\(name) \(first)..<\(last)")
        }
      }
    }
  }

  @Test func aSingleArrayOpensUnderItsFilesName() throws {
    let model = try Checkpoint.open(fixture("models/fortran.npy"))
    #expect(model.format == .npy && model.tensors[0].name == "fortran" && model.tensors[0].shape == [4, 6])
    #expect(try model.floats(tensor: 0) == counted(24))
    #expect(try model.matrix(layer: 0) == counted(24))
  }

  @Test func objectArraysAreRefusedByName() {
    expectRefusal(fixture("models/objects.npy"), "Python objects")
  }
  @Test func otherKindsAreRefusedByName() {
    refuse("{'descr': '<U5', 'fortran_order': False, 'shape': (1,), }", data: 20, "text")
    refuse("{'descr': '<M8[ns]', 'fortran_order': False, 'shape': (1,), }", data: 8, "times")
    refuse("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", data: 4, "structured")
  }
  @Test func brokenHeadersAreRefused() {
    refuse("   ", "'{' is missing")
    refuse("{'descr': '<f4', 'fortran_order': False}", "'descr', 'fortran_order' or 'shape'")
    refuse("{'descr': '<f4', 'fortran_order': False, 'shape': (1,", "missing")
    refuse("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}", data: 4, "an extent")
    refuse("{'descr': '<f4', 'fortran_order': maybe, 'shape': (1,)}", data: 4, "True or False")
    refuse("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}", "63 bits")
    refuse("{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296)}", "overflows")
    refuse("{'descr': '<f4', 'fortran_order': False, 'shape': (3,)}", data: 11, "cut short")
    refuse("{'descr': [[[[[", "is missing")
  }
  @Test func hugeHeadersAreRefused() {
    var bytes = npy("{}", version: 2)
    bytes.replaceSubrange(8..<12, with: [0xFF, 0xFF, 0xFF, 0xFF])
    expectRefusal(folder.write("a.npy", bytes + [0, 0, 0, 0]), "claims a header")
  }

  @Test(arguments: ["stored", "deflated"]) func everyTruncationOfAnArchiveIsRefused(kind: String) {
    let whole = contents(fixture("models/\(kind).npz"))
    for length in 0..<whole.count {
      #expect(throws: CheckpointError.self, "\(length)") {
        try Checkpoint.open(folder.write("cut.npz", Array(whole[..<length])))
      }
    }
  }

  /// No damage may trap; reading is tried too where the archive still opens.
  @Test(arguments: ["stored", "deflated"]) func damagedArchivesNeverTrap(kind: String) {
    let whole = contents(fixture("models/\(kind).npz"))
    var random = SeededGenerator(3)
    for _ in 0..<400 {
      var damaged = whole
      for _ in 0..<3 {
        damaged[Int.random(in: 0..<whole.count, using: &random)] = .random(in: 0...255, using: &random)
      }
      guard let model = try? Checkpoint.open(folder.write("a.npz", damaged)) else { continue }
      for tensor in model.tensors where tensor.type.isDecodable && tensor.count < 1 << 20 {
        _ = try? model.floats(tensor)
      }
    }
  }
}
