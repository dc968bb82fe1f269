import Checkpoints
import Inference
import Numerics

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Whole networks beside onnxruntime's, on one thread each of the same processor: a CNN built as MobileNetV2 is
/// (Sandler et al. 2018), with its batch normalisations, and an encoder as large as all-MiniLM-L6 (Wang et al. 2020).
/// Weights are random numbers: they change no speed.
struct Networks {
  let scratch: Scratch

  func run() throws {
    Table.title("networks: one thread, the median of runs; how many times as fast as onnxruntime")
    let folder = scratch.path
    defer {
      for name in ["cnn.onnx", "cnn.npz", "encoder.onnx", "encoder.npz"] { unlink("\(folder)/\(name)") }
    }
    let models = ["cnn": "images", "encoder": "sentences of 128 words"]
    guard let answers = try Python.run(Self.script, [folder]) else {
      Table.note("left out: there is no python3 with onnx and onnxruntime in PATH")
      return
    }
    for (name, unit) in models.sorted(by: { $0.key < $1.key }) {
      guard let theirs = answers["\(name).seconds"], let sum = answers["\(name).sum"] else { continue }
      let network = try Network(try Checkpoint.open("\(folder)/\(name).onnx"))
      let weights = try network.loadWeights()
      let file = try Checkpoint.open("\(folder)/\(name).npz")
      var inputs: [String: Value] = [:]
      for input in network.inputs {
        guard let tensor = file.tensor(named: input.name) else { throw Failure("there is no input \(input.name)") }
        inputs[input.name] =
          tensor.type.isFloatingPoint
          ? Value(tensor.shape, try file.floats(tensor)) : Value(tensor.shape, integers: try file.integers(tensor))
      }
      let given = inputs
      let count = given.values.first?.shape.first ?? 1
      var times: [Double] = []
      for run in 0..<9 {
        let time = try seconds { try Machine.pinned(threads: 1) { _ in _ = try network.run(given, weights: weights) } }
        if run > 1 { times.append(time) }
      }
      // A comparison of speed counts only where both found the same.
      let found = try network.run(given, weights: weights).values.first?.floats ?? []
      let ours = found.reduce(0.0) { $0 + abs(Double($1)) }
      guard abs(ours - sum) <= 1e-3 * sum else { throw Failure("\(name) sums to \(ours) here and to \(sum) there") }
      let peak = answers["\(name).peak"].map { "; onnxruntime's peak \(fixed($0 / 1048576, 0)) MiB" } ?? ""
      Table.row(
        "\(name): \(unit) a second", "\(fixed(theirs / times.median, 2))×",
        "\(fixed(Double(count) / times.median, 1)); onnxruntime \(fixed(Double(count) / theirs, 1)); "
          + "own peak \(peakMebibytes()) MiB\(peak)")
    }
  }

  private func peakMebibytes() -> Int {
    var usage = rusage()
    #if os(Linux)
      getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
      return usage.ru_maxrss / 1024
    #else
      getrusage(RUSAGE_SELF, &usage)
      return usage.ru_maxrss / 1_048_576
    #endif
  }

  /// Writes cnn.onnx, encoder.onnx and their inputs into a folder and times onnxruntime on them.
  private static let script = """
    import os, resource, statistics, sys, time
    import numpy as np, onnx, onnxruntime
    from onnx import TensorProto as T, helper as h, numpy_helper
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    folder, random = sys.argv[1], np.random.default_rng(1)

    class Graph:
        def __init__(self):
            self.nodes, self.weights = [], []
        def weight(self, *shape, scale=None, array=None):
            name = f"w{len(self.weights)}"
            if array is None:
                array = random.normal(0, scale or 1 / np.sqrt(max(1, np.prod(shape[1:]))), shape).astype(np.float32)
            self.weights.append(numpy_helper.from_array(np.asarray(array), name))
            return name
        def add(self, operator, *inputs, outputs=1, **attributes):
            names = [f"v{len(self.nodes)}_{i}" for i in range(outputs)]
            self.nodes.append(h.make_node(operator, list(inputs), names, **attributes))
            return names[0] if outputs == 1 else names
        def save(self, name, inputs, output):
            result = h.make_tensor_value_info(output, T.FLOAT, None)
            graph = h.make_graph(self.nodes, name, inputs, [result], self.weights)
            model = h.make_model(graph, opset_imports=[h.make_opsetid("", 17)], ir_version=8)
            onnx.save(model, f"{folder}/{name}.onnx")

    def cnn():
        g = Graph()
        def conv(x, inputs, outputs, kernel=1, stride=1, groups=1, clip=True):
            w = g.weight(outputs, inputs // groups, kernel, kernel, scale=1.4 / np.sqrt(inputs // groups * kernel ** 2))
            x = g.add("Conv", x, w, kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[kernel // 2] * 4, group=groups)
            parts = [np.ones(outputs), np.zeros(outputs), np.zeros(outputs), np.ones(outputs)]
            x = g.add("BatchNormalization", x, *[g.weight(array=p.astype(np.float32)) for p in parts])
            if not clip:
                return x
            return g.add("Clip", x, g.weight(array=np.float32(0)), g.weight(array=np.float32(6)))
        x, channels = conv("input", 3, 32, 3, 2), 32
        for wider, outputs, count, stride in [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1),
                                              (6, 160, 3, 2), (6, 320, 1, 1)]:
            for number in range(count):
                step = stride if number == 0 else 1
                y = conv(x, channels, channels * wider) if wider > 1 else x
                y = conv(y, channels * wider, channels * wider, 3, step, channels * wider)
                y = conv(y, channels * wider, outputs, clip=False)
                x = g.add("Add", x, y) if step == 1 and channels == outputs else y
                channels = outputs
        x = g.add("Flatten", g.add("GlobalAveragePool", conv(x, channels, 1280)))
        x = g.add("Gemm", x, g.weight(1000, 1280), g.weight(1000), transB=1)
        g.save("cnn", [h.make_tensor_value_info("input", T.FLOAT, ["n", 3, 224, 224])], x)
        return {"input": random.normal(0, 1, (1, 3, 224, 224)).astype(np.float32)}

    def encoder(layers=6, width=384, heads=12, words=128):
        g = Graph()
        def dense(x, inputs, outputs):
            return g.add("Add", g.add("MatMul", x, g.weight(inputs, outputs, scale=inputs ** -0.5)), g.weight(outputs, scale=0.1))
        def norm(x):
            return g.add("LayerNormalization", x, g.weight(array=np.ones(width, np.float32)), g.weight(width, scale=0.1), axis=-1)
        split = g.weight(array=np.array([0, words, heads, width // heads], np.int64))
        join = g.weight(array=np.array([0, words, width], np.int64))
        x = norm(g.add("Add", g.add("Gather", g.weight(30000, width, scale=1), "ids"), g.weight(words, width, scale=1)))
        for _ in range(layers):
            q, k, v = (g.add("Transpose", g.add("Reshape", dense(x, width, width), split), perm=p)
                       for p in ([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3]))
            a = g.add("Div", g.add("MatMul", q, k), g.weight(array=np.float32((width // heads) ** 0.5)))
            a = g.add("MatMul", g.add("Softmax", a, axis=-1), v)
            a = g.add("Reshape", g.add("Transpose", a, perm=[0, 2, 1, 3]), join)
            x = norm(g.add("Add", x, dense(a, width, width)))
            y = dense(x, width, 4 * width)
            e = g.add("Erf", g.add("Div", y, g.weight(array=np.float32(2 ** 0.5))))
            e = g.add("Mul", g.add("Mul", y, g.add("Add", e, g.weight(array=np.float32(1)))), g.weight(array=np.float32(0.5)))
            x = norm(g.add("Add", x, dense(e, 4 * width, width)))
        g.save("encoder", [h.make_tensor_value_info("ids", T.INT64, ["n", words])], x)
        return {"ids": random.integers(0, 30000, (4, words))}

    for name, make in [("cnn", cnn), ("encoder", encoder)]:
        given = make()
        np.savez(f"{folder}/{name}.npz", **given)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(f"{folder}/{name}.onnx", options, providers=["CPUExecutionProvider"])
        times = []
        for _ in range(9):
            start = time.perf_counter()
            outputs = session.run(None, given)
            times.append(time.perf_counter() - start)
        print(f"{name}.seconds", statistics.median(times[2:]))
        print(f"{name}.sum", float(np.abs(outputs[0].astype(np.float64)).sum()))
        print(f"{name}.peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
    """
}
