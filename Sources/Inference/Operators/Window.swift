/// Extents along one to three spatial axes; missing ones, in front, count as 1.
struct Extents: Equatable {
  var depth: Int
  var height: Int
  var width: Int

  /// - Precondition: one to three numbers.
  init(_ values: [Int], filler: Int) {
    let all = [Int](repeating: filler, count: 3 - values.count) + values
    (depth, height, width) = (all[0], all[1], all[2])
  }

  var product: Int { depth * height * width }
  static let ones = Extents([], filler: 1)
  static let zeros = Extents([], filler: 0)
}

/// Where the windows of a convolution or a pooling lie on one to three spatial axes.
struct Window {
  /// How many spatial axes the model has.
  let rank: Int
  let input: Extents
  let kernel: Extents
  let stride: Extents
  let dilation: Extents
  /// Places added before each axis.
  let padding: Extents
  /// Places added after each axis.
  let end: Extents
  let output: Extents

  /// Extents of the output as the model has them.
  var outputShape: [Int] { Array([output.depth, output.height, output.width].suffix(rank)) }

  /// From the attributes kernel_shape, strides, dilations, pads, auto_pad and ceil_mode.
  ///
  /// - Throws: for more than three axes, impossible attributes, and windows larger than the padded input.
  init(_ call: Call, input: [Int], kernel: [Int]) throws(InferenceError) {
    let rank = input.count
    guard (1...3).contains(rank), kernel.count == rank else {
      throw call.fail("has \(rank) spatial axes and a kernel of \(kernel.count); one to three are run")
    }
    let strides = try Self.list(call, "strides", rank)
    let dilations = try Self.list(call, "dilations", rank)
    guard kernel.allSatisfy({ (1...1 << 20).contains($0) }) else {
      throw call.fail("has the kernel \(kernel)")
    }
    let spans = zip(kernel, dilations).map { ($0 - 1) * $1 + 1 }
    let pads = try Self.pads(call, input, strides, spans)
    var output: [Int] = []
    for axis in 0..<rank {
      let room = input[axis] + pads[axis] + pads[axis + rank] - spans[axis]
      guard room >= 0 else {
        throw call.fail("has a window of \(spans[axis]) on an input of \(input[axis]) with padding \(pads)")
      }
      var steps = room / strides[axis]
      if call.flag("ceil_mode"), room % strides[axis] != 0 {
        // One more window, unless it would lie in the padding alone.
        if (steps + 1) * strides[axis] < input[axis] + pads[axis] { steps += 1 }
      }
      output.append(steps + 1)
    }
    self.rank = rank
    self.input = Extents(input, filler: 1)
    self.kernel = Extents(kernel, filler: 1)
    stride = Extents(strides, filler: 1)
    dilation = Extents(dilations, filler: 1)
    padding = Extents(Array(pads[..<rank]), filler: 0)
    end = Extents(Array(pads[rank...]), filler: 0)
    self.output = Extents(output, filler: 1)
  }

  /// Windows whose places are known.
  init(
    rank: Int, input: Extents, kernel: Extents, stride: Extents, dilation: Extents, padding: Extents, end: Extents,
    output: Extents
  ) {
    (self.rank, self.input, self.kernel, self.stride) = (rank, input, kernel, stride)
    (self.dilation, self.padding, self.end, self.output) = (dilation, padding, end, output)
  }

  /// A list of positive numbers, one an axis; ones where it is left out.
  static func list(_ call: Call, _ name: String, _ rank: Int) throws(InferenceError) -> [Int] {
    let values = call.ints(name) ?? .init(repeating: 1, count: rank)
    guard values.count == rank, values.allSatisfy({ (1...1 << 20).contains($0) }) else {
      throw call.fail("has \(name) \(values); \(rank) positive numbers expected")
    }
    return values
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

  /// Writes an image (channels, depth, height, width) as columns: row (c, kd, kh, kw), column (od, oh, ow); zero in the
  /// padding. Of the output only the rows (od · height + oh) asked for.
  func unroll<Number: Numeric>(
    _ image: UnsafePointer<Number>, channels: Int, rows: Range<Int>, into columns: UnsafeMutablePointer<Number>
  ) {
    var row = columns
    let plane = input.height * input.width
    for channel in 0..<channels {
      for kd in 0..<kernel.depth {
        for kh in 0..<kernel.height {
          for kw in 0..<kernel.width {
            let left = kw * dilation.width - padding.width
            // The output columns whose tap lies inside the image.
            let inside = Window.inside(left, output.width, stride.width, input.width)
            for outputRow in rows {
              let id = outputRow / output.height * stride.depth + kd * dilation.depth - padding.depth
              let ih = outputRow % output.height * stride.height + kh * dilation.height - padding.height
              if id < 0 || id >= input.depth || ih < 0 || ih >= input.height || inside.isEmpty {
                row.update(repeating: 0, count: output.width)
              } else {
                let source = image + (channel * input.depth + id) * plane + ih * input.width + left
                for ow in 0..<inside.lowerBound { row[ow] = 0 }
                if stride.width == 1 {
                  (row + inside.lowerBound).update(from: source + inside.lowerBound, count: inside.count)
                } else {
                  for ow in inside { row[ow] = source[ow * stride.width] }
                }
                for ow in inside.upperBound..<output.width { row[ow] = 0 }
              }
              row += output.width
            }
          }
        }
      }
    }
  }
}
