/// How an image becomes a network's input: `size=224x224,crop=0.875,mean=0.485:0.456:0.406,deviation=0.229:0.224:0.225`.
public struct ImageOptions: Sendable, Hashable {
  /// Width and height; `nil` where the network's input says.
  public var size: (width: Int, height: Int)?
  /// The share of the shorter side that is kept, cut from the middle; `nil`: the whole image is stretched to the size.
  public var crop: Double?
  /// Subtracted from and divided by, of numbers from 0 to 1, one a channel or one for all.
  public var mean: [Float] = [0]
  public var deviation: [Float] = [1]
  /// What a byte of 255 becomes before mean and deviation: 1, or 255 for networks that take bytes.
  public var scale: Float = 1
  /// Whether the first channel is blue.
  public var isBlueFirst = false
  /// Whether channels come before rows (`nchw`) or after columns (`nhwc`); `nil` where the network's input says.
  public var isChannelsFirst: Bool?

  public init() {}

  public static func == (one: ImageOptions, other: ImageOptions) -> Bool {
    one.size?.width == other.size?.width && one.size?.height == other.size?.height && one.crop == other.crop
      && one.mean == other.mean && one.deviation == other.deviation && one.scale == other.scale
      && one.isBlueFirst == other.isBlueFirst && one.isChannelsFirst == other.isChannelsFirst
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(mean)
    hasher.combine(deviation)
  }

  /// - Throws: `InferenceError` that says what is expected.
  public init(spec: String) throws(InferenceError) {
    func fail(_ expected: String) -> InferenceError { InferenceError("images \"\(spec)\"", "\(expected) expected") }
    func numbers(_ text: Substring) -> [Float]? {
      let numbers = text.split(separator: ":").map { Float($0) }
      return numbers.contains { $0?.isFinite != true } || numbers.isEmpty ? nil : numbers.compactMap { $0 }
    }
    for part in spec.split(separator: ",") {
      guard let equals = part.firstIndex(of: "=") else { throw fail("name=value, as in size=224,scale=255") }
      let (name, value) = (part[..<equals], part[part.index(after: equals)...])
      switch name {
      case "size":
        let sides = value.split(separator: "x").map { Int($0) ?? 0 }
        guard (1...2).contains(sides.count), sides.allSatisfy({ (1...8192).contains($0) }) else {
          throw fail("size=WIDTHxHEIGHT, up to 8192")
        }
        size = (sides[0], sides[sides.count - 1])
      case "crop":
        guard let share = Double(value), share > 0, share <= 1 else { throw fail("crop=SHARE, above 0 and up to 1") }
        crop = share
      case "mean":
        guard let found = numbers(value) else { throw fail("mean=R:G:B") }
        mean = found
      case "deviation", "std":
        guard let found = numbers(value), !found.contains(0) else { throw fail("deviation=R:G:B, none 0") }
        deviation = found
      case "scale":
        guard let found = Float(value), found.isFinite, found > 0 else { throw fail("scale=1 or scale=255") }
        scale = found
      case "order":
        guard ["rgb", "bgr"].contains(value) else { throw fail("order=rgb or order=bgr") }
        isBlueFirst = value == "bgr"
      case "layout":
        guard ["nchw", "nhwc"].contains(value) else { throw fail("layout=nchw or layout=nhwc") }
        isChannelsFirst = value == "nchw"
      default: throw fail("size, crop, mean, deviation, scale, order or layout")
      }
    }
  }
}
