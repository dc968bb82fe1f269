import Support
import Testing

/// `--recipe` with what other tools wrote.
@Suite struct ImportCommandTests {
  private let folder: ScratchFolder

  init() throws { folder = try ScratchFolder() }

  @Test func aTypeFileIsReadAndSaidSo() throws {
    let path = try folder.write("ffn_(up|gate)=q4_0\nnorm=q4_0\nssm_in=q4_0\n", to: "types.txt")
    let result = try Program.run("estimate", Program.llamaGGUF, "--recipe", path, "--json")
    #expect(result.status == 0)
    #expect(result.errors.contains("lathe: \(path): read as a llama.cpp type file, 6 layers"))
    #expect(result.errors.contains("llama-quantize leaves that as it is"))
    #expect(result.errors.contains("entry 3"))
    let layers = try #require(try result.object()["layers"] as? [[String: Any]])
    #expect(layers.count { $0["scheme"] as? String == "q4_0" } == 6)
  }

  @Test func aQuantisedModelsTypesBecomeARecipeAndATypeFile() throws {
    let gguf = folder.path("q4.gguf")
    #expect(
      try Program.run("export", Program.llama, "--set", "*=q4_k", "--set", "lm_head=q6_k", "--to", "gguf", "-o", gguf)
        .status == 0)
    let result = try Program.run("export", gguf, "--recipe", gguf, "--to", "lathe", "-o", folder.path("r.json"))
    #expect(result.status == 0)
    #expect(result.errors.contains("read as the types of a quantised checkpoint (gguf), 23 layers"))
    let through = try Program.run(
      "estimate", Program.llamaGGUF, "--recipe", folder.path("r.json"), "--set", "output=q8_0", "--json")
    let types = try #require(try through.object()["layers"] as? [[String: Any]]).compactMap { $0["scheme"] as? String }
    #expect(types.count { $0 == "q4_k" } == 22 && types.count { $0 == "q8_0" } == 1)
    let screen = try Program.run("open", gguf, "--script", ":recipe \(gguf)<Enter>", "--size", "200x40")
    #expect(screen.status == 0 && screen.output.contains("23 layers from"))
  }

  @Test func whatIsNoneOfTheKindsNamesThem() throws {
    let path = try folder.write("stages:\n  - quantise\n", to: "r.yaml")
    let result = try Program.run("estimate", Program.llama, "--recipe", path)
    #expect(result.status == 1 && result.errorLines.count == 1)
    for word in ["r.yaml", "llama.cpp", "MLX", "compressed-tensors", "GPTQ", "checkpoints"] {
      #expect(result.errors.contains(word))
    }
  }
}
