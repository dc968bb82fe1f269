import Compression
import Support
import Testing
import Workbench

@Suite struct OutcomeTests {
  static let weights = ["/conv1/Conv", "/conv2/Conv", "/conv3/Conv", "/fc1/Gemm", "/fc2/Gemm"]
  static let biases = ["conv1.bias", "conv2.bias", "conv3.bias", "fc1.bias", "fc2.bias"]

  @Test func theLastRuleThatMatchesWins() throws {
    let outcome = try Models.digits().outcome("*=int4,channel", "/conv*=int8,channel", "/conv3*=int2,tensor")
    #expect(
      Self.weights.map(outcome.spec) == [
        "int8,channel", "int8,channel", "int2,tensor", "int4,channel", "int4,channel",
      ])
  }

  @Test func aPatternIsTriedAgainstLayerAndTensorNames() throws {
    let session = try Models.digits()
    #expect(try session.outcome("conv2.weight=int8").spec("/conv2/Conv") == "int8,group=32")
    #expect(try session.outcome("/conv2/Conv=int8").spec("/conv2/Conv") == "int8,group=32")
    #expect(try session.outcome("*.weight=int8,channel").recipe.choices.count == 5)
  }

  @Test func patternsLeaveBiasesAndNormsAlone() throws {
    let digits = try Models.digits().outcome("*=int8,tensor")
    #expect(Set(digits.recipe.choices.keys) == Set(Self.weights))
    let llama = try Models.llama().outcome("*=q8_0")
    #expect(llama.recipe.choices.keys.allSatisfy { !$0.contains("norm") })
    // Three blocks of seven, the embedding and the head.
    #expect(llama.recipe.choices.count == 23)
  }

  @Test func aLiteralNameReachesABiasAndANorm() throws {
    #expect(try Models.digits().outcome("conv1.bias=int8").spec("conv1.bias") == "int8,group=32")
    #expect(try Models.llama().outcome("model.norm=q8_0").spec("model.norm") == "q8_0")
    #expect(try Models.llama().outcome("model.norm.weight=q8_0").spec("model.norm") == "q8_0")
  }

  @Test func aPatternThatFindsOnlyBiasesIsAnErrorThatSaysHow() throws {
    let session = try Models.digits()
    #expect { try session.outcome("*.bias=int8") } throws: {
      "\($0)".contains("*.bias") && "\($0)".contains("without wildcards")
    }
  }

  @Test func aPatternThatFindsNothingIsAnErrorThatNamesIt() throws {
    let session = try Models.digits()
    #expect { try session.outcome("*=int8", "conv9*=int4") } throws: { "\($0)".contains("\"conv9*\"") }
    #expect(throws: WorkbenchError.self) { try session.outcome("Conv2.weight=int4") }
  }

  @Test func aGroupThatDoesNotFitIsKeptWithANote() throws {
    let outcome = try Models.digits().outcome("*=int4,group=32")
    #expect(outcome.spec("/conv1/Conv") == "keep")
    let note = try #require(outcome.notes["/conv1/Conv"])
    #expect(note.contains("int4,group=32") && note.contains("9 columns"))
    #expect(outcome.notes.count == 1)
    #expect(outcome.spec("/conv2/Conv") == "int4,group=32")
  }

  @Test func aLaterRuleThatDoesNotFitTakesTheEarlierChoiceAway() throws {
    let outcome = try Models.digits().outcome("*=int8,channel", "*=int4,group=32")
    #expect(outcome.spec("/conv1/Conv") == "keep")
    let back = try Models.digits().outcome("*=int4,group=32", "*=int8,channel")
    #expect(back.spec("/conv1/Conv") == "int8,channel")
    #expect(back.notes.isEmpty)
  }

  @Test func aGroupThatDoesNotFitALayerNamedExactlyIsAnError() throws {
    let session = try Models.digits()
    for name in ["/conv1/Conv", "conv1.weight"] {
      #expect { try session.outcome("\(name)=int4,group=32") } throws: {
        "\($0)".contains("/conv1/Conv") && "\($0)".contains("9 columns")
      }
    }
  }

  @Test func anEarlierRecipeStaysWhereNoRuleMatches() throws {
    let session = try Models.digits()
    let first = try session.outcome("*=int8,channel").recipe
    let second = try Outcome.applying([try Rule("/fc1*=int4")], to: session.items, over: first)
    #expect(second.spec("/fc1/Gemm") == "int4,group=32")
    #expect(second.spec("/fc2/Gemm") == "int8,channel")
  }

  /// llama.cpp's `tensor_type_fallback`: what stands in where a row is no multiple of the block.
  @Test(arguments: [
    ("q2_k", "q4_0"), ("q3_k", "q4_0"), ("tq1_0", "q4_0"), ("tq2_0", "q4_0"), ("q4_k", "q5_0"),
    ("q5_k", "q5_1"),
    ("q6_k", "q8_0"), ("iq4_xs", "iq4_nl"), ("iq1_s", "iq4_nl"), ("iq1_m", "iq4_nl"), ("iq2_xxs", "iq4_nl"),
    ("iq2_xs", "iq4_nl"), ("iq2_s", "iq4_nl"), ("iq3_xxs", "iq4_nl"), ("iq3_s", "iq4_nl"),
  ])
  func theFallbackIsThatOfLlamaCpp(asked: String, substitute: String) throws {
    let session = try Models.matrices(columns: [256, 96, 33], in: ScratchFolder())
    let outcome = try session.outcome("*=\(asked)", fallback: true)
    #expect(outcome.spec("w256") == asked)
    #expect(outcome.spec("w96") == substitute)
    #expect(outcome.spec("w33") == "f16")
    #expect(outcome.notes["w256"] == nil)
    for name in ["w96", "w33"] {
      let note = try #require(outcome.notes[name])
      #expect(note.contains(asked) && note.contains(outcome.spec(name)))
    }
  }

  @Test func withoutTheFallbackTheSameStaysAndANameIsAnError() throws {
    let session = try Models.matrices(columns: [256, 96], in: ScratchFolder())
    #expect(try session.outcome("*=q4_k").spec("w96") == "keep")
    #expect(throws: WorkbenchError.self) { try session.outcome("w96=q4_k") }
    #expect(try session.outcome("w96=q4_k", fallback: true).spec("w96") == "q5_0")
  }

  @Test func theFallbackIsNoneForWidthsThatLlamaCppDoesNotHave() throws {
    let session = try Models.digits()
    #expect(try session.outcome("*=int4,group=32", fallback: true).spec("/conv1/Conv") == "keep")
  }
}
