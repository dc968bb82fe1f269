import Checkpoints
import Compression
import FileAccess
import Foundation
import Support
import Testing

@testable import Workbench

/// A model of one large and one small weight, and a cache, in a folder of their own.
struct CacheBench {
  let scratch: ScratchFolder
  let cache: CacheFolder
  let path: String
  /// Where the large weight's numbers begin in the file.
  let start: Int
  /// Floats of the large weight.
  static let count = 4 * 65_536

  init() throws {
    scratch = try ScratchFolder()
    cache = CacheFolder(scratch.path("cache/lathe"))
    var generator = SeededGenerator(11)
    let bytes = safetensors([
      ("large.weight", [4, 65_536], generator.gaussian(Self.count)),
      ("small.weight", [4, 64], generator.gaussian(256)),
    ])
    start = bytes.count - 4 * (Self.count + 256)
    path = try scratch.write(bytes, to: "model.safetensors")
    FileTimes.set(path, to: 0)
  }

  func session() throws -> Session { Session(try Checkpoint.open(path), cache: cache) }
  func uncached() throws -> Session { Session(try Checkpoint.open(path)) }

  /// Sets some numbers of the large weight to 1000 and the file's time to what it was.
  func change(at offset: Int, count: Int = 1) throws {
    let file = try FileHandle(forUpdating: URL(fileURLWithPath: path))
    try file.seek(toOffset: UInt64(offset))
    for _ in 0..<count { try file.write(contentsOf: Data([0, 0, 0x7A, 0x44])) }
    try file.close()
    FileTimes.set(path, to: 0)
  }

  /// An offset of a number in the large weight that no sampled page holds.
  func unseenOffset() throws -> Int {
    let size = try #require(fileSize(path))
    let seen = FileSample.ranges(size: size, most: 16)
    let offset = stride(from: start + 4 * 1024, to: size - 2048, by: 4).first { at in
      !seen.contains { $0.overlaps(at..<at + 4) }
    }
    return try #require(offset)
  }

  /// The names of all segments.
  var segments: [String] {
    cache.kept.flatMap { model in (folderNames(model.path) ?? []).map { "\(model.path)/\($0)" } }
  }
}

extension Session {
  /// Every question about every item that is kept.
  func allQuestions(_ specs: [String]) throws -> [Question] {
    let schemes = try specs.map { try Scheme(spec: $0) }
    return items.filter(\.isSurveyed).flatMap { item in
      [.survey(item.id), .table(item.id, .ratio(0.5))]
        + schemes.filter { item.obstacle(to: $0) == nil }.map { .assessment(item.id, $0) }
    }
  }
}
