import Checkpoints
import Compression
import FileAccess
import Inference

/// What a recipe would take and give on a device: a model's estimate, never a measurement.
///
///     seconds = max(2 · operations / rate(bits), bytes / bandwidth), layer by layer
///     bytes   = weights that a step reads + keys and values of the context
///     energy  = bytes · energy of a byte + operations · energy of one
public struct DeviceEstimate: Sendable, Hashable {
  /// What is counted a second: `tokens`, `images`.
  public var unit: String
  /// Bytes in memory: all weights, and keys and values.
  public var memoryBytes: Double
  /// Of these keys and values of the context.
  public var cacheBytes: Double
  /// Bytes of weights that a step reads: of mixtures of experts those that are chosen, of an embedding a row.
  public var activeBytes: Double
  /// `nil` where it is not known what a step computes.
  public var perSecond: Double?
  /// Joules a step.
  public var energy: Double?
  public var fits: Bool
}

extension Session {
  /// - Parameters:
  ///   - context: tokens whose keys and values are kept, 16 bits each; of language models.
  ///   - multiplications: by layer, of a graph's sample (`Network.multiplications`); `nil` where they are not known.
  /// - Complexity: O(items).
  public func estimate(
    on device: DeviceProfile, context: Int, multiplications: [Int: Int]? = nil
  ) -> DeviceEstimate {
    let use = DeviceUse(self, on: device, context: context, multiplications: multiplications)
    var (memory, active) = (use.cacheBytes, 0.0)
    var (seconds, energy) = (use.cacheSeconds, use.cacheBytes * device.byteEnergy * 1e-12)
    for (place, item) in items.enumerated() {
      let bytes = Double(parts.part(of: item, at: place).bytes)
      memory += bytes
      guard item.kind != .buffer else { continue }
      active += bytes * use.share(of: item)
      guard item.kind == .weight else { continue }
      seconds += use.seconds(of: item, bytes: bytes)
      energy += use.energy(of: item, bytes: bytes)
    }
    return DeviceEstimate(
      unit: use.isGraph ? "images" : "tokens", memoryBytes: memory, cacheBytes: use.cacheBytes, activeBytes: active,
      perSecond: use.isKnown && seconds > 0 ? 1 / seconds : nil, energy: use.isKnown ? energy : nil,
      fits: memory <= device.memory)
  }
}

/// How a device uses a model's layers in a step: what it reads of each, and what it computes.
struct DeviceUse {
  let device: DeviceProfile
  /// Keys and values of the context.
  let cacheBytes: Double
  let isGraph: Bool
  /// Whether it is known what a step computes.
  let isKnown: Bool
  private let transformer: Transformer?
  private let chosen: Double?
  private let multiplications: [Int: Int]?

  init(_ session: Session, on device: DeviceProfile, context: Int, multiplications: [Int: Int]?) {
    self.device = device
    self.multiplications = multiplications
    isGraph = session.checkpoint.graph != nil
    transformer = isGraph ? nil : try? Transformer(session.checkpoint)
    cacheBytes = transformer?.cacheBytes(context: context) ?? 0
    chosen = session.chosenExperts
    isKnown = isGraph ? multiplications != nil : transformer != nil
  }

  var cacheSeconds: Double { cacheBytes / (device.bandwidth * 1e9) }

  /// A row of an embedding is all that a token reads, unless the head is the same matrix.
  private func isTable(_ item: Item) -> Bool {
    !isGraph && item.role == .embedding && item.layersTies.isEmpty && transformer?.isHead(item.layerIndex) != true
  }

  /// The share of an item that a step reads.
  func share(of item: Item) -> Double {
    isTable(item) ? 1 / Double(max(1, item.matrix.rows)) : item.role == .expert ? chosen ?? 1 : 1
  }

  private func work(of item: Item, bytes: Double) -> (count: Double, width: Double) {
    let count =
      isGraph
      ? Double(multiplications?[item.layerIndex] ?? 0) : isTable(item) ? 0 : Double(item.count) * share(of: item)
    let bits = item.count > 0 ? 8 * bytes / Double(item.count) : 16
    return (count, bits > 16 ? 32 : bits > 8.6 ? 16 : 8)
  }

  /// Of a weight that takes so many bytes.
  func seconds(of item: Item, bytes: Double) -> Double {
    let (count, width) = work(of: item, bytes: bytes)
    let rate = DeviceProfile.figure(device.rates, bits: width) * 1e12
    return max(rate > 0 ? 2 * count / rate : 0, bytes * share(of: item) / (device.bandwidth * 1e9))
  }

  /// The same in joules.
  func energy(of item: Item, bytes: Double) -> Double {
    let (count, width) = work(of: item, bytes: bytes)
    return
      (bytes * share(of: item) * device.byteEnergy + count * DeviceProfile.figure(device.operationEnergy, bits: width))
      * 1e-12
  }
}

extension Session {
  /// The share of experts that a token is sent to, as the model's own metadata say; `nil` where they do not.
  fileprivate var chosenExperts: Double? {
    var (used, all): (Int?, Int?)
    for (key, value) in checkpoint.metadata {
      if key.hasSuffix(".expert_used_count") { used = Int(value) }
      if key.hasSuffix(".expert_count") { all = Int(value) }
    }
    if used == nil, let config = try? checkpoint.folderFiles.config() {
      let text = config["text_config"] ?? config
      used = (text["num_experts_per_tok"] ?? text["experts_per_token"] ?? text["moe_topk"])?.int
      all = (text["num_local_experts"] ?? text["num_experts"] ?? text["n_routed_experts"])?.int
    }
    guard let used, let all, used > 0, all >= used else { return nil }
    return Double(used) / Double(all)
  }
}
