import Compression
import Testing
import Workbench

@Suite struct PatternTests {
  @Test(arguments: [
    ("*", "", true), ("*", "model.layers.0/x", true), ("a*", "a", true), ("a*c", "a.b/c", true),
    ("a*c", "a.b/d", false),
    ("*.weight", "blk.0.attn_q.weight", true), ("*.weight", "blk.0.attn_q.bias", false),
    ("**a**", "bab", true),
    ("", "", true), ("", "a", false), ("conv", "conv1", false), ("conv", "xconv", false),
    ("/fc*", "/fc1/Gemm", true),
  ])
  func aStarMatchesAnyRunDotsAndSlashesIncluded(pattern: String, name: String, expected: Bool) {
    #expect(Pattern(pattern).matches(name) == expected)
  }

  @Test(arguments: [
    ("a?c", "abc", true), ("a?c", "a.c", true), ("a?c", "ac", false), ("?", "", false), ("??", "é1", true),
    ("conv?", "conv12", false),
  ])
  func aQuestionMarkMatchesOneCharacter(pattern: String, name: String, expected: Bool) {
    #expect(Pattern(pattern).matches(name) == expected)
  }

  @Test(arguments: [
    ("[abc]", "b", true), ("[abc]", "d", false), ("blk.[0-3].*", "blk.2.w", true),
    ("blk.[0-3].*", "blk.4.w", false),
    ("[!0-9]", "x", true), ("[!0-9]", "5", false), ("[^0-9]", "5", false), ("[]x]", "]", true),
    ("[a-]", "-", true),
    ("[\\]]", "]", true), ("[*?]", "*", true), ("[*?]", "a", false), ("x[0-9]*", "x1y", true),
  ])
  func aSetMatchesOneOfItsCharacters(pattern: String, name: String, expected: Bool) {
    #expect(Pattern(pattern).matches(name) == expected)
  }

  @Test(arguments: ["[abc", "a[", "w[!", "w[]"])
  func aBracketThatIsNotClosedStandsForItself(text: String) {
    #expect(Pattern(text).matches(text))
    #expect(Pattern(text).isLiteral)
  }

  @Test(arguments: [
    (#"\*"#, "*", true), (#"\*"#, "a", false), (#"a\?b"#, "a?b", true), (#"a\?b"#, "axb", false),
    (#"w\[0\]"#, "w[0]", true), (#"w[0]"#, "w[0]", false), (#"\\"#, #"\"#, true), (#"a\"#, #"a\"#, true),
  ])
  func aBackslashTakesTheNextCharacterAsItIs(pattern: String, name: String, expected: Bool) {
    #expect(Pattern(pattern).matches(name) == expected)
  }

  @Test func aPatternIsLiteralWhenNothingInItIsAWildcard() {
    #expect(Pattern("blk.0.attn_q.weight").isLiteral)
    #expect(Pattern(#"w\[0\]\*"#).isLiteral)
    #expect(!Pattern("a*").isLiteral)
    #expect(!Pattern("a?").isLiteral)
    #expect(!Pattern("[ab]").isLiteral)
  }

  /// A matcher that goes back over every star would need more steps than there are atoms.
  @Test(.timeLimit(.minutes(2))) func manyStarsOverALongNameAreMatchedAtOnce() {
    let name = String(repeating: "a", count: 20_000)
    let pattern = Pattern(String(repeating: "*a", count: 40) + "*b")
    #expect(!pattern.matches(name))
    #expect(Pattern(String(repeating: "*a", count: 40) + "*").matches(name))
  }
}

@Suite struct RuleTests {
  @Test(arguments: [
    ("*=int4,group=32", "*", "int4,group=32"), ("a=b=int8,channel", "a=b", "int8,channel"),
    ("x=keep=int8,tensor", "x=keep", "int8,tensor"),
    ("w=int4,range=percentile=99.5", "w", "int4,group=32,range=percentile=99.5"),
    ("w=int4,channel,coding=huffman", "w", "int4,channel,coding=huffman"), ("*=FP16", "*", "f16"),
    ("*=keep", "*", "keep"),
    ("w=int4,sparsity=channel:0.25", "w", "int4,group=32,sparsity=channel:0.25"), ("k=v=Q4_K", "k=v", "q4_k"),
  ])
  func theLastEqualsSignBeforeASchemeWordSplits(text: String, pattern: String, spec: String) throws {
    let rule = try Rule(text)
    #expect(rule.pattern.description == pattern)
    #expect(rule.scheme.description == spec)
  }

  /// `bf16` and `fp16` are scheme words and values of `scale=`.
  @Test(arguments: [
    ("*=int4,channel,scale=bf16", "*", "int4,channel,scale=bf16"),
    ("a=b=int4,scale=fp16", "a=b", "int4,group=32"),
    ("*=int8,scale=bf16,affine", "*", "int8,group=32,affine,scale=bf16"), ("scale=bf16", "scale", "bf16"),
  ])
  func theTypeOfAScaleIsNotTakenForAScheme(text: String, pattern: String, spec: String) throws {
    let rule = try Rule(text)
    #expect(rule.pattern.description == pattern)
    #expect(rule.scheme.description == spec)
  }

  @Test(arguments: [
    ("conv1", "PATTERN=SPEC"), ("", "PATTERN=SPEC"), ("=int4", "no pattern"), ("*=int9", "int9"),
    ("*=", "\"\""),
  ])
  func whatIsNoRuleIsRefusedWithWhatWasFound(text: String, named: String) {
    #expect { try Rule(text) } throws: { "\($0)".contains(named) }
  }
}
