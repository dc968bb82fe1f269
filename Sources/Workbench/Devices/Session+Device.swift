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
    let transformer = checkpoint.graph == nil ? try? Transformer(checkpoint) : nil
    let cache = transformer?.cacheBytes(context: context) ?? 0
    let chosen = chosenExperts
    var (memory, active, seconds, energy) = (cache, 0.0, cache / (device.bandwidth * 1e9), 0.0)
    energy += cache * device.byteEnergy * 1e-12
    let isGraph = checkpoint.graph != nil
    for (place, item) in items.enumerated() {
      let bytes = Double(parts.part(of: item, at: place).bytes)
      memory += bytes
      guard item.kind != .buffer else { continue }
      // A row of an embedding is all that a token reads, unless the head is the same matrix.
      let isTable =
        !isGraph && item.role == .embedding && item.layersTies.isEmpty && transformer?.isHead(item.layerIndex) != true
      let share = isTable ? 1 / Double(max(1, item.matrix.rows)) : item.role == .expert ? chosen ?? 1 : 1
      let read = bytes * share
      active += read
      guard item.kind == .weight else { continue }
      let count = isGraph ? Double(multiplications?[item.layerIndex] ?? 0) : isTable ? 0 : Double(item.count) * share
      let bits = item.count > 0 ? 8 * bytes / Double(item.count) : 16
      let width = bits > 16 ? 32 : bits > 8.6 ? 16 : 8
      let rate = DeviceProfile.figure(device.rates, bits: Double(width)) * 1e12
      seconds += max(rate > 0 ? 2 * count / rate : 0, read / (device.bandwidth * 1e9))
      energy +=
        (read * device.byteEnergy + count * DeviceProfile.figure(device.operationEnergy, bits: Double(width))) * 1e-12
    }
    let isKnown = isGraph ? multiplications != nil : transformer != nil
    return DeviceEstimate(
      unit: isGraph ? "images" : "tokens", memoryBytes: memory, cacheBytes: cache, activeBytes: active,
      perSecond: isKnown && seconds > 0 ? 1 / seconds : nil, energy: isKnown ? energy : nil,
      fits: memory <= device.memory)
  }

  /// The share of experts that a token is sent to, as the model's own metadata say; `nil` where they do not.
  private var chosenExperts: Double? {
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
