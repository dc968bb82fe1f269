import Checkpoints
import Support
import Testing

@testable import Workbench

/// A head that is its embedding is in a PyTorch file once: 2×3 numbers of F32, 24 bytes.
@Suite struct SharedWeightTests {
  @Test func bytesAndParametersCountOnce() throws {
    var session = Session(try Checkpoint.open(Fixtures.fixture("views/shared.pt")))
    #expect(session.parameterCount == 6)
    #expect(session.estimate.originalBytes == 24 && session.estimate.bytes == 24)
    try session.apply([Rule("*=int8,channel")])
    session.settle(session.estimateQuestions)
    // Two rows of three codes, two scales of two bytes.
    #expect(session.estimate.bytes == 10 && session.estimate.originalBytes == 24)
    let head = try #require(session.item(named: "lm_head"))
    let embedding = try #require(session.item(named: "embed"))
    #expect(head.sharedWith == "embed" && session.scheme(of: head) == session.scheme(of: embedding))
    #expect(throws: WorkbenchError.self) { try session.apply([Rule("lm_head=int4,channel")]) }
  }
}

/// A recipe of a GGUF file is one for the Hugging Face folder of the same model, and the other way.
@Suite struct RecipeOfAnotherFormTests {
  @Test(arguments: [
    ("shakespeare-llama-f16.gguf", "shakespeare-llama"), ("shakespeare-llama", "shakespeare-llama-f16.gguf"),
  ])
  func recipesGoFromOneFormToTheOther(from: String, to: String) throws {
    let scratch = try ScratchFolder()
    var source = Session(try Checkpoint.open(Fixtures.sample(from)))
    try source.apply([Rule("*=int4"), Rule("*down*=int6"), Rule("*attn*k*=int8")])
    let path = scratch.path("recipe.json")
    _ = try source.write(.lathe, to: path)
    let target = Session(try Checkpoint.open(Fixtures.sample(to)))
    let choice = try target.choice(from: path)
    #expect(choice.mismatches.isEmpty && choice.outcome.recipe.choices.count == source.recipe.choices.count)
    func schemes(_ recipe: Recipe) -> [String: Int] {
      recipe.choices.values.reduce(into: [:]) { $0["\($1.scheme)", default: 0] += 1 }
    }
    #expect(schemes(choice.outcome.recipe) == schemes(source.recipe))
  }
}
