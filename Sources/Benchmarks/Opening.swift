import Checkpoints

/// How long it takes to open a model: header, names, shapes, layers; beside the format's own Python library, which
/// gives names and shapes alone.
struct Opening {
  let samples: String
  /// Models that were named on the command line.
  let more: [String]
  let scratch: Scratch

  func run() throws {
    Table.title("opening: header to list of layers, files in the page cache; median of 7")
    for name in ["shakespeare-llama", "shakespeare-llama-f16.gguf", "digits-cnn.onnx", "digits-test.npz"] {
      try row(name, "\(samples)/\(name)")
    }
    for path in more { try row(path.split(separator: "/").last.map(String.init) ?? path, path) }
    let many = GeneratedModel.llama(layers: 2_222, width: 64, hidden: 64, vocabulary: 64)
    try many.write(to: scratch.model, .hole)
    defer { scratch.removeModel() }
    try row("\(many.tensors.count) tensors of safetensors", scratch.model)
  }

  private func row(_ name: String, _ path: String) throws {
    var format = ""
    let ours = try (0..<7).map { _ in try seconds { format = try Checkpoint.open(path).format.rawValue } }.median
    guard let peer = try Python.run(Self.script, [format, path])?["seconds"] else {
      return Table.row(name, milliseconds(ours), "\(format): no library of the format's in python3")
    }
    Table.row(name, milliseconds(ours), "\(format): its own library \(milliseconds(peer)), \(fixed(peer / ours, 1))×")
  }

  /// What a person would write to see names and shapes.
  private static let script = """
    import statistics, sys, time, os
    kind, path = sys.argv[1:]
    if kind == "safetensors":
        from safetensors import safe_open
        if os.path.isdir(path):
            path = os.path.join(path, "model.safetensors")
        def read():
            with safe_open(path, "np") as f:
                return [(n, f.get_slice(n).get_shape()) for n in f.keys()]
    elif kind == "gguf":
        from gguf import GGUFReader
        def read():
            return [(t.name, t.shape) for t in GGUFReader(path).tensors]
    elif kind == "onnx":
        import onnx
        def read():
            return [(t.name, list(t.dims)) for t in onnx.load(path, load_external_data=False).graph.initializer]
    elif kind == "pytorch":
        import torch
        def read():
            return [(n, getattr(t, "shape", None)) for n, t in torch.load(path, map_location="cpu", mmap=True).items()]
    else:
        import numpy as np
        def read():
            with np.load(path) as f:
                return [(n, f[n].shape) for n in f.files]
    times = []
    for _ in range(7):
        start = time.perf_counter()
        read()
        times.append(time.perf_counter() - start)
    print("seconds", statistics.median(times))
    """
}
