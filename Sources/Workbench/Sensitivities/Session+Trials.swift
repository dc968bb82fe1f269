import Checkpoints
import Compression
import Inference

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Recipes that are measured as wholes.
extension Session {
  /// Measures several recipes on the same samples; the original is run on them once.
  ///
  /// - Parameters:
  ///   - samples: at most so many, evenly spread; `nil` for all.
  ///   - progress: hears how many are done; `false` calls it off.
  /// - Returns: metrics a recipe, in order; `nil` where it was called off.
  /// - Throws: `WorkbenchError`, as `measure`.
  public func measure(
    _ recipes: [Recipe], on request: MeasurementRequest, samples: Int? = nil, progress: (Int) -> Bool = { _ in true },
    isCancelled: @escaping () -> Bool = { false }
  ) throws -> [[Measurement.Metric]]? {
    func measured<Runnable: Model>(_ model: Runnable) throws -> [[Measurement.Metric]] {
      let data = try model.data(request)
      let most = recipes.map { recipe in items.reduce(0) { $0 + (recipe[$1].isKeep ? 0 : 4 * $1.count) } }.max() ?? 0
      let weights = try model.loadWeights(for: data, beside: most, memory: request.options.memory)
      return try measure(
        recipes, of: model, data, weights, samples: samples ?? .max, request, progress, isCancelled
      ).metrics
    }
    do { return try measured(try checkpoint.model()) } catch let error as InferenceError {
      if error.isCancellation { return nil }
      throw WorkbenchError(error.description)
    } catch is Cancelled {
      return nil
    }
  }

  func measure<Runnable: Model>(
    _ recipes: [Recipe], of model: Runnable, _ data: Runnable.Data, _ weights: Runnable.Weights, samples: Int,
    _ request: MeasurementRequest, _ progress: (Int) -> Bool, _ isCancelled: @escaping () -> Bool
  ) throws -> (metrics: [[Measurement.Metric]], outputs: Int) {
    let walk = try model.walk(data, samples: samples, weights: weights, request, isCancelled: isCancelled)
    var found: [[Measurement.Metric]] = []
    func changes(_ recipe: Recipe) -> [(item: Item, scheme: Scheme)] {
      items.filter { !recipe[$0].isKeep && !$0.isShared }.map { ($0, made(recipe[$0], of: $0)) }
    }
    var forms = Reconstructions(recipes.lazy.flatMap(changes))
    // What is kept leaves as much as a recipe's own weights take.
    let most = recipes.lazy.map { changes($0).reduce(0) { $0 + $1.item.count } }.max() ?? 0
    func hasRoom(_ count: Int) -> Bool { (try? weights.checkRoom(forNumbers: 2 * most + count, of: "")) != nil }
    for recipe in recipes {
      var changed = weights
      for (item, scheme) in changes(recipe) {
        guard progress(found.count), !isCancelled() else { throw InferenceError.cancelled }
        try changed.checkRoom(forNumbers: item.count, of: item.name)
        let values = try forms.values(of: item, in: scheme, hasRoom: hasRoom) {
          try reconstruction(of: item, in: scheme)
        }
        changed = try replaced(item, in: changed, with: values)
      }
      found.append(try walk.metrics(of: changed, isCancelled: isCancelled))
    }
    return (found, walk.count)
  }

  /// So many recipes, measured, with what their layers' effects add up to.
  func trials<Runnable: Model>(
    _ count: Int, of model: Runnable, _ data: Runnable.Data, _ weights: Runnable.Weights, _ found: Sensitivities,
    samples: Int, _ request: MeasurementRequest, _ progress: (SensitivityProgress) -> Bool,
    _ isCancelled: @escaping () -> Bool
  ) throws -> [Trial] {
    let menu = try TrialMenu(self, found, isCancelled: isCancelled)
    let drafts = menu.recipes(count)
    let recipes = drafts.map { draft in
      Recipe(
        choices: Dictionary(
          zip(menu.items, draft.schemes).map { ($0.name, .init($1, by: .search)) }, uniquingKeysWith: { one, _ in one })
      )
    }
    // Their numbers are plain ones, whatever tool is aimed at.
    var plain = self
    plain.take(.none)
    let (metrics, outputs) = try plain.measure(
      recipes, of: model, data, weights, samples: samples, request,
      { progress(.init(done: $0, of: drafts.count, what: "recipes")) }, isCancelled)
    return zip(drafts, metrics).map { draft, metrics in
      Trial(
        name: draft.name, sum: draft.sum, bytes: draft.bytes, outputs: outputs, metrics: metrics.map(Trial.Figure.init),
        data: found.data.name)
    }
  }
}

/// Widths from two to six bits for every layer that was measured, with what each does and takes.
struct TrialMenu {
  struct Recipe {
    let name: String
    let schemes: [Scheme]
    /// Σ of the layers' effects, and what they do to each other.
    let sum: Double
    let bytes: Int
  }

  struct Choice {
    let scheme: Scheme
    let bytes: Int
    let effect: Double
  }

  let items: [Item]
  /// An item's choices, fewest bits first.
  let choices: [[Choice]]
  private let interactions: Interactions?
  /// Bytes of what is not chosen for.
  private let rest: Int

  static let bits = 2...6

  init(_ session: Session, _ found: Sensitivities, isCancelled: @escaping () -> Bool) throws {
    var (items, choices): ([Item], [[Choice]]) = ([], [])
    for item in session.items {
      guard item.kind == .weight, item.closed == nil, let layer = found.layers[item.name],
        case let schemes = Self.bits.compactMap({ Session.integers($0, for: item) }), !schemes.isEmpty
      else { continue }
      if isCancelled() { throw InferenceError.cancelled }
      var table = session.table(of: item, sparsity: .none)
      if table == nil {
        let source = CheckpointWeights(checkpoint: session.checkpoint, item: item)
        table = try ErrorTable.of(source, sparsity: .none, control: PassControl { _ in true })
      }
      let made = schemes.compactMap { scheme -> Choice? in
        guard case .uniform(let uniform) = scheme.format,
          let error = table?[uniform.bits, uniform.symmetry, uniform.granularity],
          let effect = layer.effect(of: scheme, error: error)
        else { return nil }
        return Choice(scheme: scheme, bytes: item.denseBytes(in: scheme), effect: effect)
      }
      guard made.count == schemes.count else { continue }
      items.append(item)
      choices.append(made)
    }
    let chosen = items.reduce(0) { $0 + $1.bytes }
    (self.items, self.choices) = (items, choices)
    interactions = Interactions(
      items.reduce(into: [:]) { all, item in all[item.id] = found.layers[item.name] })
    rest = session.items.reduce(0) { $0 + $1.bytes } - chosen
  }

  /// So many: of each eight, two uniform, three near the front, three at random; the same every time.
  func recipes(_ count: Int) -> [Recipe] {
    guard !items.isEmpty else { return [] }
    let sizes = Self.bits.enumerated().map { level, _ in choices.reduce(0) { $0 + $1[level].bytes } }
    var random = SplitMix64(state: 15)
    var recipes: [Recipe] = []
    var (uniform, front, scattered) = (0, 0, 0)
    // Between three and four bits lies what is chosen most; then what is around it.
    let widths = [2, 1, 3, 0, 4]
    let shares = [0.5, 0.22, 0.75, 0.36, 0.62, 0.12]
    for index in 0..<count {
      switch index % 8 {
      case 0, 3:
        let level = widths[uniform % widths.count]
        recipes.append(make("\(Self.bits.lowerBound + level) bits everywhere", items.map { _ in level }))
        uniform += 1
      case 1, 4, 6:
        let budget = Double(sizes[0]) + shares[front % shares.count] * Double(sizes[sizes.count - 1] - sizes[0])
        recipes.append(make("near the front \(front + 1)", frontier(budget)))
        front += 1
      default:
        // Mostly of neighbouring widths, around a centre that moves.
        let centre = Double(scattered % 3) + 0.8
        let levels = items.map { _ -> Int in
          let step = random.uniform() * 2.6 - 1.3
          return min(sizes.count - 1, max(0, Int((centre + step).rounded())))
        }
        recipes.append(make("random \(scattered + 1)", levels))
        scattered += 1
      }
    }
    return recipes
  }

  private func make(_ name: String, _ levels: [Int]) -> Recipe {
    let chosen = zip(choices, levels).map { $0[min($1, $0.count - 1)] }
    let sum = chosen.reduce(0) { $0 + $1.effect }
    let term = interactions?.term(zip(items, chosen).map { ($0.id, $1.scheme, $1.effect) }) ?? 0
    return Recipe(
      name: name, schemes: chosen.map(\.scheme), sum: sum + max(-0.9 * sum, term),
      bytes: rest + chosen.reduce(0) { $0 + $1.bytes })
  }

  /// The levels that minimise effect + λ · bytes, with the λ at which they take about so many bytes (H. Everett 1963).
  func frontier(_ budget: Double) -> [Int] {
    var (low, high) = (-60.0, 10.0)
    var levels: [Int] = []
    for _ in 0..<60 {
      let price = pow(2, (low + high) / 2)
      levels = choices.map { choices in
        choices.indices.min {
          choices[$0].effect + price * Double(choices[$0].bytes)
            < choices[$1].effect + price * Double(choices[$1].bytes)
        } ?? 0
      }
      let bytes = zip(choices, levels).reduce(0) { $0 + $1.0[$1.1].bytes }
      if Double(bytes) > budget { low = (low + high) / 2 } else { high = (low + high) / 2 }
    }
    return levels
  }
}
