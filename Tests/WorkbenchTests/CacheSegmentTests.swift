import Compression
import FileAccess
import Foundation
import Support
import Testing

@testable import Workbench

/// The files of the cache: damaged, foreign, newer, many.
@Suite struct CacheSegmentTests {
  private let stamp = Digest(low: 1, high: 2)

  private func key(_ number: Int) -> Digest { Digest(low: UInt64(number), high: 7) }

  /// What a reader of a folder finds of some keys.
  private func found(_ folder: ScratchFolder, _ keys: Range<Int>) -> [Int: [UInt8]] {
    let store = AnswerStore(folder.path("m"), stamp: stamp)
    return keys.reduce(into: [:]) { all, number in
      guard let place = store.content(key(number)) else { return }
      all[number] = try? place.0.copy(offset: place.offset, count: place.length)
    }
  }

  private func segment(_ contents: [Int: [UInt8]], version: UInt16 = Segment.version) -> [UInt8] {
    contents.sorted { $0.key < $1.key }.reduce(Segment.header(stamp: stamp, version: version)) {
      $0 + Segment.entry(key($1.key), .table, $1.value)
    }
  }

  private func write(_ bytes: [UInt8], _ folder: ScratchFolder, name: String = "a.answers") throws {
    try FileManager.default.createDirectory(atPath: folder.path("m"), withIntermediateDirectories: true)
    try folder.write(bytes, to: "m/\(name)")
  }

  private let contents: [Int: [UInt8]] = [1: [10, 11, 12], 2: [], 3: [31, 32, 33, 34, 35]]

  @Test func aSegmentGivesBackWhatWasPutInIt() throws {
    let folder = try ScratchFolder()
    var store = AnswerStore(folder.path("m"), stamp: stamp)
    for (number, content) in contents { store.add(key(number), .table, content) }
    let isWritten = store.flush()
    #expect(isWritten)
    #expect(store.has(key(1)) && !store.has(key(4)))
    #expect(found(folder, 0..<5) == contents)
  }

  @Test func whateverByteIsDamagedNoOtherContentIsRead() throws {
    let folder = try ScratchFolder()
    let whole = segment(contents)
    for index in whole.indices {
      for mask in [UInt8(1), 0x80, 0xFF] {
        var bytes = whole
        bytes[index] ^= mask
        try write(bytes, folder)
        let left = found(folder, 0..<256)
        #expect(left.count < contents.count, "byte \(index)")
        for (number, content) in left { #expect(contents[number] == content, "byte \(index)") }
      }
    }
  }

  @Test func ofASegmentThatIsCutShortTheWholeAnswersAreRead() throws {
    let folder = try ScratchFolder()
    let whole = segment(contents)
    for length in 0..<whole.count {
      try write(Array(whole[..<length]), folder)
      let left = found(folder, 0..<256)
      #expect(left.count < contents.count)
      for (number, content) in left { #expect(contents[number] == content) }
    }
    try write(Array(whole[..<(whole.count - 1)]), folder)
    #expect(found(folder, 0..<5).count == 2)
  }

  @Test func newerAndOlderVersionsAndForeignFilesAreIgnored() throws {
    let folder = try ScratchFolder()
    try write(segment([1: [1]], version: Segment.version + 1), folder, name: "newer.answers")
    try write(segment([1: [1]], version: Segment.version - 1), folder, name: "older.answers")
    try write(Array("not an answer at all, and long enough for a header of one".utf8), folder, name: "foreign.answers")
    try write([], folder, name: "empty.answers")
    try write(segment([1: [1]]), folder, name: "notes.txt")
    #expect(found(folder, 0..<5) == [:])
    try write(segment([1: [2]]), folder, name: "own.answers")
    #expect(found(folder, 0..<5) == [1: [2]])
  }

  @Test func ofOtherFilesTimesNothingIsRead() throws {
    let folder = try ScratchFolder()
    try write(segment(contents), folder)
    #expect(AnswerStore(folder.path("m"), stamp: Digest(low: 1, high: 3)).content(key(1)) == nil)
  }

  @Test func manySmallSegmentsBecomeOneThatHoldsAllOfThem() throws {
    let folder = try ScratchFolder()
    var expected: [Int: [UInt8]] = [:]
    for number in 0..<40 {
      expected[number] = [UInt8(number)]
      var store = AnswerStore(folder.path("m"), stamp: stamp)
      store.add(key(number), .table, [UInt8(number)])
      let isWritten = store.flush()
      #expect(isWritten)
    }
    #expect(folderNames(folder.path("m"))?.count == 40)
    AnswerStore.merge(in: folder.path("m"))
    #expect(folderNames(folder.path("m"))?.count == 1)
    #expect(found(folder, 0..<50) == expected)
    // One that was merged is not merged again, and so is still there.
    AnswerStore.merge(in: folder.path("m"))
    #expect(found(folder, 0..<50) == expected)
  }

  @Test func severalWritersAtOnceLoseNothing() throws {
    let folder = try ScratchFolder()
    let (path, stamp) = (folder.path("m"), stamp)
    DispatchQueue.concurrentPerform(iterations: 4) { writer in
      for round in 0..<12 {
        var store = AnswerStore(path, stamp: stamp)
        let number = 100 * writer + round
        store.add(Digest(low: UInt64(number), high: 7), .table, [UInt8(writer), UInt8(round)])
        _ = store.flush()
        AnswerStore.merge(in: path)
      }
    }
    let left = found(folder, 0..<400)
    #expect(left.count == 48)
    for (number, content) in left { #expect(content == [UInt8(number / 100), UInt8(number % 100)]) }
  }

  // MARK: - Contents

  /// Bytes that pass every check and are no answer all the same.
  @Test func whateverTheContentIsReadingItEnds() throws {
    var generator = SeededGenerator(5)
    for length in 0..<600 {
      let content = (0..<length).map { _ in
        UInt8(truncatingIfNeeded: generator.next() >> 40) & (length % 3 == 0 ? 3 : 255)
      }
      var reader = KeptReader(content)
      _ = try? reader.survey(of: 4)
      reader = KeptReader(content)
      _ = try? reader.table()
      reader = KeptReader(content)
      _ = try? reader.assessment(of: 4)
      _ = try? KeptMeasurement(content)
    }
  }

  @Test func aSurveyWhoseBytesChangedIsNoneOrOneOfSoundNumbers() throws {
    let survey = try Survey.of(
      ArrayWeights(rows: 4, columns: 32, values: (0..<128).map { Float($0) - 50 }), withErrors: true)
    var writer = KeptWriter()
    writer.put(survey, withBins: true)
    let whole = writer.bytes
    for index in whole.indices {
      var bytes = whole
      bytes[index] ^= 0xFF
      var reader = KeptReader(bytes)
      guard let read = try? reader.survey(of: 128) else { continue }
      #expect(read.statistics.count == 128 && read.statistics.minimum <= read.statistics.maximum)
      #expect(read.histogram.counts.count == Histogram.defaultBins)
    }
    for length in 0..<whole.count {
      var reader = KeptReader(Array(whole[..<length]))
      #expect(throws: NotKept.self) { try reader.survey(of: 128) }
    }
  }
}
