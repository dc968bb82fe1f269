import Checkpoints
import Compression
import FileAccess
import Foundation
import Numerics
import Support
import Testing

@testable import Workbench

/// What holds for checkpoints of whatever format.
@Suite struct CheckpointWriterTests {
  private let folder: ScratchFolder

  init() throws { folder = try ScratchFolder() }

  /// So many bytes a piece, each the piece's number.
  private struct Counted: CheckpointPart {
    let source: PartSource
    let start: Int
    let pieceCount: Int
    var failing: Int?
    var zeros = 0
    let size = 1000
    var weight: Int { pieceCount * size }

    func make(
      _ piece: Int, with buffers: PieceBuffers, control: PassControl, put: (UnsafeRawBufferPointer, Int) throws -> Void
    ) throws -> Int {
      if piece == failing { throw EncodingFailure.tooLarge(1e6, .f16) }
      let bytes = buffers.bytes(size)
      for index in 0..<size { bytes[index] = UInt8(truncatingIfNeeded: piece) }
      try put(UnsafeRawBufferPointer(bytes), piece * size)
      guard control.proceed(size) else { throw Cancelled() }
      return zeros
    }
  }

  private func plan(_ parts: [[Counted]], _ names: [String?]) -> CheckpointPlan {
    CheckpointPlan(
      files: zip(parts, names).map { parts, name in
        .init(name: name, size: parts.map { $0.start + $0.weight }.max() ?? 0, parts: parts)
      }, tensors: [])
  }

  private func layer(_ name: String, at start: Int = 0, _ pieces: Int) -> Counted {
    Counted(source: .layer(name), start: start, pieceCount: pieces)
  }

  /// What is no checkpoint is refused in words, whoever asks.
  @Test(arguments: Target.all.filter { !$0.isCheckpoint }.map(\.name)) func whatHoldsNoWeightsIsRefused(_ name: String)
    throws
  {
    let session = try Models.digits()
    let target = try Target(name: name)
    #expect(throws: WorkbenchError.self) { try session.size(checkpoint: target) }
    #expect(throws: WorkbenchError.self) { try session.write(checkpoint: target, to: folder.path("x")) }
    #expect(throws: WorkbenchError.self) { try session.verify(checkpoint: target, at: folder.path("x")) }
  }

  @Test func piecesStandInTheirPlacesWhateverTheNumberOfThreads() throws {
    let plan = plan(
      [[layer("a", 7), layer("b", at: 7064, 300)], [layer("c", 1)], []], ["one.bin", "deep/er/two.bin", "empty"])
    let session = try Models.digits()
    for workers in [1, 2, 5] {
      let path = folder.path("\(workers)")
      let export = try plan.write(to: path, WritingOptions(workers: workers), refusing: session)
      #expect(export.bytes == plan.size && plan.size == 308_064)
      let bytes = try #require(folder.bytes(of: "\(workers)/one.bin"))
      #expect(bytes.count == 307_064 && bytes[6999] == 6 && bytes[7063] == 0 && bytes[307_063] == 43)
      #expect(folder.bytes(of: "\(workers)/deep/er/two.bin") == [UInt8](repeating: 0, count: 1000))
      #expect(folder.bytes(of: "\(workers)/empty") == [])
      try plan.compare(at: path, WritingOptions())
    }
  }

  @Test func aFailureNamesItsLayerAndLeavesNothing() throws {
    var bad = layer("b.weight", 9)
    bad.failing = 4
    let plan = plan([[layer("a", 3)], [bad]], ["x/one", "two"])
    let error = #expect(throws: WorkbenchError.self) {
      try plan.write(to: folder.path("new"), WritingOptions(), refusing: try Models.digits())
    }
    #expect(error?.kind == .misfit && error?.description == "b.weight: 1000000.0 is too large for F16")
    #expect(folder.names.isEmpty)
  }

  @Test func whatIsCalledOffLeavesOldFilesWhole() throws {
    try FileManager.default.createDirectory(atPath: folder.path("old"), withIntermediateDirectories: false)
    try folder.write("before", to: "old/one")
    let plan = plan([[layer("a", 3)], [layer("b", 2000)]], ["one", "two"])
    #expect(throws: Cancelled.self) {
      try plan.write(
        to: folder.path("old"), WritingOptions { $0.fraction < 0.1 }, refusing: try Models.digits())
    }
    #expect(folder.bytes(of: "old/one") == Array("before".utf8))
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path("old")) == ["one"])
  }

  @Test func aPlaceThatCannotBeWrittenIsAnErrorOfWriting() throws {
    try folder.write("a file", to: "file")
    let plan = plan([[layer("a", 3)]], [nil])
    let error = #expect(throws: WorkbenchError.self) {
      try plan.write(to: folder.path("file/inner"), WritingOptions(), refusing: try Models.digits())
    }
    #expect(error?.kind == .writing)
  }

  @Test func numbersThatWereNoneAreToldByLayer() throws {
    var strange = layer("a", 3)
    strange.zeros = 2
    let export = try plan([[strange]], [nil]).write(
      to: folder.path("f"), WritingOptions(), refusing: try Models.digits())
    #expect(export.notes == ["a: 6 numbers NaN or infinite, written as zero"])
  }

  @Test func whatDiffersIsADifference() throws {
    let plan = plan([[Counted(source: .header, start: 0, pieceCount: 1), layer("a", at: 1000, 3)]], [nil])
    let path = folder.path("f")
    _ = try plan.write(to: path, WritingOptions(), refusing: try Models.digits())
    let bytes = try #require(folder.bytes(of: "f"))
    func kind(_ changed: [UInt8]) throws -> String? {
      try folder.write(changed, to: "f")
      let error = #expect(throws: WorkbenchError.self) { try plan.compare(at: path, WritingOptions(workers: 1)) }
      #expect(error?.kind == .difference)
      return error?.description
    }
    var changed = bytes
    changed[0] = 9
    #expect(try kind(changed) == "\(path): its header is another one")
    changed = bytes
    changed[2500] = 9
    #expect(try kind(changed) == "what was read back at byte 2000 of \(path) differs from what was written")
    #expect(try kind(Array(bytes.dropLast())) == "\(path): has 3999 bytes, 4000 expected")
  }
}
