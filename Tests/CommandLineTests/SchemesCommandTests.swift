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
    #expect(run.status == 1 && run.errors.contains("unknown target"))
  }
}
