/// Where the windows of a convolution or a pooling lie on one or two spatial axes; one axis counts as two, of
/// which the first has extent 1.
struct Window {
  /// How many spatial axes the model has: 1 or 2.
  let rank: Int
  let input: (height: Int, width: Int)
  let kernel: (height: Int, width: Int)
  let stride: (height: Int, width: Int)
  let dilation: (height: Int, width: Int)
  /// Rows above and columns to the left that are added.
  let padding: (top: Int, left: Int)
  let output: (height: Int, width: Int)

  /// Extents of the output as the model has them.
  var outputShape: [Int] { rank == 1 ? [output.width] : [output.height, output.width] }

  /// From the attributes kernel_shape, strides, dilations, pads, auto_pad and ceil_mode.
  ///
  /// - Throws: for other than one or two axes, impossible attributes, and windows larger than the padded input.
  init(_ call: Call, input: [Int], kernel: [Int]) throws(InferenceError) {
    let rank = input.count
    guard rank == 1 || rank == 2, kernel.count == rank else {
      throw call.fail("has \(rank) spatial axes and a kernel of \(kernel.count); one or two are run")
    }
    func pair(_ name: String, _ standard: Int) throws(InferenceError) -> [Int] {
      let values = call.ints(name) ?? .init(repeating: standard, count: rank)
      guard values.count == rank, values.allSatisfy({ (1...1 << 20).contains($0) }) else {
        throw call.fail("has \(name) \(values); \(rank) positive numbers expected")
      }
      return values
    }
    guard kernel.allSatisfy({ (1...1 << 20).contains($0) }) else {
      throw call.fail("has the kernel \(kernel)")
    }
    let strides = try pair("strides", 1)
    let dilations = try pair("dilations", 1)
    let spans = zip(kernel, dilations).map { ($0 - 1) * $1 + 1 }
    let pads = try Self.pads(call, input, strides, spans)
    var output: [Int] = []
    for axis in 0..<rank {
      let room = input[axis] + pads[axis] + pads[axis + rank] - spans[axis]
      guard room >= 0 else {
        throw call.fail("has a window of \(spans[axis]) on an input of \(input[axis]) with padding \(pads)")
      }
      var steps = room / strides[axis]
      if call.int("ceil_mode") ?? 0 != 0, room % strides[axis] != 0 {
        // One more window, unless it would lie in the padding alone.
        if (steps + 1) * strides[axis] < input[axis] + pads[axis] { steps += 1 }
      }
      output.append(steps + 1)
    }
    func two(_ values: [Int], _ filler: Int) -> (Int, Int) {
      rank == 1 ? (filler, values[0]) : (values[0], values[1])
    }
    self.rank = rank
    self.input = two(input, 1)
    self.kernel = two(kernel, 1)
    self.stride = two(strides, 1)
    self.dilation = two(dilations, 1)
    self.padding = two(pads, 0)
    self.output = two(output, 1)
  }

  /// Padding before each axis, then after each.
  private static func pads(
    _ call: Call, _ input: [Int], _ strides: [Int], _ spans: [Int]
  ) throws(InferenceError) -> [Int] {
    switch call.string("auto_pad") ?? "NOTSET" {
    case "NOTSET", "":
      let pads = call.ints("pads") ?? .init(repeating: 0, count: 2 * input.count)
      guard pads.count == 2 * input.count, pads.allSatisfy({ (0...1 << 20).contains($0) }) else {
        throw call.fail("has pads \(pads); \(2 * input.count) numbers of 0 or more expected")
      }
      return pads
    case "VALID": return .init(repeating: 0, count: 2 * input.count)
    case let mode where mode == "SAME_UPPER" || mode == "SAME_LOWER":
      // The output has input / stride, rounded up; an odd pad goes to the end that the mode names.
      let totals = input.indices.map { axis in
        max(
          0,
          ((input[axis] + strides[axis] - 1) / strides[axis] - 1) * strides[axis] + spans[axis] - input[axis])
      }
      let less = totals.map { $0 / 2 }
      let more = totals.map { $0 - $0 / 2 }
      return mode == "SAME_UPPER" ? less + more : more + less
    case let mode: throw call.fail("has auto_pad \(mode)")
    }
  }

  /// The inputs' rows (or columns) of the windows at an output row: from `first`, every `dilation`, those inside.
  @inline(__always)
  static func inside(_ first: Int, _ kernel: Int, _ dilation: Int, _ extent: Int) -> Range<Int> {
    let low = first >= 0 ? 0 : (-first + dilation - 1) / dilation
    let high = first >= extent ? 0 : min(kernel, (extent - 1 - first) / dilation + 1)
    return low < high ? low..<high : 0..<0
  }
}
