import Compression
import Support
import Testing
import Workbench

@Suite struct SchemesCommandTests {
  @Test(arguments: Target.all.map(\.name)) func whatATargetTakesIsListed(target: String) throws {
    let run = try Program.run("schemes", "--to", target)
    #expect(run.status == 0 && !run.output.isEmpty)
    for line in run.output.split(separator: "\n") where line.hasPrefix("  ") && !line.contains("everything") {
      _ = try Scheme(spec: String(line.dropFirst(2)).replacing("group=N", with: "group=64"))
    }
  }

  @Test func anUnknownTargetIsAnError() throws {
    let run = try Program.run("schemes", "--to", "nowhere")
    #expect(run.status == 2 && run.errors.contains("unknown target"))
  }
}

@Suite struct OpenForATargetTests {
  @Test func theScreenBeginsWithTheTarget() throws {
    let run = try Program.run(
      "open", sample("shakespeare-llama"), "--to", "mlx-config", "--set", "*mlp*=int4", "--script", "", "--size",
      "120x40")
    #expect(run.status == 0 && run.output.contains("for mlx-config: 9 do not fit"))
    #expect(try Program.run("open", sample("shakespeare-llama"), "--to", "onnxruntime", "--script", "").status == 1)
  }
}
