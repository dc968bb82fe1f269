internal import FileAccess

extension Vocabulary {
  /// The ids of tokens that do something, which of them are put around a text, the chat template and WordPiece's
  /// normalisation, as the converter gathers them from tokenizer.json, tokenizer_config.json and config.json.
  mutating func addSpecials(_ files: TokenizerFiles) {
    var texts: [Role: String] = [:]
    for role in Role.allCases {
      let entry = files.settings?["\(role.rawValue)_token"]
      texts[role] = entry?.string ?? entry?["content"]?.string
    }
    var adds: [Role: Bool] = [:]
    if let tokenizer = files.tokenizer {
      if (texts[.bos] ?? "").isEmpty, let cls = texts[.cls] { texts[.bos] = cls }
      if (texts[.eos] ?? "").isEmpty, let sep = texts[.sep] { texts[.eos] = sep }
      let after = tokenizer["post_processor"]
      for step in after?["processors"]?.elements ?? after.map({ [$0] }) ?? [] {
        readTemplate(step, &texts, &adds)
      }
      readNormalizer(tokenizer["normalizer"])
    }
    addIds(files, texts)
    for role in Role.allCases {
      if adds[role] == nil { adds[role] = files.settings?["add_\(role.rawValue)_token"]?.bool }
      if [.bos, .eos, .sep].contains(role), let isAdded = adds[role] { additions.append((role, isAdded)) }
    }
    addChatTemplate(files)
  }

  private func readTemplate(_ step: JSONValue, _ texts: inout [Role: String], _ adds: inout [Role: Bool]) {
    switch step["type"]?.string {
    case "ByteLevel":
      for role in [Role.bos, .eos] where adds[role] == nil { adds[role] = false }
    case "RobertaProcessing":
      for role in [Role.bos, .eos, .sep] { adds[role] = true }
      if texts[.cls] == nil { texts[.cls] = step["cls"]?.elements.first?.string ?? texts[.bos] }
      if texts[.sep] == nil { texts[.sep] = step["sep"]?.elements.first?.string ?? texts[.eos] }
    case "TemplateProcessing":
      let single = step["single"]?.elements ?? []
      guard single.count > 1 else { return }
      let first = single[0]["SpecialToken"]?["id"]?.string
      let last = single[single.count - 1]["SpecialToken"]?["id"]?.string
      if let first {
        if first != texts[.bos], first != texts[.cls] {
          if (texts[.bos] ?? "").isEmpty { texts[.bos] = first }
          if (texts[.cls] ?? "").isEmpty { texts[.cls] = first }
        }
        adds[.bos] = first == texts[.bos] || first == texts[.cls]
      }
      if let last {
        if last != texts[.eos] {
          if texts[.eot] == nil { texts[.eot] = texts[.eos] } else { texts[.eom] = texts[.eos] }
          texts[.eos] = last
        }
        adds[.eos] = true
      }
      readPair(step["pair"]?.elements ?? [], first, last, &texts, &adds)
    default: break
    }
  }

  /// Whether a separator stands between two texts.
  private func readPair(
    _ pair: [JSONValue], _ first: String?, _ last: String?, _ texts: inout [Role: String], _ adds: inout [Role: Bool]
  ) {
    func id(_ value: JSONValue?) -> String? { value?["SpecialToken"]?["id"]?.string }
    var inner = pair[...]
    if first != nil, id(inner.first) == first { inner = inner.dropFirst() }
    if last != nil, id(inner.last) == last { inner = inner.dropLast() }
    guard inner.first?["Sequence"]?["id"]?.string == "A", inner.last?["Sequence"]?["id"]?.string == "B",
      inner.count > 2
    else { return }
    let middle = inner.dropFirst().dropLast()
    let separators = [texts[.sep], texts[.eos]]
    var addsSeparator = false
    if let entry = id(middle.first), separators.contains(entry), last == nil { addsSeparator = true }
    if middle.count == 2, let entry = id(middle.last), separators.contains(entry) { addsSeparator = true }
    adds[.sep] = addsSeparator
    if addsSeparator, texts[.sep] == nil { texts[.sep] = texts[.eos] }
  }

  private mutating func readNormalizer(_ normalizer: JSONValue?) {
    switch normalizer?["type"]?.string {
    case "Lowercase": lowercases = true
    case "StripAccents": stripsAccents = true
    case "BertNormalizer":
      if let value = normalizer?["lowercase"]?.bool { lowercases = value }
      if let value = normalizer?["strip_accents"]?.bool { stripsAccents = value }
    case "Sequence": for step in normalizer?["normalizers"]?.elements ?? [] { readNormalizer(step) }
    default: break
    }
  }

  private mutating func addIds(_ files: TokenizerFiles, _ texts: [Role: String]) {
    var ids: [String: Int] = [:]
    for (id, text, _) in files.addedTokens where ids[text] == nil { ids[text] = id }
    for role in Role.allCases {
      let fromTokenizer = files.settings == nil ? nil : texts[role].flatMap { ids[$0] }
      let isExtra = role == .eot || role == .eom
      let key = "\(role.rawValue)_token_id"
      let fromConfig = isExtra ? nil : (files.config[key] ?? files.config["text_config"]?[key])?.int
      if let id = fromTokenizer ?? fromConfig, tokens.indices.contains(id) { specials.append((role, id)) }
    }
  }

  private mutating func addChatTemplate(_ files: TokenizerFiles) {
    let own = files.settings?["chat_template"]
    if let text = own?.string {
      chatTemplate = text
    } else if let named = own?.elements.first(where: { $0["name"]?.string == "default" }) ?? own?.elements.first {
      chatTemplate = named["template"]?.string
    } else if files.settings != nil, case .file = fileKind("\(files.folder)/chat_template.jinja"),
      let file = try? MappedFile("\(files.folder)/chat_template.jinja"), file.size < 1 << 22,
      let bytes = try? file.copy(offset: 0, count: file.size)
    {
      chatTemplate = String(decoding: bytes, as: UTF8.self)
    } else if let json = try? JSONValue(path: "\(files.folder)/chat_template.json") {
      chatTemplate = json["chat_template"]?.string
    }
  }
}
