import Checkpoints

/// The weights in ggml's types, as llama.cpp and what is built on it read them.
struct GGUFWriter: CheckpointWriter {
  let name = "gguf"
  let summary = "the weights, quantised in ggml's types, for llama.cpp"
  let takes = "ggml's types"

  /// The types of a GGUF file: those of llama.cpp, under whatever names.
  var accepted: ConfigTarget? { Self.types }

  private static let types = ConfigTarget.all.first { $0.name == "llama.cpp" }?
    .renamed("gguf", tool: "GGUF", naming: .own)

  func plan(_ session: Session) throws(WorkbenchError) -> CheckpointPlan {
    let plan = try session.ggufPlan()
    let (header, starts, size) = plan.header.encoded()
    let entries = plan.header.tensors
    var parts: [any CheckpointPart] = [MadeBytes(header, .header, at: 0)]
    for (index, part) in plan.parts.enumerated() {
      parts.append(GGUFPart(part, entries[index], of: session.checkpoint, at: starts[index]))
    }
    for (index, bytes) in zip(plan.parts.count..., plan.made) {
      parts.append(MadeBytes(bytes, .layer(entries[index].name), at: starts[index]))
    }
    let isModel = plan.architecture != nil
    return CheckpointPlan(
      files: [.init(name: nil, size: size, parts: parts)],
      tensors: entries.map { CheckpointPlan.Tensor(name: $0.name, shape: $0.shape, type: $0.type) }, notes: plan.notes,
      usage: { path in isModel ? "llama-cli -m \(shellWord(path))" : "" })
  }
}
