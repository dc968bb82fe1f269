import Checkpoints
import Compression
import Numerics

/// The same work done by numpy and by gguf-py, where Python has them; one thread each, on the same processor.
struct Peers {
  let scratch: Scratch
  /// F32 weights in the file.
  static let count = 32 << 20

  func run() throws {
    Table.title("peers: \(Self.count >> 20) Mi weights in F32, one thread; median of 3; how many times faster Lathe is")
    let model = GeneratedModel(number: .f32, tensors: [("a.weight", [Self.count / 4096, 4096])])
    try model.write(to: scratch.model, .normal)
    defer { scratch.removeModel() }
    guard let answers = try Python.run(Self.script, [scratch.model]) else {
      Table.note("left out: there is no python3 with numpy in PATH")
      return
    }
    let checkpoint = try Checkpoint.open(scratch.model)
    guard let weights = FileWeights(checkpoint, layer: 0) else { throw Failure("the generated model has no matrix") }
    let int8 = Scheme(.uniform(UniformScheme(bits: 8, granularity: .group(32))))
    let int4 = Scheme(.uniform(UniformScheme(bits: 4, granularity: .group(32))))
    let errors = Errors()
    let both = try median {
      errors.int8 = try Assessment.of(weights, scheme: int8).relativeError ?? 0
      errors.int4 = try Assessment.of(weights, scheme: int4).relativeError ?? 0
    }
    let table = try median { _ = try ErrorTable.of(weights, sparsity: .none) }
    if let numpy = answers["numpy"] {
      try check(errors.int8, answers["int8"], "int8")
      try check(errors.int4, answers["int4"], "int4")
      row("t² of int8 and int4 in groups of 32", both, numpy, "numpy")
      row("the whole table of 70 errors", table, numpy, "numpy for those two")
    }
    if let whole = answers["table"], let share = answers["tableShare"] {
      row("the same 70 errors in numpy, of an eighth of the weights", table, whole / share, "numpy, by its share")
    }
    let floats = try checkpoint.matrix(layer: 0)
    for (type, name) in [(BlockType.q8_0, "Q8_0"), (.q4_0, "Q4_0")] {
      guard let peer = answers[name] else {
        Table.note("\(name): left out, python3 has no gguf")
        continue
      }
      row("\(name) of floats in memory", try median { try Self.encode(floats, type) }, peer, "gguf-py")
    }
  }

  private func row(_ name: String, _ ours: Double, _ theirs: Double, _ peer: String) {
    Table.row(name, "\(fixed(theirs / ours, 1))×", "\(milliseconds(ours)); \(peer) \(milliseconds(theirs))")
  }

  /// What the timed closures found.
  private final class Errors: @unchecked Sendable {
    var int8 = 0.0
    var int4 = 0.0
  }

  private func median(_ body: @escaping @Sendable () throws -> Void) throws -> Double {
    try Machine.pinned(threads: 1) { _ in try body() }
    return try (0..<3).map { _ in try seconds { try Machine.pinned(threads: 1) { _ in try body() } } }.median
  }

  private static func encode(_ floats: [Float], _ type: BlockType) throws {
    guard let quantizer = BlockQuantizer(type) else { throw Failure("\(type) has no quantiser") }
    let bytes = UnsafeMutablePointer<UInt8>.allocate(
      capacity: floats.count / type.blockWeights * type.blockBytes)
    defer { bytes.deallocate() }
    floats.withUnsafeBufferPointer { quantizer.encode($0.baseAddress!, count: $0.count, into: bytes) }
  }

  /// A comparison of speed counts only where both found the same.
  private func check(_ ours: Double, _ theirs: Double?, _ name: String) throws {
    guard let theirs, abs(ours - theirs) <= 1e-5 * theirs else {
      throw Failure("t² of \(name) is \(ours) here and \(theirs.map { "\($0)" } ?? "missing") in numpy")
    }
  }

  /// Prints `name value` lines: seconds, and the errors that the seconds went into.
  private static let script = """
    import os, statistics, struct, sys, time
    import numpy as np
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with open(sys.argv[1], "rb") as file:
        skip = 8 + struct.unpack("<Q", file.read(8))[0]
    w = np.fromfile(sys.argv[1], "<f4", offset=skip).reshape(-1, 4096)

    def t2(bits):
        m = 2 ** (bits - 1) - 1
        g = w.reshape(-1, 32)
        scale = (np.abs(g).max(axis=1, keepdims=True) / m).astype(np.float16).astype(np.float32)
        inverse = np.divide(1, scale, out=np.zeros_like(scale), where=scale > 0)
        error = np.clip(np.rint(g * inverse), -m, m) * scale - g
        return np.square(error, dtype=np.float64).sum() / np.square(g, dtype=np.float64).sum()

    def clock(body):
        times = []
        for _ in range(3):
            start = time.perf_counter()
            value = body()
            times.append(time.perf_counter() - start)
        return statistics.median(times), value

    part = w[: len(w) // 8]

    def error(g, bits, affine):
        top = 2 ** bits - 1 if affine else 2 ** (bits - 1) - 1
        if affine:
            low, high = np.minimum(g.min(axis=1, keepdims=True), 0), np.maximum(g.max(axis=1, keepdims=True), 0)
            scale = ((high - low) / np.float32(top)).astype(np.float16).astype(np.float32)
            zero = np.clip(np.rint(-low / np.where(scale > 0, scale, 1)), 0, top)
            least, most = -zero, top - zero
        else:
            scale = (np.abs(g).max(axis=1, keepdims=True) / np.float32(top)).astype(np.float16).astype(np.float32)
            least, most = -top, top
        inverse = np.divide(np.float32(1), scale, out=np.zeros_like(scale), where=scale > 0)
        difference = np.clip(np.rint(g * inverse), least, most) * scale - g
        return np.square(difference, dtype=np.float64).sum()

    def table():
        for shape in ((1, -1), part.shape, (-1, 32), (-1, 64), (-1, 128)):
            for affine in (False, True):
                for bits in range(2, 9):
                    error(part.reshape(shape), bits, affine)

    start = time.perf_counter()
    table()
    print("table", time.perf_counter() - start)
    print("tableShare", len(part) / len(w))
    seconds, (int8, int4) = clock(lambda: (t2(8), t2(4)))
    print("numpy", seconds, "\\nint8", int8, "\\nint4", int4)
    try:
        import gguf
        for name in ["Q8_0", "Q4_0"]:
            kind = gguf.GGMLQuantizationType[name]
            print(name, clock(lambda: gguf.quants.quantize(w, kind) is None)[0])
    except ImportError:
        pass
    """
}
