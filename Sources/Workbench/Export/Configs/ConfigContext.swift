import Checkpoints
import Compression
import Numerics

/// What a sheet's templates can say.
///
/// Of the export: `path`, where the first text is written; `files.STEM` and `paths.STEM`, each text's name and place;
/// `model.name`, `.path`, `.folder` (Hugging Face's, else `HF_FOLDER`), `.format`, `.parameters`, `.gguf`, `.onnx`,
/// `.quantised`; `target.name`, `.tool`; `imatrix`, where importances are given or needed; where there is something to tell
/// of how the recipe came about, `provenance.lines`, each with its `text`, and the whole as `provenance.json`.
///
/// Lists of layers, in the file's order: `layers`, all that the tool looks at; `chosen`, those with a scheme; `left`, the
/// rest; `head`, of one or none, and `body`; `by.FIELD.VALUE`, `others.FIELD.VALUE` and `by_tensor.FIELD.VALUE`, by what
/// the accepting line says, or `sparsity`; where a tool names nodes, a layer stands in the first two once a node. `schemes`
/// and `prunings`, the different ones, each with the values of its first layer and its `layers`; `common`, the scheme of
/// the most weights.
///
/// Of all layers: `count`, `least_group`, `mean_bits`, `one_format`, `any.FIELD`, and what is so or not: `has_chosen`,
/// `has_prunings`, `quantises_head`, `has.FIELD.VALUE`; `figures.…` where the sheet asks for them
/// (`ConfigContext+Figures`).
///
/// Of a layer: `name` (the tool's), `layer`, `tensor`, `nodes`, `shape`, `shape_text`, `shape_list`, `rows`, `columns`,
/// `weights`, `axis` (of the outputs), `kind`, `storage`, `scheme`, `ggml` (its type there: the stored one where it is
/// kept), `kept`, `chosen_by`, `is_stack`; of its scheme (`Scheme+Template`) `bits`, `entries`, `group`, `tensor_wise`,
/// `channel_wise`, `group_wise`, `along_axis`, `integers`, `symmetric`, `affine`, `least_squares`, `pruned` with `ratio`,
/// `threshold`, `keep`, `of`, `zeros`; and the fields of the line that accepted it.
struct ConfigContext {
  let plan: ConfigPlan
  let session: Session
  /// Each layer's values, made once.
  private var layers: [String: [String: Any]] = [:]
  /// All that does not hang on where texts are written.
  private var common: [String: Any] = [:]

  init(plan: ConfigPlan, session: Session) {
    (self.plan, self.session) = (plan, session)
    layers = Dictionary(plan.entries.map { ($0.name, described($0)) }) { first, _ in first }
    common = commonValues()
  }

  /// - Parameters:
  ///   - path: where the first text is written.
  ///   - places: by part's stem, where each is.
  func values(path: String, places: [String: String]) -> [String: Any] {
    var values = common
    values["path"] = TemplateWord(path)
    values["files"] = places.mapValues { TemplateWord(lastPart($0)) as Any }
    values["paths"] = places.mapValues { TemplateWord($0) as Any }
    return values
  }

  private func commonValues() -> [String: Any] {
    let chosen = plan.entries.filter { !$0.isKept }
    let schemes = grouped(chosen) { "\(Scheme($0.scheme.format)) \($0.fields.sorted { $0.key < $1.key })" }
    let prunings = grouped(plan.entries.filter { $0.scheme.sparsity != .none }) {
      Scheme(.keep, sparsity: $0.scheme.sparsity).description
    }
    var values: [String: Any] = [
      "model": model,
      "target": ["name": TemplateWord(plan.target.name), "tool": TemplateWord(plan.target.tool)] as [String: Any],
      "layers": plan.entries.map(layer), "chosen": chosen.map(layer),
      "left": plan.entries.filter(\.isKept).map(layer), "schemes": schemes.map(described),
      "prunings": prunings.map(described), "count": plan.entries.count,
    ]
    let common = schemes.max { a, b in weights(a) < weights(b) }
    if let common { values["common"] = described(common) }
    if let least = chosen.compactMap({ $0.scheme.format.groupSize ?? $0.fields["group"].flatMap { Int($0) } }).min() {
      values["least_group"] = least
    }
    addLists(to: &values)
    let head = plan.entries.filter { $0.item.targetKinds.contains("head") }
    values["head"] = head.prefix(1).map(layer)
    values["body"] = plan.entries.filter { !$0.item.targetKinds.contains("head") }.map(layer)
    if head.contains(where: { !$0.isKept }) { values["quantises_head"] = true }
    if !chosen.isEmpty { values["has_chosen"] = true }
    if !prunings.isEmpty { values["has_prunings"] = true }
    let formats = Set(chosen.compactMap { $0.fields["format"] })
    if formats.count == 1 { values["one_format"] = formats.first }
    let total = weights(plan.entries)
    if total > 0 {
      let bits = plan.entries.reduce(0.0) { $0 + ($1.scheme.format.codeBits ?? 16) * Double($1.weights) }
      values["mean_bits"] = (bits / Double(total) * 1000).rounded() / 1000
    }
    if plan.entries.contains(where: { $0.fields["imatrix"] != nil }) || session.importancePath?.isImatrix == true {
      let path = session.importancePath.flatMap { $0.isImatrix ? $0 : nil }
      values["imatrix"] = TemplateWord(path ?? "IMATRIX.gguf")
    }
    // Any layer's field that is not empty can be asked after: {{#any.imatrix}}.
    var any: [String: Any] = [:]
    for entry in plan.entries { for (key, value) in entry.fields { any[key] = TemplateWord(value) } }
    values["any"] = any
    if plan.target.needsFigures { values["figures"] = figures }
    if let provenance = session.provenance { values["provenance"] = provenance.templateValues }
    return values
  }

  /// The lists by what the accepting lines say.
  private func addLists(to values: inout [String: Any]) {
    var pairs: [String: Set<String>] = [:]
    func fields(_ entry: ConfigPlan.Entry) -> [String: String] {
      entry.fields.merging(entry.scheme.sparsity.word.map { ["sparsity": $0] } ?? [:]) { $1 }
    }
    for entry in plan.entries { for (field, value) in fields(entry) { pairs[field, default: []].insert(value) } }
    func lists(_ list: ([ConfigPlan.Entry], [ConfigPlan.Entry]) -> Any) -> [String: Any] {
      pairs.reduce(into: [String: Any]()) { result, pair in
        result[pair.key] = pair.value.reduce(into: [String: Any]()) { inner, value in
          let those = plan.entries.filter { fields($0)[pair.key] == value }
          inner[value] = list(those, plan.entries.filter { fields($0)[pair.key] != value })
        }
      }
    }
    values["by"] = lists { those, _ in those.flatMap(named) }
    values["by_tensor"] = lists { those, _ in those.map(layer) }
    values["others"] = lists { _, others in others.flatMap(named) }
    values["has"] = lists { _, _ in true }
  }

  /// A layer once under each of its names.
  private func named(_ entry: ConfigPlan.Entry) -> [[String: Any]] {
    guard plan.target.naming == .nodes else { return [layer(entry)] }
    return entry.item.layer.nodes.map { node in layer(entry).merging(["name": TemplateWord(node)]) { $1 } }
  }

  private var model: [String: Any] {
    let checkpoint = session.checkpoint
    let name = checkpoint.path.split(separator: "/").last.map(String.init) ?? checkpoint.path
    // A tool that starts from Hugging Face's folder cannot start from another file.
    let isFolder = checkpoint.format == .safetensors || checkpoint.format == .pytorch
    let folder = isFolder ? checkpoint.folderFiles.path : "HF_FOLDER"
    var model: [String: Any] = [
      "path": TemplateWord(checkpoint.path), "name": TemplateWord(name),
      "folder": TemplateWord(folder), "format": TemplateWord(checkpoint.format.rawValue),
      "parameters": checkpoint.parameterCount,
    ]
    if checkpoint.format == .gguf { model["gguf"] = true }
    if checkpoint.format == .onnx { model["onnx"] = true }
    if session.items.contains(where: \.isStoredQuantised) { model["quantised"] = true }
    return model
  }

  private func weights(_ entries: [ConfigPlan.Entry]) -> Int { entries.reduce(0) { $0 + $1.weights } }

  /// Entries by a key, in the order of their first.
  private func grouped(_ entries: [ConfigPlan.Entry], by key: (ConfigPlan.Entry) -> String) -> [[ConfigPlan.Entry]] {
    var places: [String: Int] = [:]
    var groups: [[ConfigPlan.Entry]] = []
    for entry in entries {
      let key = key(entry)
      if let place = places[key] {
        groups[place].append(entry)
      } else {
        places[key] = groups.count
        groups.append([entry])
      }
    }
    return groups
  }

  private func described(_ entries: [ConfigPlan.Entry]) -> [String: Any] {
    var values = layer(entries[0])
    values["layers"] = entries.map(layer)
    return values
  }

  private func layer(_ entry: ConfigPlan.Entry) -> [String: Any] { layers[entry.name] ?? [:] }

  private func described(_ entry: ConfigPlan.Entry) -> [String: Any] {
    let item = entry.item
    var values: [String: Any] = [
      "name": TemplateWord(entry.name), "layer": TemplateWord(item.name), "tensor": TemplateWord(item.tensorName),
      "nodes": item.layer.nodes.map { TemplateWord($0) }, "shape": item.shape, "rows": item.matrix.rows,
      "columns": item.matrix.columns, "weights": item.count, "storage": TemplateWord(item.storage),
      "shape_list": "[" + item.shape.map(String.init).joined(separator: ", ") + "]",
      "shape_text": TemplateWord(item.shape.map(String.init).joined(separator: "×")),
      "scheme": TemplateWord("\(entry.scheme)"),
      "axis": item.outputAxis, "kind": item.kind.rawValue,
    ]
    values["ggml"] = TemplateWord(entry.isKept ? item.type.name.lowercased() : "\(entry.scheme)")
    if entry.isKept { values["kept"] = true }
    if let by = session.recipe.choices[item.name]?.by { values["chosen_by"] = by.rawValue }
    if item.shape.count > 2 { values["is_stack"] = true }
    for (key, value) in entry.scheme.templateValues { values[key] = value }
    for (key, value) in entry.fields { values[key] = TemplateWord(value) }
    if plan.target.needsFigures { for (key, value) in figures(of: item, entry.scheme) { values[key] = value } }
    return values
  }
}

extension Item {
  /// The axis of the weight's outputs in the file.
  fileprivate var outputAxis: Int {
    var before = 1
    for (axis, extent) in shape.enumerated() {
      if before == matrix.outer, extent == matrix.rows { return axis }
      before *= extent
    }
    return 0
  }
}

extension String {
  /// Whether it names llama.cpp's importance matrix, which llama-quantize takes.
  fileprivate var isImatrix: Bool { hasSuffix(".gguf") || hasSuffix(".dat") }
}
