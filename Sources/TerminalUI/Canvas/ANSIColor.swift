/// The 256 colours that terminals agree on, as red, green and blue.
enum ANSIColor {
  /// The first sixteen as xterm has them; people change these.
  private static let basic: [(Int, Int, Int)] = [
    (0, 0, 0), (205, 0, 0), (0, 205, 0), (205, 205, 0), (0, 0, 238), (205, 0, 205), (0, 205, 205),
    (229, 229, 229), (127, 127, 127), (255, 0, 0), (0, 255, 0), (255, 255, 0), (92, 92, 255),
    (255, 0, 255), (0, 255, 255), (255, 255, 255),
  ]

  /// 16 to 231: a cube of six steps a side; 232 to 255: greys.
  static func components(_ index: UInt8) -> (red: Int, green: Int, blue: Int) {
    let i = Int(index)
    if i < 16 { return basic[i] }
    if i >= 232 {
      let grey = 8 + 10 * (i - 232)
      return (grey, grey, grey)
    }
    let steps = [0, 95, 135, 175, 215, 255]
    let c = i - 16
    return (steps[c / 36], steps[c / 6 % 6], steps[c % 6])
  }

  /// The colour among the first `count` that lies nearest.
  static func nearest(_ index: UInt8, among count: Int) -> Int {
    let wanted = components(index)
    func distance(_ other: Int) -> Int {
      let c = components(UInt8(other))
      let (r, g, b) = (c.red - wanted.red, c.green - wanted.green, c.blue - wanted.blue)
      return r * r + g * g + b * b
    }
    return (0..<count).min { distance($0) < distance($1) } ?? 7
  }
}
