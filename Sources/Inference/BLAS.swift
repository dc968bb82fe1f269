internal import CBLAS

/// Matrix products on one thread: jobs are what runs in parallel. The system's BLAS is loaded at the first of them.
package enum BLAS {
  /// A matrix in memory, row after row, perhaps to be read as its transpose.
  package struct Matrix {
    let start: UnsafePointer<Float>
    /// Elements between the stored rows.
    let stride: Int
    var isTransposed = false

    package init(start: UnsafePointer<Float>, stride: Int, isTransposed: Bool = false) {
      (self.start, self.stride, self.isTransposed) = (start, stride, isTransposed)
    }
  }

  /// c ← alpha · a · b + beta · c with a (m, k), b (k, n), c (m, n) row after row, `stride` elements apart.
  ///
  /// - Parameter isCancelled: asked some times a tenth of a second; where it is `true` the product is left as it is then.
  package static func multiply(
    _ a: Matrix, _ b: Matrix, into c: UnsafeMutablePointer<Float>, stride: Int? = nil, m: Int, n: Int, k: Int,
    alpha: Float = 1, beta: Float = 0, unless isCancelled: () -> Bool
  ) {
    let step = stride ?? n
    Panels(m, n, k, most: mostAtOnce).forEach(unless: isCancelled) { rows, columns, inner in
      lathe_sgemm(
        a.isTransposed, b.isTransposed, rows.count, columns.count, inner.count, alpha,
        a.start + a.offset(rows.lowerBound, inner.lowerBound), max(1, a.stride),
        b.start + b.offset(inner.lowerBound, columns.lowerBound), max(1, b.stride), inner.lowerBound > 0 ? 1 : beta,
        c + rows.lowerBound * step + columns.lowerBound, max(1, step))
    }
  }

  /// c ← a · b in Doubles: exact for integers as long as sums stay below 2^53.
  static func multiply(
    _ a: UnsafePointer<Double>, _ b: UnsafePointer<Double>, into c: UnsafeMutablePointer<Double>, m: Int, n: Int,
    k: Int, unless isCancelled: () -> Bool
  ) {
    // Whole sums: the kernel has no other.
    Panels(m, n, k, most: mostAtOnce / 2, cutsSums: false).forEach(unless: isCancelled) { rows, columns, _ in
      lathe_dgemm(
        rows.count, columns.count, k, a + rows.lowerBound * k, max(1, k), b + columns.lowerBound, max(1, n),
        c + rows.lowerBound * n + columns.lowerBound, max(1, n))
    }
  }

  /// Multiplications of one call: some hundredths of a second.
  private static let mostAtOnce = name == "plain loops" ? 1 << 26 : 1 << 30

  /// What multiplies: the library's file name, or "plain loops" where there is none.
  package static var name: String { String(cString: lathe_blas_name()) }
}

extension BLAS.Matrix {
  /// Where an element lies.
  fileprivate func offset(_ row: Int, _ column: Int) -> Int {
    isTransposed ? column * stride + row : row * stride + column
  }
}

/// A product (m, k) · (k, n) in parts of at most so many multiplications: a call of BLAS cannot be stopped. Most products
/// are one part.
struct Panels {
  let rows: Int
  let columns: Int
  let inner: Int
  /// The extents of a part.
  let height: Int
  let width: Int
  let depth: Int

  /// - Parameter cutsSums: whether a part may have some of the terms of its sums only.
  init(_ m: Int, _ n: Int, _ k: Int, most: Int, cutsSums: Bool = true) {
    (rows, columns, inner) = (m, n, k)
    /// So many of `count` that a part of them has at most `most` multiplications, `each` for one; whole runs of BLAS's
    /// own kernels.
    func part(_ count: Int, each: Int) -> Int {
      let fitting = max(1, most / max(1, each))
      return fitting >= count ? count : fitting > 64 ? fitting / 64 * 64 : fitting
    }
    let depth = cutsSums ? part(k, each: 1) : k
    self.depth = depth
    // The longer side is cut: the other factor is laid out anew for each part.
    if m > n {
      width = part(n, each: depth)
      height = part(m, each: Self.product(width, depth))
    } else {
      height = part(m, each: depth)
      width = part(n, each: Self.product(height, depth))
    }
  }

  private static func product(_ a: Int, _ b: Int) -> Int {
    let (product, overflow) = a.multipliedReportingOverflow(by: b)
    return overflow ? .max : product
  }

  func forEach(unless isCancelled: () -> Bool, _ body: (Range<Int>, Range<Int>, Range<Int>) -> Void) {
    guard rows > 0, columns > 0 else { return }
    let isOne = height >= rows && width >= columns && depth >= inner
    for row in Swift.stride(from: 0, to: rows, by: max(1, height)) {
      for column in Swift.stride(from: 0, to: columns, by: max(1, width)) {
        // With nothing to sum the product is beta · c all the same.
        for place in Swift.stride(from: 0, to: max(1, inner), by: max(1, depth)) {
          if !isOne, isCancelled() { return }
          body(
            row..<min(rows, row + height), column..<min(columns, column + width),
            min(place, inner)..<min(inner, place + max(1, depth)))
        }
      }
    }
  }
}
