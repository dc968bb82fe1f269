import FileAccess

/// What a recipe may cost, in size, speed or harm.
///
///     4.5bpw              bits of all parameters as coded, a weight
///     20MB                bytes of the file that is written, or packed without a target
///     8x                  an eighth of the bytes as stored
///     4GB@ctx=8192        bytes in memory, with the keys and values of so many tokens
///     30tok/s@DEVICE      at least so many tokens a second on a device (img/s of images)
///     kl=0.02  mse=0.1    a metric at most so high; cosine is 1 − cosine; agreement=99% at least
///     acc-1               top-1 at most one point below the uncompressed model's
///     ppl+1%              perplexity at most so much above it
public struct Budget: Sendable, Hashable, CustomStringConvertible {
  public let limit: Limit
  /// As it was asked for.
  public let description: String

  public init(_ limit: Limit, _ text: String) { (self.limit, description) = (limit, text) }

  public enum Limit: Sendable, Hashable {
    case bitsPerWeight(Double)
    case bytes(Int)
    case ratio(Double)
    case memory(Int, context: Int)
    case speed(Double, DeviceProfile)
    /// `kl`, `cosine`, `mse`, `loss`: at most. `perplexity`: the ratio to the uncompressed model's.
    case atMost(metric: String, Double)
    /// A share of outputs whose class stays.
    case agreement(Double)
    /// Points of top-1 that may be lost.
    case accuracyLoss(Double)
  }

  /// Whether it limits what is lost, and not what is taken.
  public var isHarm: Bool {
    switch limit {
    case .bitsPerWeight, .bytes, .ratio, .memory, .speed: false
    case .atMost, .agreement, .accuracyLoss: true
    }
  }

  /// - Throws: `WorkbenchError` that lists the forms.
  public init(spec: String) throws(WorkbenchError) {
    let text = spec.lowercased()
    var found = try Self.onDevice(spec)
    if found == nil { found = try Self.size(text) }
    if found == nil { found = try Self.harm(text) }
    if let found {
      self.init(found, spec)
      return
    }
    throw WorkbenchError(
      "budget \"\(excerpt(spec))\": expected a size (4.5bpw, 20MB, 8x), memory (4GB@ctx=8192), speed (30tok/s@DEVICE) or what may be lost (acc-1, kl=0.02, ppl+1%)"
    )
  }

  private static func onDevice(_ spec: String) throws(WorkbenchError) -> Limit? {
    guard let at = spec.firstIndex(of: "@") else { return nil }
    let (before, after) = (spec[..<at].lowercased(), String(spec[spec.index(after: at)...]))
    if after.lowercased().hasPrefix("ctx=") {
      guard let context = Int(after.dropFirst(4)), (0...1 << 30).contains(context) else {
        throw WorkbenchError("budget \"\(excerpt(spec))\": a number of tokens expected behind ctx=")
      }
      return .memory(try ByteSize(spec: before).bytes, context: context)
    }
    for unit in ["tok/s", "img/s", "tokens/s", "images/s"] where before.hasSuffix(unit) {
      guard let rate = positive(before.dropLast(unit.count)) else { break }
      return .speed(rate, try DeviceProfile(spec: after))
    }
    return nil
  }

  private static func size(_ text: String) throws(WorkbenchError) -> Limit? {
    if text.hasSuffix("bpw") { return positive(text.dropLast(3)).map { .bitsPerWeight($0) } }
    if text.hasSuffix("x") || text.hasSuffix("×") {
      return positive(text.dropLast()).flatMap { $0 >= 1 ? .ratio($0) : nil }
    }
    guard let first = text.first, first.isNumber, text.last?.isLetter == true, let size = try? ByteSize(spec: text)
    else {
      return nil
    }
    return .bytes(size.bytes)
  }

  private static func harm(_ text: String) throws(WorkbenchError) -> Limit? {
    func share(_ text: Substring) -> Double? {
      text.hasSuffix("%") ? positive(text.dropLast()).map { $0 / 100 } : positive(text)
    }
    for name in ["acc-", "top-1-", "accuracy-"] where text.hasPrefix(name) {
      let points = text.dropFirst(name.count)
      return positive(points.hasSuffix("%") ? points.dropLast() : points).map { .accuracyLoss($0) }
    }
    for name in ["ppl+", "perplexity+"] where text.hasPrefix(name) {
      let rise = text.dropFirst(name.count)
      guard rise.hasSuffix("%") else { return nil }
      return share(rise).map { .atMost(metric: "perplexity", 1 + $0) }
    }
    guard let equals = text.firstIndex(of: "=") else { return nil }
    let (name, value) = (String(text[..<equals]), text[text.index(after: equals)...])
    switch name {
    case "kl", "cosine", "mse", "loss": return positive(value).map { .atMost(metric: name, $0) }
    case "agreement": return share(value).flatMap { $0 <= 1 ? .agreement($0) : nil }
    default: return nil
    }
  }

  private static func positive(_ text: some StringProtocol) -> Double? {
    Double(String(text)).flatMap { $0 > 0 && $0.isFinite ? $0 : nil }
  }
}
