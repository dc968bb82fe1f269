import CKernels
import Foundation
import Numerics
import Support
import Testing

/// The C kernels beside their equations in Double, at every level and at odd lengths.
struct TransformerKernelTests {
  static let lengths = [1, 3, 7, 8, 9, 17, 64, 1023, 2500]
  /// Float's rounding, in sums of up to 2,500 numbers.
  private let tolerance = 2e-5

  private func numbers(_ count: Int, _ seed: UInt64, scale: Float = 6) -> [Float] {
    var generator = SeededGenerator(seed)
    return (0..<count).map { _ in Float.random(in: -scale...scale, using: &generator) }
  }

  private func atEachLevel(_ body: (Int) -> Void) {
    for level in KernelLevel.allCases {
      level.force()
      defer { KernelLevel.release() }
      for length in Self.lengths { body(length) }
    }
  }

  private func expectClose(_ found: [Float], _ expected: [Double], _ name: String) {
    let worst = zip(found, expected).map { abs(Double($0) - $1) / max(1, abs($1)) }.max() ?? 0
    #expect(worst < tolerance, "\(name), \(found.count) numbers")
  }

  @Test func softmaxIsItsEquation() {
    atEachLevel { count in
      for cap in [Float(0), 4] {
        var found = numbers(count, 1, scale: 40)
        let scaled = found.map { cap == 0 ? Double($0) * 0.3 : Double(cap) * tanh(Double($0) * 0.3 / Double(cap)) }
        let largest = scaled.max()!
        let sum = scaled.reduce(0) { $0 + exp($1 - largest) }
        lathe_scaled_softmax(&found, count, 0.3, cap)
        expectClose(found, scaled.map { exp($0 - largest) / sum }, "softmax, cap \(cap)")
      }
    }
  }

  @Test func softmaxOfExtremesIsNoNaN() {
    var values: [Float] = [-.infinity, 3e38, -3e38, 3e38, 0, 1, 2, 3, 4]
    lathe_scaled_softmax(&values, values.count, 1, 0)
    #expect(values == [0, 0.5, 0, 0.5, 0, 0, 0, 0, 0])
  }

  @Test func logSumExpIsItsEquation() {
    atEachLevel { count in
      let values = numbers(count, 2, scale: 30)
      let largest = Double(values.max()!)
      let expected = log(values.reduce(0) { $0 + exp(Double($1) - largest) }) + largest
      #expect(abs(lathe_log_sum_exp(values, count) - expected) < 1e-6)
      let best = values.firstIndex(of: values.max()!)!
      #expect(lathe_greatest(values, count) == best)
    }
  }

  @Test func activationsAreTheirEquations() {
    let kinds: [(lathe_activation, (Double) -> Double)] = [
      (LATHE_GATE_SILU, { $0 / (1 + exp(-$0)) }), (LATHE_GATE_RELU, { max(0, $0) }),
      (LATHE_GATE_GELU, { 0.5 * $0 * (1 + erf($0 / 2.0.squareRoot())) }),
      (LATHE_GATE_GELU_TANH, { 0.5 * $0 * (1 + tanh((2 / Double.pi).squareRoot() * ($0 + 0.044715 * $0 * $0 * $0))) }),
    ]
    atEachLevel { count in
      let (gate, up) = (numbers(count, 3, scale: 9), numbers(count, 4, scale: 2))
      for (kind, equation) in kinds {
        var found = [Float](repeating: 0, count: count)
        lathe_activate(kind, gate, nil, &found, count)
        expectClose(found, gate.map { equation(Double($0)) }, "activation \(kind.rawValue)")
        lathe_activate(kind, gate, up, &found, count)
        expectClose(found, zip(gate, up).map { equation(Double($0)) * Double($1) }, "gated \(kind.rawValue)")
      }
    }
  }

  @Test func normsAreTheirEquations() {
    atEachLevel { count in
      let (x, weight, bias) = (numbers(count, 5), numbers(count, 6, scale: 2), numbers(count, 7, scale: 2))
      var found = [Float](repeating: 0, count: count)
      let doubles = x.map(Double.init)
      let square = (doubles.reduce(0) { $0 + $1 * $1 } / Double(count) + 1e-5).squareRoot()
      lathe_rms_norm(x, weight, 1e-5, &found, count)
      expectClose(found, zip(doubles, weight).map { $0 / square * Double($1) }, "RMS norm")
      let mean = doubles.reduce(0, +) / Double(count)
      let spread = (doubles.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(count) + 1e-5).squareRoot()
      lathe_centred_norm(x, weight, bias, 1e-5, &found, count)
      let expected = (0..<count).map { (doubles[$0] - mean) / spread * Double(weight[$0]) + Double(bias[$0]) }
      expectClose(found, expected, "layer norm")
    }
  }

  @Test func aMatrixTimesAVectorIsItsSum() {
    atEachLevel { count in
      for rows in [1, 4, 7] {
        let stride = count + 3
        let (matrix, x, bias) = (numbers(rows * stride, 8, scale: 1), numbers(count, 9, scale: 1), numbers(rows, 10))
        var found = [Float](repeating: 0, count: rows)
        lathe_matrix_vector(matrix, rows, count, stride, x, bias, &found)
        let expected = (0..<rows).map { row in
          (0..<count).reduce(Double(bias[row])) { $0 + Double(matrix[row * stride + $1]) * Double(x[$1]) }
        }
        expectClose(found, expected, "matrix by vector, \(rows) rows of \(count)")
      }
    }
  }

  @Test func aRotationKeepsLengthsAndTurnsPairs() {
    for interleaved in [Int32(0), 1] {
      var x: [Float] = [1, 2, 3, 4, 5, 6]
      let angles: [Float] = [0.5, -1, 2]
      lathe_rotate(&x, angles.map { cos($0) }, angles.map { sin($0) }, 3, interleaved)
      for pair in 0..<3 {
        let (first, second) = interleaved == 1 ? (2 * pair, 2 * pair + 1) : (pair, pair + 3)
        let (a, b) = (Double(first + 1), Double(second + 1))
        let angle = Double(angles[pair])
        #expect(abs(Double(x[first]) - (a * cos(angle) - b * sin(angle))) < 1e-5)
        #expect(abs(Double(x[second]) - (a * sin(angle) + b * cos(angle))) < 1e-5)
      }
    }
  }
}
