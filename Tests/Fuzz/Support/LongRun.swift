#if LONG
  import Foundation

  /// Many inputs without libFuzzer: LATHE_FUZZ_RUNS of them, made blindly of those in the folders that are named and of
  /// nothing. The one at hand stands in LATHE_FUZZ_INPUT, so that what breaks is kept; LATHE_FUZZ_REPLAY names such a file
  /// to run it alone.
  package func runFuzzer(_ count: Int32, _ arguments: Arguments, _ one: TestOneInput) -> Int32 {
    let environment = ProcessInfo.processInfo.environment
    let runs = environment["LATHE_FUZZ_RUNS"].flatMap { Int($0) } ?? 1_000_000
    var blind = BlindInputs(
      folders: (1..<Int(count)).compactMap { arguments[$0].map { String(cString: $0) } },
      seed: environment["LATHE_FUZZ_SEED"].flatMap { UInt64($0) } ?? 1)
    let shown = environment["LATHE_FUZZ_INPUT"].flatMap { ShownInput($0) }
    // The one that was kept, once more.
    if let kept = environment["LATHE_FUZZ_REPLAY"].flatMap({ FileManager.default.contents(atPath: $0) }), kept.count > 1
    {
      let input = [UInt8](kept.dropFirst(2).prefix(Int(kept[0]) | Int(kept[1]) << 8))
      _ = input.withUnsafeBufferPointer { one($0.baseAddress, $0.count) }
      return 0
    }
    for run in 1...max(1, runs) {
      let input = blind.next()
      shown?.show(input)
      _ = input.withUnsafeBufferPointer { one($0.baseAddress, $0.count) }
      if run % 100_000 == 0 { FileHandle.standardError.write(Data("\(run) executions\n".utf8)) }
    }
    print("stat::number_of_executed_units: \(runs)")
    return 0
  }

  /// Inputs of at most 256 bytes.
  private struct BlindInputs {
    private var state: UInt64
    private let corpus: [[UInt8]]
    private static let longest = 256

    init(folders: [String], seed: UInt64) {
      state = seed
      corpus = folders.flatMap { folder in
        ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted().compactMap {
          FileManager.default.contents(atPath: "\(folder)/\($0)").map { [UInt8]($0.prefix(Self.longest)) }
        }
      }
    }

    private mutating func word() -> UInt64 {
      state &+= 0x9e37_79b9_7f4a_7c15
      var z = state
      z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
      z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
      return z ^ (z >> 31)
    }

    private mutating func below(_ bound: Int) -> Int { bound > 0 ? Int(word() % UInt64(bound)) : 0 }

    mutating func next() -> [UInt8] {
      if corpus.isEmpty || below(8) == 0 {
        let count = 1 + below(96)
        return (0..<count).map { _ in UInt8(truncatingIfNeeded: word()) }
      }
      var input = corpus[below(corpus.count)]
      for _ in 0...below(6) {
        let at = below(input.count)
        switch below(6) {
        case 0 where !input.isEmpty: input[at] = UInt8(truncatingIfNeeded: word())
        case 1 where !input.isEmpty: input[at] ^= 1 << UInt8(below(8))
        case 2: input.insert(UInt8(truncatingIfNeeded: word()), at: at)
        case 3 where !input.isEmpty: input.remove(at: at)
        case 4: input.removeSubrange(at...)
        default:
          let other = corpus[below(corpus.count)]
          let from = below(other.count)
          let piece = other[from...].prefix(1 + below(32))
          input.replaceSubrange(at..<min(input.count, at + piece.count), with: piece)
        }
      }
      return Array(input.prefix(Self.longest))
    }
  }

  /// A file in memory that outlives the process.
  private struct ShownInput {
    private let bytes: UnsafeMutableRawPointer
    private static let size = 4096

    init?(_ path: String) {
      let file = open(path, O_RDWR | O_CREAT, 0o600)
      guard file >= 0, ftruncate(file, off_t(Self.size)) == 0,
        let bytes = mmap(nil, Self.size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0), bytes != MAP_FAILED
      else { return nil }
      self.bytes = bytes
    }

    /// The length in two bytes, then the input.
    func show(_ input: [UInt8]) {
      bytes.storeBytes(of: UInt16(input.count), as: UInt16.self)
      input.withUnsafeBytes { bytes.advanced(by: 2).copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
    }
  }
#endif
