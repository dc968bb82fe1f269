internal import CBLAS

/// Matrix products on one thread: jobs are what runs in parallel. The system's BLAS is loaded at the first of them.
enum BLAS {
  /// A matrix in memory, row after row, perhaps to be read as its transpose.
  struct Matrix {
    let start: UnsafePointer<Float>
    /// Elements between the stored rows.
    let stride: Int
    var isTransposed = false
  }

  /// c ← alpha · a · b + beta · c with a (m, k), b (k, n), c (m, n) row after row, `stride` elements apart.
  static func multiply(
    _ a: Matrix, _ b: Matrix, into c: UnsafeMutablePointer<Float>, stride: Int? = nil, m: Int, n: Int, k: Int,
    alpha: Float = 1, beta: Float = 0
  ) {
    guard m > 0, n > 0 else { return }
    lathe_sgemm(
      a.isTransposed, b.isTransposed, m, n, k, alpha, a.start, max(1, a.stride), b.start, max(1, b.stride), beta, c,
      max(1, stride ?? n))
  }

  /// c ← a · b in Doubles: exact for integers as long as sums stay below 2^53.
  static func multiply(
    _ a: UnsafePointer<Double>, _ b: UnsafePointer<Double>, into c: UnsafeMutablePointer<Double>, m: Int, n: Int, k: Int
  ) {
    guard m > 0, n > 0 else { return }
    lathe_dgemm(m, n, k, a, max(1, k), b, max(1, n), c, max(1, n))
  }

  /// What multiplies: the library's file name, or "plain loops" where there is none.
  package static var name: String { String(cString: lathe_blas_name()) }
}
