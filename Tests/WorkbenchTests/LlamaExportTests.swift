import Checkpoints
import Compression
import Foundation
import Support
import Testing

@testable import Workbench

@Suite struct LlamaExportTests {
  /// Every tensor that llama-quantize would quantise in the sample, as the README lists GGUF's names.
  static let quantisable: Set<String> = Set(
    ["token_embd.weight", "output.weight"]
      + (0..<3).flatMap { block in
        ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"]
          .map { "blk.\(block).\($0).weight" }
      })

  /// The file's entries: split at white space, then at the first `=`, as llama-quantize does.
  private func entries(_ session: Session) throws -> [(pattern: String, type: String)] {
    let text = String(decoding: try session.export(to: .llama, path: "types.txt").bytes, as: UTF8.self)
    return text.split(whereSeparator: \.isWhitespace).map { entry in
      (String(entry.prefix { $0 != "=" }), String(entry.drop { $0 != "=" }.dropFirst()))
    }
  }

  /// The type that the first pattern found in a name gives it (ECMAScript's search).
  private func type(of name: String, in entries: [(pattern: String, type: String)]) throws -> String? {
    for (pattern, type) in entries {
      let expression = try NSRegularExpression(pattern: pattern)
      if expression.firstMatch(in: name, range: NSRange(location: 0, length: (name as NSString).length))
        != nil
      {
        return type
      }
    }
    return nil
  }

  @Test func everyQuantisableTensorIsListedThoseThatStayToo() throws {
    for var session in [try Models.llamaGGUF(), try Models.llama()] {
      try session.set("*ffn_gate*=q4_0", "*gate_proj*=q4_0", matching: session)
      let entries = try entries(session)
      #expect(entries.count == Self.quantisable.count)
      for name in Self.quantisable {
        #expect(try type(of: name, in: entries) == (name.contains("ffn_gate") ? "q4_0" : "f16"))
      }
    }
  }

  @Test func normsAreNotListed() throws {
    var session = try Models.llamaGGUF()
    try session.set("*=q8_0")
    let entries = try entries(session)
    for name in ["output_norm.weight", "blk.0.attn_norm.weight", "blk.2.ffn_norm.weight"] {
      #expect(try type(of: name, in: entries) == nil)
    }
  }

  @Test func eachPatternFindsItsOwnNameAlone() throws {
    var session = try Models.llamaGGUF()
    try session.set("*=q8_0")
    let names = session.items.map(\.tensorName)
    for (pattern, _) in try entries(session) {
      let expression = try NSRegularExpression(pattern: pattern)
      let found = names.filter {
        expression.firstMatch(in: $0, range: NSRange(location: 0, length: ($0 as NSString).length)) != nil
      }
      #expect(found.count == 1)
      #expect(found.first.map(Self.quantisable.contains) == true)
    }
  }

  @Test(arguments: ["blk.0.attn_q.weight", "a+b", "w(1)[2]{3}", "x|y^z$", #"back\slash"#, "*?.", "a b=c"])
  func anEscapedNameIsAnExpressionForItAlone(name: String) throws {
    let pattern = "^\(LlamaNames.escaped(name))$"
    let expression = try NSRegularExpression(pattern: pattern)
    func finds(_ text: String) -> Bool {
      expression.firstMatch(in: text, range: NSRange(location: 0, length: (text as NSString).length)) != nil
    }
    #expect(finds(name))
    #expect(!finds(name.replacing(".", with: "X") + "X"))
    #expect(!finds("X" + name))
  }

  @Test func typesAreGgmlsLowerCaseNames() throws {
    var session = try Models.llamaGGUF()
    let types = ["q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "q6_k", "iq4_xs", "tq1_0", "mxfp4", "bf16"]
    for (index, type) in types.enumerated() {
      try session.set("blk.\(index % 3).\(["attn_q", "attn_k", "ffn_up", "ffn_down"][index / 3])=\(type)")
    }
    #expect(Set(types).isSubset(of: Set(try entries(session).map(\.type))))
  }

  @Test func theCommandNamesAQuantisedBaseType() throws {
    var session = try Models.llamaGGUF()
    try session.set("*=q4_k", "output*=q6_k")
    let usage = try session.export(to: .llama, path: "types.txt").usage
    #expect(usage.hasPrefix("llama-quantize ") && usage.contains("--tensor-type-file types.txt"))
    #expect(!usage.contains("--pure"))
    // Overrides are ignored under a base type that is not quantised.
    #expect(["Q4_K_S", "Q6_K"].contains(usage.split(separator: " ").last.map(String.init)))
    #expect(!(try Models.llamaGGUF().export(to: .llama, path: "t").usage.hasSuffix("F16")))
  }

  @Test(arguments: ["int4", "nf4", "q4_0,sparsity=0.5", "int8,channel"])
  func whatLlamaCppCannotSayIsRefusedByName(spec: String) throws {
    var session = try Models.llamaGGUF()
    try session.set("*=q8_0", "blk.1.ffn_up=\(spec)")
    #expect { try session.export(to: .llama, path: "t") } throws: {
      "\($0)".contains("blk.1.ffn_up") && !"\($0)".contains("blk.0.ffn_up")
    }
  }

  @Test func aNormThatWasChosenIsRefusedByName() throws {
    var session = try Models.llamaGGUF()
    try session.set("*=q8_0", "output_norm=f16")
    #expect { try session.export(to: .llama, path: "t") } throws: { "\($0)".contains("output_norm") }
  }

  @Test func aModelWhoseNamesLlamaCppDoesNotHaveIsRefused() throws {
    let session = try Models.digits()
    #expect { try session.export(to: .llama, path: "t") } throws: { "\($0)".contains("digits-cnn.onnx") }
  }

  @Test func namesAreTranslatedAsTheSamplesTwoFormsHaveThem() throws {
    let names = try LlamaNames(try Models.llama().checkpoint)
    let theirs = Set(try Models.llama().items.map(\.tensorName).compactMap(names.name))
    #expect(theirs == Set(try Models.llamaGGUF().items.map(\.tensorName)))
  }

  /// The type file speaks of the tensors that the file itself would have.
  @Test(arguments: ["llama3", "llama-pieces", "qwen2", "qwen3", "gemma2", "gemma3", "bert"])
  func everyFamilysNamesAreTranslated(name: String) throws {
    var session = Session(try Checkpoint.open(fixture("huggingface/\(name)")))
    let names = Set(try session.ggufPlan().header.tensors.map(\.name))
    try session.set("*att*=q8_0")
    for (pattern, _) in try entries(session) {
      let plain = pattern.dropFirst().dropLast().replacing("\\", with: "")
      #expect(names.contains(String(plain)), "\(plain)")
    }
    #expect(try entries(session).count >= 4)
  }

  @Test func whatWasWrittenVerifiesUntilItIsChanged() throws {
    let folder = try ScratchFolder()
    var session = try Models.llamaGGUF()
    try session.set("*=q8_0")
    _ = try session.write(.llama, to: folder.path("t"))
    try session.verify(.llama, at: folder.path("t"))
    try folder.write("^output\\.weight$=q8_0\n", to: "t")
    #expect(throws: WorkbenchError.self) { try session.verify(.llama, at: folder.path("t")) }
  }
}

extension Session {
  /// Sets those of the rules whose patterns the model knows.
  fileprivate mutating func set(_ rules: String..., matching session: Session) throws {
    for rule in try rules.map({ try Rule($0) })
    where session.items.contains(where: { rule.pattern.matches($0.name) }) {
      try apply([rule])
    }
  }
}
