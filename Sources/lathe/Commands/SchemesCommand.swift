import ArgumentParser
import Workbench

/// `lathe schemes`: the words of a SPEC.
struct SchemesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "schemes", abstract: "The words and options of a SPEC, with their bits per weight.")

  func run() {
    var table = TextTable(["scheme", "bits per weight", "error"], right: [1])
    for word in Scheme.words where word != "keep" && word != "fp16" {
      guard let scheme = try? Scheme(spec: word) else { continue }
      let weights = 4096
      let bytes = scheme.denseBytes(rows: weights, columns: weights, storedBytes: 0, storedBits: 0)
      let bits = (Double(8 * bytes) / Double(weights * weights) * 10_000).rounded() / 10_000
      table.add([word, "\(bits)", scheme.isComputed ? "exact" : "not yet computed"])
    }
    print(
      """
      SPEC is a scheme word and options, separated by commas: int4,group=32,symmetric,sparsity=0.3

      keep            as it is
      int1 … int16    with tensor | channel | axis=N | group=N (32), symmetric | symmetric-full | affine,
                      range=minmax | mse | percentile=P | entropy, scale=fp16 | bf16 | fp32 | pow2
      fp8-…, fp6-…, fp4-…
                      with tensor | channel | group=N (channel)
      nf4             with tensor | channel | group=N (64)
      kmeans1 … kmeans8, kmeans,entries=N (2 … 256)
                      with tensor | channel | group=N (tensor)
      any             sparsity=0.3 | model:0.3 | 2:4 | wanda:0.5 | wanda:2:4
                      sparsity=channel:0.25 | input:0.25 | head:64:0.25 | block:4x4:0.5, each with :l1
                      threshold=0.01, coding=none | huffman | rans

      \(table.text)
      """)
  }
}
