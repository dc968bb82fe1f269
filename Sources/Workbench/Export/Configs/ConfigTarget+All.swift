extension ConfigTarget {
  /// The tools that there are sheets of, in the order in which they are listed. A new sheet is a file in `Targets/` and
  /// a line here.
  public static let all: [ConfigTarget] = sheets.map(sheet)

  /// Their names and summaries, without the rest of the sheets: help lists them, and every command makes its help.
  static let listing: [(name: String, summary: String)] = sheets.map { bytes in
    func line(_ word: String) -> String {
      for line in bytes.split(separator: 10, omittingEmptySubsequences: true) where line.starts(with: word.utf8) {
        let value = line.dropFirst(word.utf8.count)
        guard value.first == 0x20 else { continue }
        return String(decoding: value.drop { $0 == 0x20 }, as: UTF8.self)
      }
      return ""
    }
    return (line("name"), line("summary"))
  }

  private static let sheets: [[UInt8]] = [
    PackageResources.llama_cpp_target, PackageResources.llm_compressor_target,
    PackageResources.compressed_tensors_config_target, PackageResources.mlx_config_target,
    PackageResources.onnxruntime_target, PackageResources.coremltools_target, PackageResources.torchao_target,
    PackageResources.gptqmodel_target, PackageResources.auto_round_target, PackageResources.exllamav3_target,
    PackageResources.csv_target, PackageResources.markdown_target, PackageResources.json_target,
  ]

  private static func sheet(_ bytes: [UInt8]) -> ConfigTarget {
    do { return try ConfigTarget(sheet: String(decoding: bytes, as: UTF8.self), path: "a sheet of Lathe's own") } catch
    {
      fatalError("\(error)")
    }
  }
}
