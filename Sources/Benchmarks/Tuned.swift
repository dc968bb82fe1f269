import Checkpoints
import Compression
import Inference
import Workbench

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Tuned recipes against one scheme everywhere at the same size, on data that neither has seen; and how long a search takes.
struct Tuned {
  /// MODEL CALIBRATION TEST of one's own.
  let more: [String]

  private static let budgets = [3.0, 3.5, 4.0, 4.5]

  func run() throws {
    Table.title("tuned recipes against the best uniform one within the same bits per weight, on held-out data")
    for one in Truth.cases(more) { try run(one) }
  }

  private func run(_ one: Truth.Case) throws {
    var session = Session(try Checkpoint.open(one.model))
    let calibration = MeasurementRequest(data: one.calibration, context: one.context)
    guard let found = try session.sensitivities(SensitivityRequest(calibration)) else {
      throw Failure("\(one.name): called off")
    }
    try session.adopt(found)
    session.settle(session.searchQuestions())
    session.settleEstimate()
    let difference = found.difference
    func value(_ metrics: [Measurement.Metric]) -> Double {
      let figure = metrics.first { $0.name == difference.metricName }?.value ?? .nan
      return difference == .cosine ? 1 - figure : figure
    }
    let menu = session.searchMenu()
    // One scheme everywhere, each measured once.
    let uniform = menu.uniformRecipes.map { one -> (name: String, recipe: Recipe, bits: Double) in
      (one.name, one.recipe, session.estimate { one.recipe[$0] }.bitsPerWeight)
    }.filter { $0.bits < 5 }
    let test = MeasurementRequest(data: one.test, context: one.context)
    guard let measured = try session.measure(uniform.map(\.recipe), on: test, samples: one.samples) else { return }
    for bits in Self.budgets {
      var request = TuningRequest([try Budget(spec: "\(bits)bpw")], measurement: calibration)
      request.samples = one.samples
      var tuned: Tuning?
      let cost = try seconds { tuned = try session.tune(request) }
      guard let answer = tuned?.answer,
        let own = try session.measure([answer.recipe], on: test, samples: one.samples)?.first
      else { continue }
      let rivals = zip(uniform, measured).filter { $0.0.bits <= bits + 1e-9 }
      guard let best = rivals.min(by: { value($0.1) < value($1.1) }) else { continue }
      let plain = zip(uniform, measured).first { $0.0.name == "int\(Int(bits)),group=32" && bits != bits.rounded() }
      var note = "best uniform \(best.0.name) at \(fixed(best.0.bits, 2)): \(short(value(best.1)))"
      if let plain { note += "; ratio to \(plain.0.name) \(fixed(value(own) / value(plain.1), 2))" }
      Table.row(
        "\(one.name), \(bits) bpw", "\(short(value(own))), ratio \(fixed(value(own) / value(best.1), 2))",
        "\(note); \(answer.name), \(fixed(answer.bitsPerWeight, 3)) bpw, \(fixed(cost, 1)) s")
    }
  }

  private func short(_ value: Double) -> String { "\(Float(value))" }
}

/// What a search itself takes, without anything measured.
struct Searching {
  func run() {
    Table.title("the search alone: layers × schemes, for one budget and for the whole front")
    for (layers, options) in [(100, 50), (1000, 50), (10_000, 20)] {
      let menu = artificial(layers, options)
      let (low, high) = (
        menu.groups.reduce(0) { $0 + $1.options[0].bytes }, menu.groups.reduce(0) { $0 + ($1.options.last?.bytes ?? 0) }
      )
      var gap = 0.0
      let one = best(of: 5) { gap = menu.search(bytes: low + (high - low) * 2 / 5)?.gap ?? .nan }
      var points = 0
      let front = best(of: 5) { points = SearchFront(menu).count }
      Table.row(
        "\(layers) × \(options)", "\(fixed(one * 1000, 1)) ms, gap \(percent(gap))",
        "front of \(points) points: \(fixed(front * 1000, 1)) ms")
    }
  }

  /// Layers of unlike sizes and sensitivities; options of unlike bits, whose harm falls by four a bit, give or take.
  private func artificial(_ layers: Int, _ options: Int) -> SearchMenu {
    var state: UInt64 = 16
    func chance() -> Double {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Double(state >> 11) / 0x1p53
    }
    let keep = Scheme.keep
    return SearchMenu(
      (0..<layers).map { layer in
        let (count, harm) = (1 << (16 + Int(chance() * 6)), pow(10, -5 + 4 * chance()))
        let all = (0..<options).map { _ -> SearchMenu.Option in
          let bits = 1.5 + 7 * chance()
          return .init(
            scheme: keep, bytes: Int(bits * Double(count) / 8), harm: harm * pow(4, -bits) * (0.7 + 0.6 * chance()))
        }
        return .init(
          items: [layer], names: ["layer \(layer)"], count: count, options: all.sorted { $0.bytes < $1.bytes })
      })
  }

  private func best(of count: Int, _ body: () -> Void) -> Double {
    (0..<count).map { _ in (try? seconds { body() }) ?? .infinity }.min() ?? .infinity
  }
}
