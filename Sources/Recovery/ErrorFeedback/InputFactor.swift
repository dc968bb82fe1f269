import CKernels
import Inference

/// The inputs' second moments H of one part of a layer, in the form that error feedback takes them: H = U D Uᵀ with U upper
/// triangular and ones on its diagonal, the columns perhaps in another order.
///
/// The error e of a row costs e H eᵀ = Σ_k d_k (e_k + Σ_{i<k} e_i u_ik)²: what a column's error adds to those after it.
/// Memory: 20 bytes a number of H. Cost: n³/3 multiplications.
struct InputFactor {
  let columns: Int
  /// Which column of the matrix stands at each place.
  let order: [Int]
  /// U, (columns, columns).
  private(set) var feedback: [Float]
  /// D.
  let variances: [Float]
  /// H as it was summed, damped, in the matrix's own order.
  private(set) var moments: [Float]
  /// Inputs that were never anything but zero.
  let deadColumns: Int
  /// What was added to H's diagonal, as a share of its mean.
  let damping: Double
  /// W · shift is what the matrix should be for the changed inputs to give the original's outputs; `nil` where they are
  /// the same.
  private(set) var shift: [Float]?

  static let leastDamping = 0.01

  /// - Parameter ordered: whether columns with large inputs come first.
  /// - Returns: `nil` where no damping up to ten times the mean makes H definite: numbers that are none among the inputs.
  init?(_ part: InputProducts.Part, columns: Int, ordered: Bool) {
    let n = columns
    self.columns = n
    let diagonal = (0..<n).map { Double(part.products[$0 * n + $0]) }
    let mean = diagonal.reduce(0, +) / Double(max(1, n))
    guard mean.isFinite else { return nil }
    deadColumns = diagonal.count { $0 == 0 }
    let order = ordered ? (0..<n).sorted { (-diagonal[$0], $0) < (-diagonal[$1], $1) } : Array(0..<n)
    self.order = order
    let unit = mean > 0 ? mean : 1
    var share = Self.leastDamping
    var lower: [Double] = []
    while true {
      // From the last column to the first, so that the factor is upper triangular in their order.
      lower = [Double](unsafeUninitializedCapacity: n * n) { lower, count in
        for i in 0..<n {
          let row = order[n - 1 - i] * n
          for j in 0...i { lower[i * n + j] = Double(part.products[row + order[n - 1 - j]]) }
          for j in i + 1..<max(i + 1, n) { lower[i * n + j] = 0 }
          lower[i * n + i] += share * unit
          if diagonal[order[n - 1 - i]] == 0 { lower[i * n + i] = unit }
        }
        count = n * n
      }
      let failed = lower.withUnsafeMutableBufferPointer { lathe_cholesky($0.baseAddress, n, 1e-9 * unit) }
      if failed == 0 { break }
      share *= 10
      if share > 10 { return nil }
    }
    damping = share
    // H = R Rᵀ with R_ik = L_(n−1−i)(n−1−k), and U_ik = R_ik / R_kk.
    feedback = [Float](repeating: 0, count: n * n)
    feedback.withUnsafeMutableBufferPointer { feedback in
      for i in 0..<n {
        for k in i..<n {
          feedback[i * n + k] = Float(lower[(n - 1 - i) * n + n - 1 - k] / lower[(n - 1 - k) * n + n - 1 - k])
        }
      }
    }
    variances = (0..<n).map { k in
      let pivot = lower[(n - 1 - k) * n + n - 1 - k]
      return Float(pivot * pivot)
    }
    moments = part.products
    for column in 0..<n { moments[column * n + column] += Float(share * unit) }
    if !part.differences.isEmpty { shift = Self.shift(part.differences, lower, order) }
  }

  /// I + Σ (x − x̂) x̂ᵀ · H⁻¹.
  private static func shift(_ differences: [Float], _ lower: [Double], _ order: [Int]) -> [Float] {
    let n = order.count
    // Row i of the answer solves H a = (Σ x̂ (x − x̂)ᵀ)'s column i, in the factor's order.
    var right = [Double](unsafeUninitializedCapacity: n * n) { right, count in
      for i in 0..<n { for j in 0..<n { right[i * n + j] = Double(differences[order[n - 1 - j] * n + i]) } }
      count = n * n
    }
    right.withUnsafeMutableBufferPointer { lathe_cholesky_solve(lower, n, $0.baseAddress, n) }
    var shift = [Float](repeating: 0, count: n * n)
    for i in 0..<n {
      for j in 0..<n { shift[i * n + order[n - 1 - j]] = Float(right[i * n + j]) }
      shift[i * n + i] += 1
    }
    return shift
  }

  /// D by the columns of the matrix.
  var variancesByColumn: [Float] {
    var found = variances
    for (place, column) in order.enumerated() { found[column] = variances[place] }
    return found
  }

  /// The same as if no input went with another: each column's nearest level is its best.
  var independent: InputFactor {
    var other = self
    other.feedback = [Float](repeating: 0, count: columns * columns)
    return other
  }

  /// e H eᵀ of each row, in the matrix's own order.
  func costs(of errors: [Float], rows: Int) -> [Double] {
    guard rows > 0, columns > 0 else { return .init(repeating: 0, count: rows) }
    var products = [Float](repeating: 0, count: rows * columns)
    BLAS.multiply(errors, moments, into: &products, m: rows, n: columns, k: columns)
    return (0..<rows).map { row in
      let own = row * columns..<(row + 1) * columns
      return zip(errors[own], products[own]).reduce(0) { $0 + Double($1.0) * Double($1.1) }
    }
  }

  /// What a column's error costs where the others make good nothing: H's diagonal.
  var momentsByColumn: [Float] { (0..<columns).map { moments[$0 * columns + $0] } }
}

extension BLAS {
  /// c ← a · b of whole arrays, a (m, k), b (k, n).
  static func multiply(_ a: [Float], _ b: [Float], into c: inout [Float], m: Int, n: Int, k: Int) {
    a.withUnsafeBufferPointer { a in
      b.withUnsafeBufferPointer { b in
        c.withUnsafeMutableBufferPointer { c in
          guard let a = a.baseAddress, let b = b.baseAddress, let c = c.baseAddress else { return }
          multiply(.init(start: a, stride: k), .init(start: b, stride: n), into: c, m: m, n: n, k: k, unless: { false })
        }
      }
    }
  }
}
