extension Architecture {
  /// The families that there are sheets of. A new one is a sheet in `Sheets/` and its line below.
  package static let all: [Architecture] = sheets.compactMap { try? Architecture(sheet: $0) }

  /// The sheets' texts: the program's own, each of which a test reads.
  package static let sheets: [String] = [
    PackageResources.llama_arch, PackageResources.mistral_arch, PackageResources.qwen2_arch,
    PackageResources.qwen3_arch, PackageResources.gemma2_arch, PackageResources.gemma3_arch,
    PackageResources.bert_arch, PackageResources.mpnet_arch, PackageResources.phi3_arch, PackageResources.gpt2_arch,
    PackageResources.stablelm_arch,
  ].map { String(decoding: $0, as: UTF8.self) }
}
