extension ConfigTarget {
  /// The tools that there are sheets of, in the order in which they are listed. A new sheet is a file in `Targets/` and
  /// a line here.
  public static let all: [ConfigTarget] = [
    sheet(PackageResources.llama_cpp_target), sheet(PackageResources.llm_compressor_target),
    sheet(PackageResources.compressed_tensors_config_target), sheet(PackageResources.mlx_config_target),
    sheet(PackageResources.onnxruntime_target), sheet(PackageResources.coremltools_target),
    sheet(PackageResources.torchao_target), sheet(PackageResources.gptqmodel_target),
    sheet(PackageResources.auto_round_target), sheet(PackageResources.exllamav3_target),
    sheet(PackageResources.csv_target), sheet(PackageResources.markdown_target), sheet(PackageResources.json_target),
  ]

  private static func sheet(_ bytes: [UInt8]) -> ConfigTarget {
    do { return try ConfigTarget(sheet: String(decoding: bytes, as: UTF8.self), path: "a sheet of Lathe's own") } catch
    {
      fatalError("\(error)")
    }
  }
}
