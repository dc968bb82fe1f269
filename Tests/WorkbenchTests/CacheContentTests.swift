import Checkpoints
import Compression
import FileAccess
import Foundation
import Inference
import Support
import Testing

@testable import Workbench

/// Answers about bytes hold for the same bytes, whatever the times and places of their files.
@Suite struct CacheContentTests {
  private func survey(_ session: Session, _ name: String) throws -> Survey? {
    let item = try session.item(name)
    guard case .survey(let survey)? = session.cache?.answer(to: .survey(item.id), about: item) else { return nil }
    return survey
  }

  private func filled() throws -> CacheBench {
    let bench = try CacheBench()
    var session = try bench.session()
    session.survey()
    #expect(try survey(session, "large") != nil)
    return bench
  }

  private func surveys(_ session: Session) throws -> [Survey?] {
    try ["large", "small"].map { try survey(session, $0) }
  }

  private func expectTheSame(_ found: [Survey?], _ kept: [Survey?]) {
    #expect(found.allSatisfy { $0 != nil } && found.map { $0?.statistics } == kept.map { $0?.statistics })
    #expect(found.map { $0?.errors } == kept.map { $0?.errors })
  }

  @Test func aFileThatWasTouchedHasItsAnswers() throws {
    let bench = try filled()
    let first = try surveys(try bench.session())
    FileTimes.set(bench.path, to: 1)
    expectTheSame(try surveys(try bench.session()), first)
  }

  @Test func aCopyHasTheAnswersOfWhatItIsACopyOf() throws {
    let bench = try filled()
    let copy = bench.scratch.path("elsewhere.safetensors")
    try FileManager.default.copyItem(atPath: bench.path, toPath: copy)
    FileTimes.set(copy, to: 12345)
    let session = Session(try Checkpoint.open(copy), cache: bench.cache)
    expectTheSame(try surveys(session), try surveys(try bench.session()))
    // A copy of a moment ago as well.
    let late = bench.scratch.path("late.safetensors")
    try bench.scratch.write(try #require(bench.scratch.bytes(of: "model.safetensors")), to: "late.safetensors")
    let another = Session(try Checkpoint.open(late), cache: bench.cache)
    expectTheSame(try surveys(another), try surveys(try bench.session()))
  }

  /// In no page that is sampled: only reading the tensor can tell.
  @Test func oneChangedByteMakesItsTensorsAnswersOthersAndNoOthers() throws {
    let bench = try filled()
    let file = try FileHandle(forUpdating: URL(fileURLWithPath: bench.path))
    let offset = UInt64(try bench.unseenOffset())
    try file.seek(toOffset: offset)
    let byte = try #require(try file.read(upToCount: 1)?.first)
    try file.seek(toOffset: offset)
    try file.write(contentsOf: Data([byte ^ 1]))
    try file.close()
    FileTimes.set(bench.path, to: 1)
    var session = try bench.session()
    #expect(try survey(session, "large") == nil && survey(session, "small") != nil)
    // What is found of the new bytes does not become an answer about the old ones.
    session.survey()
    let now = try #require(try survey(try bench.session(), "large"))
    var read = try bench.uncached()
    read.survey()
    #expect(now.statistics == read.survey(of: try read.item("large"))?.statistics)
    let again = try FileHandle(forUpdating: URL(fileURLWithPath: bench.path))
    try again.seek(toOffset: offset)
    try again.write(contentsOf: Data([byte]))
    try again.close()
    FileTimes.set(bench.path, to: 2)
    let old = try #require(try survey(try bench.session(), "large"))
    FileTimes.set(bench.path, to: 0)
    #expect(old.statistics == (try survey(try bench.session(), "large"))?.statistics)
  }

  @Test func whatWasTakenUpIsKeptUnderTheNewTimes() throws {
    let bench = try filled()
    FileTimes.set(bench.path, to: 1)
    let session = try bench.session()
    #expect(try survey(session, "large") != nil && survey(session, "small") != nil)
    session.cache?.flush()
    // The bytes change behind the key's back: they are not looked at again.
    let offset = try bench.unseenOffset()
    try bench.change(at: offset)
    FileTimes.set(bench.path, to: 1)
    #expect(try survey(try bench.session(), "large") != nil)
    FileTimes.set(bench.path, to: 2)
    #expect(try survey(try bench.session(), "large") == nil)
  }

  @Test func measurementsAreTakenUpWhereAllFilesAreTheSame() throws {
    let scratch = try ScratchFolder()
    func copy(_ name: String, to other: String) throws -> String {
      let bytes = try #require(FileManager.default.contents(atPath: Fixtures.sample(name)))
      let path = try scratch.write(bytes, to: other)
      FileTimes.set(path, to: 0)
      return path
    }
    let (data, model) = (try copy("digits-test.npz", to: "d.npz"), try copy("digits-cnn.onnx", to: "m.onnx"))
    func session() throws -> Session {
      var session = Session(try Checkpoint.open(model), cache: CacheFolder(scratch.path("cache/lathe")))
      try session.set("*=int3,channel")
      return session
    }
    let request = MeasurementRequest(data: data)
    let first = try #require(try session().measure(request))
    #expect(try session().keptMeasurements.count == 1)
    FileTimes.set(model, to: 1)
    let kept = try session().keptMeasurements
    #expect(kept.count == 1 && kept.first?.metrics.map(\.value) == first.metrics.map(\.value))
    // A bit of a weight, in no page that is sampled; and its file's time.
    FileTimes.set(model, to: 2)
    let size = try #require(fileSize(model))
    let ranges = FileSample.ranges(size: size, most: 16)
    let offset = try #require((size / 2..<size - 64).first { at in !ranges.contains { $0.contains(at) } })
    let file = try FileHandle(forUpdating: URL(fileURLWithPath: model))
    try file.seek(toOffset: UInt64(offset))
    let byte = try #require(try file.read(upToCount: 1)?.first)
    try file.seek(toOffset: UInt64(offset))
    try file.write(contentsOf: Data([byte ^ 1]))
    try file.close()
    FileTimes.set(model, to: 2)
    #expect(try session().keptMeasurements.isEmpty)
  }

  @Test func bytesOfAPackedWeightAreThoseOfItsScalesToo() throws {
    let scratch = try ScratchFolder()
    let folder = scratch.path("model")
    try FileManager.default.copyItem(atPath: fixture("packed/int8-scale"), toPath: folder)
    let one = try Checkpoint.open(folder)
    let layer = try #require(one.layers.firstIndex { $0.packing != nil })
    let weight = one.layers[layer].weight
    let (all, codes) = (
      try one.bytesDigest(tensor: weight, packedIn: layer), try one.bytesDigest(tensor: weight, packedIn: nil)
    )
    let scale = try #require(one.layers[layer].companions.first)
    guard case .file(let number, let offset) = one.tensors[scale].location else {
      Issue.record("a tensor in a file expected")
      return
    }
    let file = try FileHandle(forUpdating: URL(fileURLWithPath: one.files[number].path))
    try file.seek(toOffset: UInt64(offset))
    let byte = try #require(try file.read(upToCount: 1)?.first)
    try file.seek(toOffset: UInt64(offset))
    try file.write(contentsOf: Data([byte ^ 1]))
    try file.close()
    let other = try Checkpoint.open(folder)
    #expect(try other.bytesDigest(tensor: weight, packedIn: layer) != all)
    #expect(try other.bytesDigest(tensor: weight, packedIn: nil) == codes)
  }
}
