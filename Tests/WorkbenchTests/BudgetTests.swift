import Testing

@testable import Workbench

struct BudgetTests {
  @Test("Budgets are read as they are written")
  func forms() throws {
    func limit(_ text: String) throws -> Budget.Limit { try Budget(spec: text).limit }
    #expect(try limit("4.5bpw") == .bitsPerWeight(4.5))
    #expect(try limit("20MB") == .bytes(20_000_000))
    #expect(try limit("1.5MiB") == .bytes(1_572_864))
    #expect(try limit("8x") == .ratio(8))
    #expect(try limit("4GB@ctx=8192") == .memory(4_000_000_000, context: 8192))
    #expect(try limit("acc-1") == .accuracyLoss(1))
    #expect(try limit("kl=0.02") == .atMost(metric: "kl", 0.02))
    #expect(try limit("cosine=.01") == .atMost(metric: "cosine", 0.01))
    #expect(try limit("ppl+1%") == .atMost(metric: "perplexity", 1.01))
    #expect(try limit("agreement=99%") == .agreement(0.99))
    guard case .speed(30, let device) = try limit("30tok/s@laptop-ddr5") else {
      Issue.record("no speed")
      return
    }
    #expect(device.name == "laptop-ddr5")
    #expect(try Budget(spec: "4.5bpw").description == "4.5bpw")
  }

  @Test(
    "What is no budget is refused in words",
    arguments: [
      "", "4.5", "bpw", "-1bpw", "nanbpw", "infbpw", "0x", "x", "1e400MB", "acc", "acc-", "acc-0", "kl=", "kl=-1",
      "ppl+1",
      "30tok/s@", "30tok/s@nowhere", "4GB@ctx=", "4GB@ctx=-1", "agreement=2", "=", "@", "20 MB", "1MB@", "0MB",
    ])
  func refusals(text: String) {
    #expect(throws: WorkbenchError.self) { try Budget(spec: text) }
  }
}
