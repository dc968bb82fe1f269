extension Architecture {
  /// The name without what wraps the model; `nil` for tensors that the converter leaves out.
  package func plain(_ name: String) -> String? {
    var name = name[...]
    for ending in [".rotary_emb.inv_freq", ".attention.masked_bias", ".attention.bias"] where name.hasSuffix(ending) {
      return nil
    }
    for prefix in prefixes where name.hasPrefix(prefix) { name = name.dropFirst(prefix.count) }
    if dropped.contains(where: { Self.matches($0, name) }) { return nil }
    if name.hasSuffix(".gamma") { return name.dropLast(6) + ".weight" }
    if name.hasSuffix(".beta") { return name.dropLast(5) + ".bias" }
    return String(name)
  }

  private static func matches(_ pattern: String, _ name: Substring) -> Bool {
    if pattern.hasSuffix("*") { return name.hasPrefix(pattern.dropLast()) }
    if pattern.hasPrefix("*") { return name.hasSuffix(pattern.dropFirst()) }
    return name == pattern
  }

  /// llama.cpp's name of a plain one; `nil` where it has none.
  package func name(of plain: String) -> String? {
    guard let dot = plain.lastIndex(of: ".") else { return nil }
    let (module, ending) = (plain[..<dot], plain[dot...])
    guard ending == ".weight" || ending == ".bias" else { return nil }
    if let name = outer[String(module)] { return name + ending }
    guard module.hasPrefix(blocks) else { return nil }
    let parts = module.dropFirst(blocks.count).split(separator: ".", maxSplits: 1)
    guard parts.count == 2, let block = Int(parts[0]), let name = inner[String(parts[1])] else { return nil }
    return "blk.\(block).\(name)\(ending)"
  }

  /// What an expert's part is called here, without `.weight`: `blk.3.ffn_up.7` for a module of its own, as llama.cpp's
  /// older files have it, `blk.3.ffn_up_exps` for a stack; `nil` for all else.
  package func routedName(of plain: String) -> String? {
    guard !routed.isEmpty, plain.hasPrefix(blocks) else { return nil }
    let own = plain.hasSuffix(".weight") ? plain.dropLast(7) : plain[...]
    let parts = own.dropFirst(blocks.count).split(separator: ".", maxSplits: 1)
    guard parts.count == 2, let block = Int(parts[0]) else { return nil }
    if let name = routed[String(parts[1])] { return "blk.\(block).\(name)_exps" }
    var words = parts[1].split(separator: ".")
    guard let place = words.firstIndex(where: { Int($0) != nil }), let number = Int(words[place]) else { return nil }
    words[place] = "*"
    return routed[words.joined(separator: ".")].map { "blk.\(block).\($0).\(number)" }
  }

  /// The path of a module by its weight's name in a GGUF file: `blk.3.ffn_up.weight` is `model.layers.3.mlp.up_proj`.
  package func modulePath(ofGGUF name: String) -> String? {
    guard name.hasSuffix(".weight") else { return nil }
    let stem = String(name.dropLast(7))
    if let module = outer.first(where: { $0.value == stem })?.key {
      return module == "lm_head" ? module : pathPrefix + module
    }
    let parts = stem.split(separator: ".", maxSplits: 2)
    guard parts.count == 3, parts[0] == "blk", let block = Int(parts[1]),
      let module = inner.first(where: { $0.value == parts[2] })?.key
    else { return nil }
    return "\(pathPrefix)\(blocks)\(block).\(module)"
  }
}
