import Checkpoints
import Compression
import Foundation
import Support
import Testing

@testable import Workbench

/// Copies of a model in its own format with the numbers changed.
@Suite struct OwnFormatTests {
  private let model: ScratchFolder
  private let out: ScratchFolder

  init() throws { (model, out) = (try ScratchFolder(), try ScratchFolder()) }

  private func weights(_ seed: UInt64) throws -> [UInt8] {
    var generator = SeededGenerator(seed)
    return safetensors([
      ("a.weight", [8, 64], generator.gaussian(512)), ("b.weight", [4, 64], generator.gaussian(256)),
    ])
  }

  private func copy(_ session: Session, to path: String) throws {
    let writer = OwnFormatWriter()
    let export = try writer.write(session, to: path, WritingOptions(workers: 3))
    #expect(try writer.size(session) == export.bytes)
    try writer.verify(session, at: path, WritingOptions())
  }

  @Test func whatIsChosenComesBackAndTheRestStays() throws {
    var session = Session(try Checkpoint.open(try model.write(weights(1), to: "m.safetensors")))
    try session.set("a=int4,channel")
    try copy(session, to: out.path("copy.safetensors"))
    let written = try Checkpoint.open(out.path("copy.safetensors"))
    let item = try session.item("a")
    #expect(try written.floats(tensor: item.id) == session.reconstruction(of: item))
    let other = try session.item("b")
    #expect(try written.floats(tensor: other.id) == session.checkpoint.floats(tensor: other.id))
    #expect(out.bytes(of: "copy.safetensors")?.count == model.bytes(of: "m.safetensors")?.count)
  }

  /// Weights that are links, as in a cache of models: the copy is of what they lead to, and that keeps its bytes.
  @Test func aLinkedModelIsCopiedAndNotWrittenTo() throws {
    let store = try ScratchFolder()
    let bytes = try weights(2)
    let blob = try store.write(bytes, to: "blob")
    try FileManager.default.createSymbolicLink(atPath: model.path("model.safetensors"), withDestinationPath: blob)
    try model.write("{}", to: "config.json")
    var session = Session(try Checkpoint.open(model.path))
    try session.set("*=int2,channel")
    try copy(session, to: out.path("new"))
    #expect(store.bytes(of: "blob") == bytes)
    #expect(out.bytes(of: "new/model.safetensors").map { $0.count == bytes.count && $0 != bytes } == true)
    #expect(out.bytes(of: "new/config.json") == Array("{}".utf8))
  }

  @Test func whatGoesWithTheModelGoesAlongInItsFolders() throws {
    try model.write(weights(3), to: "model.safetensors")
    try model.write("", to: "empty.txt")
    for folder in ["1_Pooling", ".git"] {
      try FileManager.default.createDirectory(atPath: model.path(folder), withIntermediateDirectories: false)
      try model.write("pooling", to: "\(folder)/config.json")
    }
    var session = Session(try Checkpoint.open(model.path))
    try session.set("*=f16")
    try copy(session, to: out.path("new/"))
    #expect(out.bytes(of: "new/1_Pooling/config.json") == Array("pooling".utf8))
    #expect(out.bytes(of: "new/empty.txt") == [])
    #expect(try FileManager.default.contentsOfDirectory(atPath: out.path("new")).count == 3)
  }

  /// Two bits with a code more below zero: −65,000 comes back as −2 · 43,328, which F16 has not.
  @Test func numbersThatTheTypeCannotHoldAreNamedAndNothingIsLeft() throws {
    let header = #"{"w.weight":{"dtype":"F16","shape":[1,64],"data_offsets":[0,128]}}"#
    let numbers: [UInt8] = [0xEF, 0xFB] + [UInt8](repeating: 0, count: 126)
    let bytes = littleEndianBytes(UInt64(header.utf8.count)) + Array(header.utf8) + numbers
    var session = Session(try Checkpoint.open(try model.write(bytes, to: "m.safetensors")))
    try session.set("w=int2,channel,symmetric-full")
    let error = #expect(throws: WorkbenchError.self) { try copy(session, to: out.path("x.safetensors")) }
    #expect(error?.kind == .misfit && error?.description == "w: -86656.0 is too large for F16")
    #expect(out.names.isEmpty)
  }

  @Test func aPackedWeightIsNamed() throws {
    var session = Session(try Checkpoint.open(Fixtures.fixture("formats/gptq.safetensors")))
    try session.set("*=f16")
    let error = #expect(throws: WorkbenchError.self) { try copy(session, to: out.path("x.safetensors")) }
    #expect(error?.kind == .misfit && error?.description.contains("it is packed as GPTQ") == true)
    #expect(out.names.isEmpty)
  }

  @Test func theModelItselfIsNotWrittenOver() throws {
    try model.write(weights(4), to: "model.safetensors")
    var session = Session(try Checkpoint.open(model.path))
    try session.set("*=int4,channel")
    for path in [model.path, model.path + "/"] {
      #expect(throws: WorkbenchError.self) { try copy(session, to: path) }
    }
    #expect(try model.bytes(of: "model.safetensors") == weights(4))
  }
}
