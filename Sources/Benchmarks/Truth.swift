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

/// Estimates against measurements: recipes that no calibration has seen, on data that none has seen.
///
/// Of each model 60 recipes from two bits to eight, and 20 in each band of ± 2 % around three, four and five bits per
/// weight; and 50 more, half at random, half near the front, for the intervals.
struct Truth {
  /// Where the points go, for the picture: `Screenshots/truth.csv`.
  let file: String?
  let more: [String]

  struct Case {
    let name: String
    let model: String
    let calibration: String
    let test: String
    /// Schemes a layer may have, fewest bits first.
    let menu: [String]
    /// Besides, those of a weight that takes nothing of the menu with less than four bits.
    var narrow: [String] = []
    var context: Int?
    /// Test samples that score a recipe.
    var samples = 1 << 20
  }

  static let integers =
    ["int2", "int3", "int4", "int5", "int6", "int8"] + [
      "int3,affine", "int4,affine", "int5,group=64", "int4,group=128",
    ]
  static let sparse = integers + ["int8,sparsity=0.3", "int6,sparsity=0.5", "int4,sparsity=2:4"]
  static let ggml = ["q2_k", "q3_k", "iq4_xs", "q4_0", "q4_k", "q5_0", "q5_k", "q6_k", "q8_0"]

  static let samples = [
    Case(
      name: "Shakespeare LM", model: "Samples/shakespeare-llama", calibration: "Samples/shakespeare-calibration.txt",
      test: "Samples/shakespeare-test.txt", menu: integers, context: 256, samples: 64),
    Case(
      name: "digits CNN", model: "Samples/digits-cnn.onnx", calibration: "Samples/digits-calibration.npz",
      test: "Samples/digits-test.npz", menu: sparse),
    Case(
      name: "fashion ResNet", model: "Samples/fashion-resnet.onnx", calibration: "Samples/fashion-calibration.npz",
      test: "Samples/fashion-test.npz", menu: integers, samples: 1000),
  ]

  func run() throws {
    Table.title("estimates against measurements: Spearman's ρ over recipes, 60 wide / 20 at 3 / 4 / 5 bits per weight")
    let cases = Self.cases(more)
    var points = "model,kind,bitsPerWeight,damage,sum,estimate,low,high,measured,standardError\n"
    for one in cases { points += try run(one) }
    guard let file else { return }
    guard let stream = fopen(file, "w") else { throw Failure.system("cannot write \(file)") }
    defer { fclose(stream) }
    fputs(points, stream)
  }

  /// The samples, or models of one's own: MODEL CALIBRATION TEST.
  static func cases(_ more: [String]) -> [Case] {
    var cases = samples.filter { access($0.model, R_OK) == 0 && access($0.calibration, R_OK) == 0 }
    for start in stride(from: 0, to: more.count - 2, by: 3) {
      let name = more[start].split(separator: "/").last.map(String.init) ?? more[start]
      let isGGUF = name.hasSuffix(".gguf")
      cases.append(
        Case(
          name: name, model: more[start], calibration: more[start + 1], test: more[start + 2],
          menu: isGGUF ? ggml : integers, narrow: isGGUF ? ["int2", "int3"] : [], context: isGGUF ? 256 : nil,
          samples: isGGUF ? 8 : 200))
    }
    return more.isEmpty ? cases : Array(cases.suffix(more.count / 3))
  }

  /// A recipe with what was said of it, and what was measured.
  private struct Point {
    let kind: String
    let bits: Double
    let damage: Double
    let sum: Double
    let prediction: Calibration.Prediction
    var measured = 0.0
    var standardError = 0.0
    /// Top-1 as it was expected and as it was measured, where there are labels.
    var top: (expected: Double, measured: Double, baseline: Double)?
    let all: [Calibration.Prediction]
  }

  private func run(_ one: Case) throws -> String {
    let checkpoint = try Checkpoint.open(one.model)
    var session = Session(checkpoint)
    var found: Sensitivities?
    let cost = try seconds {
      var request = SensitivityRequest(.init(data: one.calibration, context: one.context))
      request.recipes = 8
      found = try session.sensitivities(request)
    }
    guard let found else { throw Failure("\(one.name): called off") }
    let schemes = try one.menu.map { try Scheme(spec: $0) }
    let narrow = try one.narrow.map { try Scheme(spec: $0) }
    let items = session.items.filter { $0.kind == .weight && $0.closed == nil }
    session.settle(
      items.flatMap { item in
        item.menu(schemes, narrow).map { Question.assessment(item.id, $0) }
          + (item.obstacle(to: Estimate.unit) == nil ? [.assessment(item.id, Estimate.unit)] : [])
      })
    // Sparse schemes are measured alone, each as it would be chosen.
    try session.adopt(try withSparse(found, schemes, one, session))
    var maker = RecipeMaker(session, items, items.map { $0.menu(schemes, narrow) })
    var points = maker.recipes().map { kind, recipe -> (Recipe, Point) in
      let estimate = session.estimate { recipe[$0] }
      let prediction = session.prediction(of: estimate)
      return (
        recipe,
        Point(
          kind: kind, bits: estimate.bitsPerWeight, damage: estimate.damage ?? 0, sum: estimate.effect ?? 0,
          prediction: prediction ?? .init(metric: "", value: 0, low: 0, high: 0, method: ""),
          all: session.predictions(of: estimate))
      )
    }
    let test = MeasurementRequest(data: one.test, context: one.context)
    guard let metrics = try session.measure(points.map(\.0), on: test, samples: one.samples) else {
      throw Failure("\(one.name): called off")
    }
    for (index, metrics) in metrics.enumerated() {
      guard let own = metrics.first(where: { $0.name == found.difference.metricName }) else { continue }
      points[index].1.measured = found.difference == .cosine ? 1 - own.value : own.value
      points[index].1.standardError = own.standardError ?? 0
      if let top = metrics.first(where: { $0.name == "top-1" }),
        let expected = points[index].1.all.first(where: { $0.metric == "top-1" })
      {
        points[index].1.top = (expected.value, top.value, top.baseline ?? 0)
      }
    }
    report(one, found, points.map(\.1), cost)
    return points.map(\.1).map {
      "\(one.name),\($0.kind),\($0.bits),\($0.damage),\($0.sum),\($0.prediction.value),\($0.prediction.low),"
        + "\($0.prediction.high),\($0.measured),\($0.standardError)\n"
    }.joined()
  }

  /// The sensitivities with each sparse scheme of the menu measured alone too.
  private func withSparse(
    _ found: Sensitivities, _ schemes: [Scheme], _ one: Case, _ session: Session
  ) throws -> Sensitivities {
    var whole = found
    for scheme in schemes where scheme.sparsity != .none {
      var other = session
      try other.apply([Rule("*=\(scheme)")])
      other.settleEstimate()
      let request = SensitivityRequest(.init(data: one.calibration, context: one.context), recipes: 0)
      guard let measured = try other.sensitivities(request) else { continue }
      for (name, layer) in measured.layers {
        for point in layer.points where point.scheme == scheme { whole.layers[name]?.add(point) }
      }
    }
    return whole
  }

  private func report(_ one: Case, _ found: Sensitivities, _ points: [Point], _ cost: Double) {
    func rho(_ kind: String, _ value: (Point) -> Double) -> String {
      let some = points.filter { $0.kind == kind }
      return fixed(spearman(some.map(value), some.map(\.measured)), 3)
    }
    let kinds = ["wide", "3 bpw", "4 bpw", "5 bpw"]
    func row(_ name: String, _ value: (Point) -> Double) {
      Table.row("\(one.name), \(name)", kinds.map { rho($0, value) }.joined(separator: " / "))
    }
    row("bits per weight") { -$0.bits }
    row("Σ n·t²") { $0.damage }
    row("estimate") { $0.prediction.value }
    for kind in ["random", "front"] {
      let some = points.filter { $0.kind == kind && $0.measured > 0 }
      let inside = some.count { $0.measured >= $0.prediction.low && $0.measured <= $0.prediction.high }
      let errors = some.map { abs($0.prediction.value - $0.measured) / $0.measured }.sorted()
      let noise = some.map { $0.standardError / $0.measured }.sorted()
      let factor = some.map { ($0.prediction.high / max(1e-300, $0.prediction.low)).squareRoot() }.sorted()
      guard !some.isEmpty else { continue }
      let middle = some.count / 2
      Table.row(
        "  90 % interval, \(kind)", "holds \(inside) of \(some.count)",
        "factor \(fixed(factor[middle], 2)), median error \(percent(errors[middle])), "
          + "the measurement's own ± \(percent(noise[middle]))")
    }
    let tops = points.compactMap(\.top).filter { $0.baseline - $0.measured < 0.05 }
    if !tops.isEmpty {
      let errors = tops.map { abs($0.expected - $0.measured) * 100 }.sorted()
      Table.row(
        "  top-1 where it falls under 5 points", "median \(fixed(errors[errors.count / 2], 2)) points",
        "90 % within \(fixed(errors[errors.count * 9 / 10], 2)), of \(errors.count) recipes")
    }
    Table.row("  calibration", "\(fixed(cost, 1)) s", "\(found.layers.count) layers, \(found.data.outputs) outputs")
  }
}

extension Item {
  /// What it may take of the schemes, and of those for narrow weights where it needs them.
  fileprivate func menu(_ schemes: [Scheme], _ narrow: [Scheme]) -> [Scheme] {
    let own = schemes.filter { obstacle(to: $0) == nil }
    let isNarrow = !own.contains { 8 * denseBytes(in: $0) < 4 * count }
    return own + (isNarrow ? narrow.filter { obstacle(to: $0) == nil } : [])
  }
}

/// Recipes by chance, the same in every run; another seed than any calibration's.
private struct RecipeMaker {
  private let session: Session
  private let items: [Item]
  /// What each item may take, fewest bytes first.
  private let menus: [[Scheme]]
  private var state: UInt64 = 20_261_130

  init(_ session: Session, _ items: [Item], _ offered: [[Scheme]]) {
    var (kept, menus): ([Item], [[Scheme]]) = ([], [])
    for (item, offered) in zip(items, offered) {
      var menu = offered
      if menu.isEmpty {
        menu = (2...8).map { Scheme(.uniform(UniformScheme(bits: $0, granularity: .channel))) }
          .filter { item.obstacle(to: $0) == nil && session.relativeError(of: item, in: $0) != nil }
      }
      menu = menu.filter { session.relativeError(of: item, in: $0) != nil }
      guard !menu.isEmpty else { continue }
      kept.append(item)
      menus.append(menu.sorted { session.bytes(of: item, in: $0).bytes < session.bytes(of: item, in: $1).bytes })
    }
    (self.session, self.items, self.menus) = (session, kept, menus)
  }

  mutating func recipes() -> [(String, Recipe)] {
    var all: [(String, Recipe)] = []
    for _ in 0..<60 {
      let centre = chance()
      all.append(("wide", recipe(menus.map { level(centre, 0.35, $0.count) })))
    }
    let least = bits(menus.map { _ in 0 })
    for bits in [3.0, 4.0, 5.0] {
      // Where even the fewest bits are too many, no recipe is to be found.
      guard least <= 1.02 * bits else { continue }
      var made = 0
      for _ in 0..<4000 where made < 20 {
        guard let levels = band(bits) else { continue }
        made += 1
        all.append(("\(Int(bits)) bpw", recipe(levels)))
      }
    }
    for _ in 0..<25 {
      let centre = 0.15 + 0.6 * chance()
      all.append(("random", recipe(menus.map { level(centre, 0.3, $0.count) })))
    }
    for _ in 0..<25 { all.append(("front", recipe(front(pow(10, -9 + 5 * chance()))))) }
    return all
  }

  private mutating func level(_ centre: Double, _ width: Double, _ count: Int) -> Int {
    let place = centre + width * (2 * chance() - 1)
    return min(count - 1, max(0, Int(place * Double(count))))
  }

  private func bits(_ levels: [Int]) -> Double {
    let recipe = recipe(levels)
    return session.estimate { recipe[$0] }.bitsPerWeight
  }

  /// A random recipe moved, layer by layer, until its size lies within 2 % of the band.
  private mutating func band(_ wanted: Double) -> [Int]? {
    var levels = menus.map { level(chance(), 0.5, $0.count) }
    for _ in 0..<40 * menus.count {
      let now = bits(levels)
      if abs(now / wanted - 1) <= 0.02 { return levels }
      let place = Int(chance() * Double(menus.count))
      levels[place] = min(menus[place].count - 1, max(0, levels[place] + (now > wanted ? -1 : 1)))
    }
    return nil
  }

  /// The least estimated effect at a price of a byte, some layers then moved a step: near the front, not on it.
  private mutating func front(_ price: Double) -> [Int] {
    zip(items, menus).map { item, menu in
      let best = menu.indices.min { cost(item, menu[$0], price) < cost(item, menu[$1], price) } ?? 0
      let step = chance() < 0.2 ? (chance() < 0.5 ? -1 : 1) : 0
      return min(menu.count - 1, max(0, best + step))
    }
  }

  private func cost(_ item: Item, _ scheme: Scheme, _ price: Double) -> Double {
    (session.effect(of: item, in: scheme) ?? 0) + price * Double(session.bytes(of: item, in: scheme).bytes)
  }

  private func recipe(_ levels: [Int]) -> Recipe {
    var recipe = Recipe()
    for (index, item) in items.enumerated() {
      recipe.choices[item.name] = .init(menus[index][min(levels[index], menus[index].count - 1)], by: .search)
    }
    return recipe
  }

  /// 0 to 1.
  private mutating func chance() -> Double {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
    return Double((z ^ z >> 31) >> 11) / 0x1p53
  }
}

/// Spearman's rank correlation; equal values share the mean of their ranks.
private func spearman(_ a: [Double], _ b: [Double]) -> Double {
  func ranks(_ values: [Double]) -> [Double] {
    let order = values.indices.sorted { values[$0] < values[$1] }
    var ranks = [Double](repeating: 0, count: values.count)
    var start = 0
    while start < order.count {
      var end = start
      while end + 1 < order.count, values[order[end + 1]] == values[order[start]] { end += 1 }
      for index in start...end { ranks[order[index]] = Double(start + end) / 2 }
      start = end + 1
    }
    return ranks
  }
  let (x, y) = (ranks(a), ranks(b))
  let n = Double(x.count)
  guard n > 1 else { return .nan }
  let (mx, my) = (x.reduce(0, +) / n, y.reduce(0, +) / n)
  var (xy, xx, yy) = (0.0, 0.0, 0.0)
  for (p, q) in zip(x, y) {
    xy += (p - mx) * (q - my)
    xx += (p - mx) * (p - mx)
    yy += (q - my) * (q - my)
  }
  return xx * yy > 0 ? xy / (xx * yy).squareRoot() : .nan
}
