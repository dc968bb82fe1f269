import Checkpoints
import Compression
import FileAccess
import Numerics

/// The model as plain numbers, the chosen weights as they come back from their compressed form: for any tool that reads
/// safetensors and knows nothing of schemes.
///
/// A model of safetensors keeps its files, their names and sizes, and what stands beside them; every other one becomes a
/// file, or from 5 GB on shards with their index, of tensors under their own names and in their own types.
struct SafetensorsWriter: CheckpointWriter {
  let name = "safetensors"
  let summary = "the weights as plain numbers, dequantised in the model's types, for any tool"
  let takes = "everything"
  var accepted: ConfigTarget? { nil }

  /// Bytes of a shard, transformers' own limit.
  var largestShard = 5_000_000_000

  func plan(_ session: Session) throws(WorkbenchError) -> CheckpointPlan {
    try session.requireRecovered()
    if session.checkpoint.format == .safetensors { return try OwnFormatWriter().plan(session) }
    return try converted(session)
  }

  private struct Planned {
    let entry: SafetensorsHeader.Entry
    /// The tensor's number, and its item where its numbers are made anew.
    let tensor: Int
    let item: Item?
  }

  private func converted(_ session: Session) throws(WorkbenchError) -> CheckpointPlan {
    let (planned, notes) = try tensors(session)
    var shards: [[Planned]] = [[]]
    var bytes = 0
    for one in planned {
      if bytes > 0, bytes + one.entry.byteCount > largestShard {
        shards.append([])
        bytes = 0
      }
      shards[shards.count - 1].append(one)
      bytes += one.entry.byteCount
    }
    let turn = Turn()
    let isOne = shards.count == 1
    var files: [CheckpointPlan.File] = []
    for (number, shard) in shards.enumerated() {
      let (header, starts, size) = SafetensorsHeader(entries: shard.map(\.entry)).encoded
      var parts: [any CheckpointPart] = [MadeBytes(header, .header, at: 0)]
      for (one, start) in zip(shard, starts) {
        if let item = one.item {
          parts.append(ReconstructedTensor(item, as: one.entry.type, of: session, at: start, turn))
        } else {
          parts.append(StoredTensor(one.tensor, of: session.checkpoint, at: start))
        }
      }
      files.append(.init(name: isOne ? nil : Self.shardName(number, of: shards.count), size: size, parts: parts))
    }
    if !isOne {
      let index = Self.index(shards.map { $0.map(\.entry) })
      files.append(
        .init(name: "model.safetensors.index.json", size: index.count, parts: [MadeBytes(index, .header, at: 0)]))
    }
    // Files are read in the order of their names, which is this one.
    return CheckpointPlan(
      files: files,
      tensors: planned.map { CheckpointPlan.Tensor(name: $0.entry.name, shape: $0.entry.shape, type: $0.entry.type) },
      notes: notes)
  }

  private static func shardName(_ number: Int, of count: Int) -> String {
    func digits(_ number: Int) -> String {
      let text = "\(number)"
      return String(repeating: "0", count: max(0, 5 - text.count)) + text
    }
    return "model-\(digits(number + 1))-of-\(digits(count)).safetensors"
  }

  /// `model.safetensors.index.json` as transformers writes it.
  private static func index(_ shards: [[SafetensorsHeader.Entry]]) -> [UInt8] {
    let total = shards.joined().reduce(0) { $0 + $1.byteCount }
    let places = shards.enumerated().flatMap { number, shard in
      shard.map { "    \(JSONText.quoted($0.name)): \(JSONText.quoted(shardName(number, of: shards.count)))" }
    }
    return Array(
      "{\n  \"metadata\": {\"total_size\": \(total)},\n  \"weight_map\": {\n\(places.joined(separator: ",\n"))\n  }\n}\n"
        .utf8)
  }

  /// Every tensor in its own type, or in one that holds its numbers.
  private func tensors(_ session: Session) throws(WorkbenchError) -> ([Planned], notes: [String]) {
    let checkpoint = session.checkpoint
    let items = Dictionary(session.items.map { ($0.id, $0) }) { first, _ in first }
    var (planned, notes, problems) = ([Planned](), [String](), [String]())
    for (number, tensor) in checkpoint.tensors.enumerated() {
      let item = items[number]
      let isChanged = item.map { !session.recipe[$0].isKeep } ?? false
      let isPlain = [ElementType.f32, .f16, .bf16, .f64].contains(tensor.type)
      func add(_ type: ElementType, _ item: Item?) {
        guard let bytes = type.byteCount(of: tensor.count) else { return }
        planned.append(
          Planned(
            entry: .init(name: tensor.name, type: type, shape: tensor.shape, byteCount: bytes), tensor: number,
            item: item))
      }
      if isChanged, let item {
        guard item.packing == nil else {
          problems.append("\(printable(item.name)): is packed as \(item.storage), which plain numbers cannot stand for")
          continue
        }
        if !isPlain { notes.append("\(printable(tensor.name)): \(tensor.type.name), written as F32") }
        add(isPlain ? tensor.type : .f32, item)
      } else if tensor.type.safetensorsName != nil {
        add(tensor.type, nil)
      } else if let item, item.isReadable, item.packing == nil {
        notes.append("\(printable(tensor.name)): \(tensor.type.name), written as F32, which holds it exactly")
        add(.f32, item)
      } else {
        notes.append("\(printable(tensor.name)): left out, safetensors having no \(tensor.type.name)")
      }
    }
    guard problems.isEmpty else {
      let more = problems.count > 12 ? "\n  … and \(problems.count - 12) more" : ""
      throw WorkbenchError(
        "the choice does not fit safetensors:\n  \(problems.prefix(12).joined(separator: "\n  "))\(more)", .misfit)
    }
    return (planned, notes)
  }
}
