import CKernels
import Foundation
import Support
import Testing

/// The C kernels of networks at every instruction-set level, against the functions' own formulas in Double.
struct NetworkKernelTests {
  static let levels: [lathe_level] = [LATHE_LEVEL_BASELINE, LATHE_LEVEL_VECTOR]
  static let counts = [1, 3, 8, 17, 1023]
  /// Relative to the larger of the exact number and 1e−3 of the largest that the function gives near there.
  static let tolerance = 4e-7

  private static let functions: [(lathe_function, String, @Sendable (Double) -> Double)] = [
    (LATHE_EXP, "exp", { exp($0) }), (LATHE_TANH, "tanh", { tanh($0) }),
    (LATHE_SIGMOID, "sigmoid", { 1 / (1 + exp(-$0)) }), (LATHE_ERF, "erf", { erf($0) }),
    (LATHE_GELU, "gelu", { 0.5 * $0 * (1 + erf($0 / 2.squareRoot())) }),
    (LATHE_GELU_TANH, "gelu-tanh", { 0.5 * $0 * (1 + tanh((2 / .pi).squareRoot() * ($0 + 0.044715 * $0 * $0 * $0))) }),
    (LATHE_SILU, "silu", { $0 / (1 + exp(-$0)) }),
    (LATHE_HARD_SWISH, "hard-swish", { $0 * min(1, max(0, $0 / 6 + 0.5)) }),
  ]

  @Test(arguments: levels) func functionsAreExactToAFewDigits(level: lathe_level) {
    lathe_set_kernel_level(level)
    defer { lathe_clear_kernel_level() }
    for (function, name, exact) in Self.functions {
      for count in Self.counts {
        let x = (0..<count).map { Float($0 - count / 2) * 40 / Float(count) }
        var y = [Float](repeating: -7, count: count + 1)
        lathe_map(function, x, &y, count)
        for index in 0..<count {
          let wanted = exact(Double(x[index]))
          let scale = max(abs(wanted), min(1, abs(Double(x[index]))))
          #expect(
            abs(Double(y[index]) - wanted) <= Self.tolerance * scale,
            "\(name)(\(x[index])) = \(y[index]), not \(wanted)")
        }
        #expect(y[count] == -7, "\(name) writes past its end")
      }
    }
  }

  @Test(arguments: levels) func numbersThatAreNoneAndInfiniteOnesGoOn(level: lathe_level) {
    lathe_set_kernel_level(level)
    defer { lathe_clear_kernel_level() }
    let x: [Float] = [.nan, .infinity, -.infinity, 100, -100]
    func of(_ function: lathe_function) -> [Float] {
      var y = [Float](repeating: 0, count: x.count)
      lathe_map(function, x, &y, x.count)
      return y
    }
    for (function, limits): (lathe_function, [Float]) in [
      (LATHE_EXP, [.infinity, 0, .infinity, 0]), (LATHE_TANH, [1, -1, 1, -1]), (LATHE_ERF, [1, -1, 1, -1]),
    ] {
      let y = of(function)
      #expect(y[0].isNaN && Array(y[1...]) == limits, "\(y)")
    }
    let sigmoid = of(LATHE_SIGMOID)
    #expect(sigmoid[0].isNaN && sigmoid[1] == 1 && sigmoid[2] == 0 && sigmoid[3] == 1 && sigmoid[4] < 1e-37)
  }

  @Test(arguments: levels) func sumsAndMaxima(level: lathe_level) {
    lathe_set_kernel_level(level)
    defer { lathe_clear_kernel_level() }
    var random = SeededGenerator(3)
    for count in Self.counts {
      var x = (0..<count).map { _ in Float.random(in: -1...1, using: &random) }
      let sum = x.reduce(0.0) { $0 + Double($1) }
      #expect(abs(Double(lathe_sum(x, count)) - sum) < 1e-4)
      #expect(lathe_largest(x, count) == x.max())
      var y = [Float](repeating: 0, count: count)
      lathe_softmax(x, &y, count)
      let total = x.reduce(0.0) { $0 + exp(Double($1)) }
      for index in 0..<count { #expect(abs(Double(y[index]) - exp(Double(x[index])) / total) < 1e-6) }
      x[count / 2] = .nan
      #expect(lathe_largest(x, count).isNaN)
    }
  }

  /// Windows of many forms against sums over their taps, and against maxima.
  @Test(arguments: levels) func windowsAreTheirTapsSums(level: lathe_level) {
    lathe_set_kernel_level(level)
    defer { lathe_clear_kernel_level() }
    var random = SeededGenerator(5)
    for (kernel, stride, dilation, pad) in [
      (3, 1, 1, 1), (3, 2, 1, 1), (5, 1, 1, 2), (5, 2, 1, 0), (2, 2, 1, 0), (3, 3, 1, 1), (3, 1, 2, 2), (1, 1, 1, 0),
    ] {
      for (height, width) in [(7, 5), (14, 14), (9, 33)] {
        let span = (kernel - 1) * dilation + 1
        guard height + 2 * pad >= span, width + 2 * pad >= span else { continue }
        let (rows, columns) = ((height + 2 * pad - span) / stride + 1, (width + 2 * pad - span) / stride + 1)
        var plane = lathe_plane(
          height: Int32(height), width: Int32(width), kernel_height: Int32(kernel), kernel_width: Int32(kernel),
          stride_height: Int32(stride), stride_width: Int32(stride), dilation_height: Int32(dilation),
          dilation_width: Int32(dilation), top: Int32(pad), left: Int32(pad), out_height: Int32(rows),
          out_width: Int32(columns))
        let x = (0..<height * width).map { _ in Float.random(in: -1...1, using: &random) }
        let w = (0..<kernel * kernel).map { _ in Float.random(in: -1...1, using: &random) }
        var scratch = [Float](repeating: 0, count: lathe_plane_pitch(&plane) * lathe_plane_rows(&plane))
        var (sums, maxima) = (
          [Float](repeating: -7, count: rows * columns + 1), [Float](repeating: -7, count: rows * columns + 1)
        )
        lathe_depthwise(&plane, x, w, 0.5, &sums, &scratch)
        lathe_depthwise(&plane, x, nil, 0, &maxima, &scratch)
        for row in 0..<rows {
          for column in 0..<columns {
            var (sum, largest): (Double, Float) = (0.5, -.infinity)
            for tap in 0..<kernel * kernel {
              let (v, h) = (
                row * stride - pad + tap / kernel * dilation, column * stride - pad + tap % kernel * dilation
              )
              guard (0..<height).contains(v), (0..<width).contains(h) else { continue }
              sum += Double(x[v * width + h]) * Double(w[tap])
              largest = max(largest, x[v * width + h])
            }
            #expect(abs(Double(sums[row * columns + column]) - sum) < 1e-5)
            #expect(maxima[row * columns + column] == largest)
          }
        }
        #expect(sums.last == -7 && maxima.last == -7)
      }
    }
  }

  /// y = min(high, max(low, gain · (w · x + bias) + offset)) for every remainder of rows and columns.
  @Test(arguments: levels) func productsAreFinishedRowByRow(level: lathe_level) {
    lathe_set_kernel_level(level)
    defer { lathe_clear_kernel_level() }
    var random = SeededGenerator(5)
    func numbers(_ count: Int) -> [Float] { (0..<count).map { _ in Float(random.next() >> 40) / 0x1p23 - 1 } }
    for (rows, depth) in [(1, 1), (2, 3), (5, 17), (6, 16), (7, 32), (12, 9), (13, 64), (16, 96), (25, 2048)] {
      // The deep ones and the wide one take several turns of laying out.
      for columns in depth > 1000 ? [2, 70] : [1, 2, 3, 8, 9, 15, 16, 17, 18, 33, 49, depth == 17 ? 2000 : 60] {
        let (w, bias, gains, offsets) = (numbers(rows * depth), numbers(rows), numbers(rows), numbers(rows))
        let (xStride, yStride) = (columns + 3, columns + 2)
        let x = numbers(depth * xStride)
        for finishes in [false, true] {
          var y = [Float](repeating: 77, count: rows * yStride)
          var scratch = [Float](repeating: .nan, count: lathe_product_scratch(depth))
          bias.withUnsafeBufferPointer { bias in
            gains.withUnsafeBufferPointer { gains in
              offsets.withUnsafeBufferPointer { offsets in
                var finish = lathe_finish(
                  bias: finishes ? bias.baseAddress : nil, gains: finishes ? gains.baseAddress : nil,
                  offsets: finishes ? offsets.baseAddress : nil, low: finishes ? -0.5 : -.infinity,
                  high: finishes ? 0.75 : .infinity)
                lathe_product(w, x, xStride, &y, yStride, rows, depth, columns, &finish, &scratch)
              }
            }
          }
          var worst = 0.0
          for row in 0..<rows {
            for column in 0..<yStride {
              let found = Double(y[row * yStride + column])
              guard column < columns else {
                worst = max(worst, found == 77 ? 0 : .infinity)
                continue
              }
              var (sum, size) = (0.0, 1.0)
              for k in 0..<depth {
                let term = Double(w[row * depth + k]) * Double(x[k * xStride + column])
                (sum, size) = (sum + term, size + abs(term))
              }
              if finishes {
                sum = (sum + Double(bias[row])) * Double(gains[row]) + Double(offsets[row])
                sum = min(0.75, max(-0.5, sum))
              }
              worst = max(worst, abs(found - sum) / size)
            }
          }
          #expect(worst <= Self.tolerance, "\(rows) × \(depth) × \(columns): \(worst)")
        }
      }
    }
  }

  @Test(arguments: levels) func aProductsNumbersThatAreNoneGoOn(level: lathe_level) {
    lathe_set_kernel_level(level)
    defer { lathe_clear_kernel_level() }
    for columns in [1, 5, 16] {
      var x = [Float](repeating: 1, count: 4 * columns)
      x[2 * columns] = .nan
      var y = [Float](repeating: 0, count: 3 * columns)
      var scratch = [Float](repeating: 0, count: lathe_product_scratch(4))
      var finish = lathe_finish(bias: nil, gains: nil, offsets: nil, low: 0, high: 6)
      let w = [Float](repeating: 1, count: 12)
      lathe_product(w, x, columns, &y, columns, 3, 4, columns, &finish, &scratch)
      #expect((0..<3).allSatisfy { y[$0 * columns].isNaN } && y.count { $0 == 4 } == 3 * (columns - 1))
    }
  }
}
