extension Architecture {
  /// A new family is a sheet in `Sheets/` and its line here.
  package static let all: [Architecture] = [
    PackageResources.llama_arch, PackageResources.mistral_arch, PackageResources.qwen2_arch,
    PackageResources.qwen3_arch,
    PackageResources.gemma2_arch, PackageResources.gemma3_arch, PackageResources.bert_arch, PackageResources.mpnet_arch,
    PackageResources.phi3_arch, PackageResources.gpt2_arch, PackageResources.stablelm_arch,
  ].map { bytes in
    do { return try Architecture(sheet: String(decoding: bytes, as: UTF8.self)) } catch { fatalError("\(error)") }
  }
}
