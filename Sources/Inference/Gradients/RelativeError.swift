internal import CKernels

/// How far rows lie from what they should be, in parts of these.
enum RelativeError {
  /// The mean over rows of ‖s − t‖² / ‖t‖², and its gradient by s: a row counts by what the norm after it makes of it.
  static func found(_ s: [Float], _ t: [Float], rows: Int) -> (loss: Double, gradient: [Float]) {
    let width = s.count / max(1, rows)
    var gradient = Kernels.combine(LATHE_SUB, s, [s.count], t, [t.count], [s.count])
    var loss = 0.0
    t.withUnsafeBufferPointer { t in
      gradient.withUnsafeMutableBufferPointer { g in
        guard let t = t.baseAddress, let g = g.baseAddress else { return }
        for row in 0..<rows {
          let (own, away) = (t + row * width, g + row * width)
          var (power, square) = (0.0, 0.0)
          for column in 0..<width {
            power += Double(own[column]) * Double(own[column])
            square += Double(away[column]) * Double(away[column])
          }
          power = max(power, Double(Float.leastNormalMagnitude))
          loss += square / power
          let scale = Float(2 / (power * Double(rows)))
          for column in 0..<width { away[column] *= scale }
        }
      }
    }
    return (loss / Double(max(1, rows)), gradient)
  }
}
