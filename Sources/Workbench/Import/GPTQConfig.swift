import Checkpoints
import Compression

/// GPTQ's config: a scheme for the linear layers of all blocks, and expressions for some of them, by which a module is
/// left out (`-:`) or has other numbers.
///
///     {"bits": 4, "group_size": 128, "sym": true, "dynamic": {"-:.*lm_head.*": {},
///       "model\\.layers\\.3\\.mlp\\.down_proj": {"bits": 8, "group_size": 64}}}
///
/// The first in the file's order that matches counts, those with `-:` among them (GPTQModel 7.7, vLLM); they match from a
/// name's first character on.
private struct GPTQRule {
  let key: String
  let pattern: NamePattern
  /// `nil` where the module is left out.
  let scheme: Scheme?
  var isUsed = false
}

extension Session {
  func gptqTypes(_ object: ConfigObject, fallback: Bool) throws(WorkbenchError) -> ImportedChoice {
    var draft = ImportDraft(path: object.path, kind: "a GPTQ config", fallback: fallback)
    let common = try gptqScheme(object, over: nil)
    var rules: [GPTQRule] = []
    let dynamic = try object.object("dynamic")
    for (key, value) in dynamic?.members ?? [] {
      let leavesOut = key.hasPrefix("-:")
      let text = leavesOut || key.hasPrefix("+:") ? String(key.dropFirst(2)) : key
      var scheme: Scheme?
      if !leavesOut, let dynamic {
        scheme = try gptqScheme(try ConfigObject(value, at: dynamic.place(of: key), in: object.path), over: object)
      }
      do { rules.append(GPTQRule(key: key, pattern: try NamePattern(text, .start), scheme: scheme)) } catch {
        throw draft.wrong("dynamic.\(key)", "\(error)")
      }
    }
    var patterns = NamePatterns(rules.map(\.pattern))
    let takesHead = try object.bool("lm_head") ?? false
    for (item, path) in try modules() {
      let kinds = item.targetKinds
      guard kinds.contains("linear"), kinds.contains("head") ? takesHead : item.layer.block != nil else { continue }
      var scheme: Scheme? = common
      do {
        if let place = try patterns.first(path) {
          rules[place].isUsed = true
          scheme = rules[place].scheme
        }
      } catch { throw draft.wrong("dynamic", "\(error)") }
      try draft.choose(scheme ?? .keep, for: item)
    }
    for rule in rules where !rule.isUsed && rule.scheme != nil {
      draft.mismatches.append("dynamic, \"\(excerpt(rule.key))\": no layer of this model is found by it first")
    }
    return try draft.finished()
  }

  private func gptqScheme(_ object: ConfigObject, over base: ConfigObject?) throws(WorkbenchError) -> Scheme {
    // What an override leaves out is as for all.
    let base = base ?? object
    let common = (try base.int("bits"), try base.int("group_size"), try base.bool("sym"))
    guard let bits = try object.int("bits") ?? common.0 else {
      throw object.wrong("bits", "a whole number expected")
    }
    let group = try object.int("group_size") ?? common.1 ?? 128
    let isSymmetric = try object.bool("sym") ?? common.2 ?? true
    guard group == -1 || group > 0 else { throw object.wrong("group_size", "-1 or a size expected, not \(group)") }
    return try object.scheme(
      "int\(bits),\(group == -1 ? "channel" : "group=\(group)")\(isSymmetric ? "" : ",affine")")
  }
}
