import Checkpoints
import Compression
import Foundation
import Inference
import Support
import Testing

@testable import Workbench

/// What there is to choose from, and what is chosen.
@Suite struct SearchTests {
  private func digits(_ rules: [String] = []) throws -> Session {
    var session = Session(try Checkpoint.open(Fixtures.sample("digits-cnn.onnx")))
    try session.apply(rules.map { try Rule($0) })
    session.settle(session.searchQuestions())
    session.settleEstimate()
    return session
  }

  @Test func theFrontRisesInBytesAndFallsInHarm() throws {
    let session = try digits()
    let front = SearchFront(session.searchMenu())
    #expect(front.count > 20)
    #expect(zip(front.bytes, front.bytes.dropFirst()).allSatisfy { $0 < $1 })
    #expect(zip(front.harms, front.harms.dropFirst()).allSatisfy { $0 >= $1 })
    for point in stride(from: 0, to: front.count, by: 7) {
      let recipe = front.recipe(at: point)
      #expect(session.estimate { recipe[$0] }.bytes == front.bytes[point])
    }
    // The last keeps every layer.
    #expect(front.recipe(at: front.count - 1).choices.isEmpty && abs(front.harms.last ?? 1) < 1e-9)
    #expect(front.point(within: front.bytes[5]) == 5 && front.point(within: front.bytes[5] - 1) == 4)
    #expect(front.point(within: front.bytes[0] - 1) == nil)
  }

  @Test func aBudgetIsKeptToTheByteAndUsed() throws {
    var session = try digits()
    for text in ["3bpw", "4.5bpw", "6x", "30000B"] {
      let budget = try Budget(spec: text)
      let answer = try #require(try session.tune(TuningRequest([budget]))).answer
      let (limit, used): (Double, Double) =
        switch budget.limit {
        case .bitsPerWeight(let bits): (bits, answer.bitsPerWeight)
        case .ratio(let ratio): (Double(session.estimate.originalBytes) / ratio, Double(answer.bytes))
        case .bytes(let bytes): (Double(bytes), Double(answer.bytes))
        default: (0, 1)
        }
      #expect(used <= limit && used > 0.99 * limit, "\(text): \(used) of \(limit)")
    }
  }

  @Test func severalBudgetsAreKeptTogether() throws {
    var session = try digits()
    let device = try #require(DeviceProfile.all.first)
    // Twice what the smallest recipe gives is out of reach, a tenth of it is none.
    let slow = try Budget(spec: "1img/s@\(device.name)")
    let answer = try #require(try session.tune(TuningRequest([slow, try Budget(spec: "5bpw")]))).answer
    #expect(answer.bitsPerWeight <= 5 && answer.bitsPerWeight > 4.9)
    #expect(throws: WorkbenchError.self) {
      try session.tune(TuningRequest([try Budget(spec: "1e15img/s@\(device.name)")]))
    }
  }

  @Test func whatWasChosenStays() throws {
    var session = try digits(["/fc1/Gemm=int8,channel"])
    let menu = session.searchMenu()
    #expect(!menu.groups.contains { $0.names.contains("/fc1/Gemm") })
    let answer = try #require(try session.tune(TuningRequest([try Budget(spec: "6bpw")]))).answer
    #expect(answer.recipe.choices["/fc1/Gemm"] == .init(try Scheme(spec: "int8,channel"), by: .rule))
    // What a search chose is chosen anew.
    session.commit(answer.recipe)
    #expect(session.searchMenu().groups.count == menu.groups.count)
  }

  @Test func layersThatAreLockedMoveTogether() throws {
    var session = Session(try Checkpoint.open(Fixtures.sample("shakespeare-llama")))
    session.lock(session.lockable)
    session.survey()
    let menu = session.searchMenu([try Scheme(spec: "int4"), try Scheme(spec: "int6"), try Scheme(spec: "int8")])
    #expect(menu.groups.contains { $0.items.count == 3 } && menu.groups.contains { $0.items.count == 2 })
    let recipe = try #require(menu.search(bytes: 2_000_000)).recipe
    let schemes = ["q_proj", "k_proj", "v_proj"].map { recipe.choices["model.layers.1.self_attn.\($0)"]?.scheme }
    #expect(Set(schemes).count == 1 && schemes[0] != nil)
    #expect(
      Set(recipe.choices.values.map { "\($0.scheme)" }).isSubset(of: [
        "int4,group=32", "int6,group=32", "int8,group=32",
      ]))
  }

  @Test func marksAreBudgetsThatPointsKeep() throws {
    let session = try digits()
    let front = SearchFront(session.searchMenu())
    let marks = front.marks()
    #expect(marks.count > 4 && marks.contains { $0.name.contains("4.0 bits per weight") })
    for mark in marks where mark.name == "4.0 bits per weight" {
      let recipe = front.recipe(at: mark.point)
      let next = front.recipe(at: mark.point + 1)
      #expect(session.estimate { recipe[$0] }.bitsPerWeight <= 4 && session.estimate { next[$0] }.bitsPerWeight > 4)
    }
  }

  @Test func aReasonNamesThePriceOfTheNextStep() throws {
    var session = try digits()
    let front = SearchFront(session.searchMenu())
    session.commit(front.recipe(at: front.count / 2))
    let item = try #require(session.item(named: "/conv3/Conv"))
    let reason = try #require(session.searchMenu(isWhole: true).reason(for: item.id, in: session.recipe))
    let (present, paid) = (try #require(reason.present), try #require(reason.paid))
    #expect(reason.options[present].scheme == session.recipe[item])
    // On the front every step taken is worth more than what is paid, every other less.
    if present > 0 { #expect(reason.prices[present - 1] >= paid * 0.999) }
    if present < reason.prices.count { #expect(reason.prices[present] <= paid * 1.001) }
  }

  @Test func aPreviewIsOneStepOrNone() throws {
    var session = try digits()
    session.change([session.items[0].id]) { _, _ in Scheme(.uniform(UniformScheme(bits: 8, granularity: .channel))) }
    let before = session.recipe
    session.undo()
    let front = SearchFront(session.searchMenu())
    for point in [3, 4, 5] { session.preview(front.recipe(at: point)) }
    #expect(session.isPreviewing && session.recipe == front.recipe(at: 5))
    session.dropPreview()
    #expect(!session.isPreviewing && session.recipe == Recipe())
    session.redo()
    #expect(session.recipe == before)
    for point in [3, 4] { session.preview(front.recipe(at: point)) }
    session.takePreview()
    #expect(session.recipe == front.recipe(at: 4))
    session.undo()
    #expect(session.recipe == before)
  }

  /// The sample as GGUF, calibrated on some lines.
  private func languageModel(_ text: String) throws -> Session {
    var session = try Models.llamaGGUF()
    let request = SensitivityRequest(.init(data: text, context: 64), samples: 2, recipes: 2)
    try session.adopt(try #require(try session.sensitivities(request)))
    session.settle(session.searchQuestions())
    session.settleEstimate()
    return session
  }

  /// Within a harm, too, llama.cpp's own mixes are compared: none of those that were measured and keep it is smaller.
  @Test func withinAHarmTheSmallestOwnMixIsCompared() throws {
    let folder = try ScratchFolder()
    let play = try String(contentsOfFile: Fixtures.sample("shakespeare-calibration.txt"), encoding: .utf8)
    let text = folder.path + "/text.txt"
    try String(play.prefix(2000)).write(toFile: text, atomically: true, encoding: .utf8)
    var session = try languageModel(text)
    for budget in ["kl=0.01", "kl=0.1"] {
      let budget = try Budget(spec: budget)
      let estimated = try #require(try session.tune(TuningRequest([budget])))
      let mix = try #require(estimated.candidates.first { LlamaMix.names.contains($0.name) }, "\(budget)")
      #expect(mix.keepsBudgets && mix.metrics.isEmpty)
      // By the estimate every smaller one does too much.
      for (name, recipe) in session.mixes where session.estimate({ recipe[$0] }).bytes < mix.bytes {
        session.settle(
          session.items.filter { !recipe[$0].isKeep }.map { .assessment($0.id, recipe[$0]) })
        let predicted = session.prediction(of: session.estimate { recipe[$0] })?.value ?? 0
        #expect(predicted > budget.most ?? 0, "\(budget): \(name) is smaller than \(mix.name)")
      }
      var request = TuningRequest([budget], measurement: .init(data: text, context: 64))
      request.samples = 2
      let measured = try #require(try session.tune(request))
      let own = measured.candidates.filter { LlamaMix.names.contains($0.name) }
      #expect(!own.isEmpty && own.allSatisfy { !$0.metrics.isEmpty })
      #expect(own.allSatisfy { !$0.keepsBudgets || $0.bytes >= measured.answer.bytes })
    }
  }

  /// Within a speed the largest that keeps it.
  @Test func withinASpeedAnOwnMixIsCompared() throws {
    var session = try Models.llamaGGUF()
    session.settle(session.searchQuestions())
    session.settleEstimate()
    let device = try #require(DeviceProfile.all.first)
    func rate(_ recipe: Recipe) -> Double {
      var other = session
      other.commit(recipe)
      return other.estimate(on: device, context: 0).perSecond ?? 0
    }
    let asked = rate(try #require(session.mix(named: "Q4_K_M")))
    let budget = try Budget(spec: "\(0.999 * asked)tok/s@\(device.name)")
    let found = try #require(try session.tune(TuningRequest([budget])))
    let mix = try #require(found.candidates.first { LlamaMix.names.contains($0.name) })
    #expect(rate(mix.recipe) >= 0.999 * asked)
    #expect(session.mixes.allSatisfy { rate($0.recipe) < 0.999 * asked || size($0.recipe) <= mix.bytes })
    func size(_ recipe: Recipe) -> Int { session.estimate { recipe[$0] }.bytes }
  }

  /// What a mix does when it is measured says which others are worth a measurement.
  @Test func furtherMixesAreMeasuredWhereThatDecides() throws {
    let session = try digits()
    let harm = [try Budget(spec: "kl=0.1")]
    let names = ["A", "B", "C", "D", "E", "F"]
    /// - Parameter kept: the mixes that keep the harm when they are measured.
    func further(from place: Int, kept: Set<String>, bytes: (Int) -> Int) throws -> [String] {
      var mixes = Session.OwnMixes(place: place)
      mixes.drafts = names.enumerated().map { (.init(name: $1, recipe: Recipe()), bytes($0)) }
      func candidate(_ name: String) -> Tuning.Candidate {
        let place = names.firstIndex(of: name)
        var one = Tuning.Candidate(
          name: name, recipe: Recipe(), bytes: place.map(bytes) ?? 1 << 30, bitsPerWeight: 4, harm: 1)
        one.keepsBudgets = place == nil || kept.contains(name)
        return one
      }
      let first = [candidate("search"), candidate(names[place])]
      return try #require(session.further(mixes, beside: first, harm) { candidate($0.name) }).map(\.name)
    }
    let small = { (place: Int) in 100 + place }
    #expect(try further(from: 2, kept: ["C"], bytes: small) == ["B"])
    #expect(try further(from: 2, kept: ["B", "C"], bytes: small) == ["B", "A"])
    #expect(try further(from: 2, kept: ["E", "F"], bytes: small) == ["D", "E"])
    #expect(try further(from: 0, kept: [], bytes: small) == ["B", "C", "D"])
    // What is larger than what was found is measured in vain.
    #expect(try further(from: 2, kept: [], bytes: { _ in 1 << 40 }) == [])
  }
}
