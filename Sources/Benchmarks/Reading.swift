import Checkpoints
import Numerics

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// How fast stored numbers become floats, from a file in the page cache: against the machine's read bandwidth, and
/// against numpy and gguf-py on the same file.
struct Reading {
  let scratch: Scratch
  /// Numbers in the file.
  private static let count = 64 << 20
  private static let blocks: [BlockType] = [
    .q8_0, .q4_0, .q4_k, .q6_k, .q2_k, .iq4_xs, .iq2_xs, .iq3_s, .tq2_0, .mxfp4,
  ]

  func run() throws {
    Table.title("reading: \(Self.count >> 20) Mi numbers as floats from the page cache, one core; median of 3")
    let limit = try Bandwidth.measure()
    Table.row("read bandwidth (sum of 1 GiB of floats)", "\(fixed(limit.one, 1)) GB/s", "what memory gives")
    for number in GeneratedModel.Number.allCases {
      let model = GeneratedModel(number: number, tensors: [("a.weight", [Self.count / 4096, 4096])])
      try model.write(to: scratch.model, .normal)
      try row(number.rawValue, limit.one, peer: "numpy", number.rawValue)
    }
    for type in Self.blocks {
      try writeGGUF(type)
      try row(type.name, limit.one, peer: "gguf-py", "gguf")
    }
    scratch.removeModel()
  }

  private func row(_ name: String, _ limit: Double, peer: String, _ kind: String) throws {
    let checkpoint = try Checkpoint.open(scratch.model)
    let stored = Double(checkpoint.tensors[0].byteCount)
    // The first brings the file into the page cache.
    let times = try (0..<4).map { _ in
      try seconds { try Machine.pinned(threads: 1) { _ in try Self.stream(checkpoint) } }
    }
    let ours = Array(times.dropFirst()).median
    let traffic = (stored + 4 * Double(Self.count)) / ours / 1e9
    var text =
      "\(fixed(stored / ours / 1e9, 2)) GB/s of stored bytes; with what is written \(percent(traffic / limit)) of read bandwidth"
    if let theirs = try Python.run(Self.script, [kind, scratch.model, "\(Self.count)"])?["seconds"] {
      text += "; \(peer) \(fixed(Double(Self.count) / theirs / 1e9, 2)) G/s, \(fixed(theirs / ours, 1))×"
    }
    Table.row(name, "\(fixed(Double(Self.count) / ours / 1e9, 2)) G numbers/s", text)
  }

  /// Reads all in pieces that stay in the cache, as analysis does.
  private static func stream(_ checkpoint: Checkpoint) throws {
    let piece = 1 << 15
    let values = UnsafeMutableBufferPointer<Float>.allocate(capacity: piece)
    defer { values.deallocate() }
    for first in stride(from: 0, to: checkpoint.tensors[0].count, by: piece) {
      try checkpoint.read(tensor: 0, elements: first..<first + piece, into: values)
    }
  }

  /// A GGUF file of one tensor, whose blocks are random bytes with small scales.
  private func writeGGUF(_ type: BlockType) throws {
    var header: [UInt8] = Array("GGUF".utf8)
    func add<Number: FixedWidthInteger>(_ number: Number) {
      withUnsafeBytes(of: number.littleEndian) { header += $0 }
    }
    add(UInt32(3))
    add(UInt64(1))
    add(UInt64(0))
    add(UInt64(8))
    header += Array("a.weight".utf8)
    add(UInt32(2))
    add(UInt64(4096))
    add(UInt64(Self.count / 4096))
    add(type.rawValue)
    add(UInt64(0))
    header += [UInt8](repeating: 0, count: (32 - header.count % 32) % 32)
    var random = SplitMix(state: 7)
    var block = (0..<256 * type.blockBytes).map { _ in UInt8.random(in: 0...255, using: &random) }
    for start in stride(from: 0, to: block.count, by: type.blockBytes) {
      for field in type.wideFields {
        // 2^-8 or so in every half: no infinities.
        for number in 0..<field.count { block[start + field.offset + number * field.width + 1] = 0x1C }
      }
    }
    let file = open(scratch.model, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw Failure.system("cannot write \(scratch.model)") }
    defer { close(file) }
    try header.withUnsafeBytes { try writeAll(file, $0) }
    for _ in 0..<Self.count / type.blockWeights / 256 { try block.withUnsafeBytes { try writeAll(file, $0) } }
  }

  private static let script = """
    import os, statistics, struct, sys, time
    import numpy as np
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    kind, path, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    if kind == "gguf":
        from gguf import GGUFReader
        from gguf.quants import dequantize
        tensor = GGUFReader(path).tensors[0]
        rows = max(1, (1 << 20) // 4096)
        def read():
            for i in range(0, tensor.data.shape[0], rows):
                dequantize(tensor.data[i:i + rows], tensor.tensor_type)
    else:
        with open(path, "rb") as file:
            skip = 8 + struct.unpack("<Q", file.read(8))[0]
        stored = np.memmap(path, {"F32": "<f4", "F16": "<f2", "BF16": "<u2"}[kind], "r", skip)
        piece = 1 << 15
        out = np.empty(piece, np.float32)
        def read():
            for i in range(0, count, piece):
                part = stored[i:i + piece]
                if kind == "BF16":
                    np.left_shift(part, 16, out=out.view(np.uint32), dtype=np.uint32)
                else:
                    out[:] = part
    times = []
    for _ in range(3):
        start = time.perf_counter()
        read()
        times.append(time.perf_counter() - start)
    print("seconds", statistics.median(times))
    """
}
