internal import CBLAS

/// Matrix products through CBLAS, on one thread: jobs are what runs in parallel.
enum BLAS {
  private static let isSetUp: Bool = {
    #if !canImport(Darwin)
      openblas_set_num_threads(1)
    #endif
    return true
  }()

  /// A matrix in memory, row after row, perhaps to be read as its transpose.
  struct Matrix {
    let start: UnsafePointer<Float>
    /// Elements between the stored rows.
    let stride: Int
    var isTransposed = false
  }

  /// c ← alpha · a · b + beta · c with a (m, k), b (k, n), c (m, n) row after row, `stride` elements apart.
  ///
  /// - Precondition: extents fit 32 bits.
  static func multiply(
    _ a: Matrix, _ b: Matrix, into c: UnsafeMutablePointer<Float>, stride: Int? = nil, m: Int, n: Int, k: Int,
    alpha: Float = 1, beta: Float = 0
  ) {
    guard m > 0, n > 0, isSetUp else { return }
    cblas_sgemm(
      CblasRowMajor, a.isTransposed ? CblasTrans : CblasNoTrans, b.isTransposed ? CblasTrans : CblasNoTrans,
      Int32(m), Int32(n), Int32(k), alpha, a.start, Int32(max(1, a.stride)), b.start, Int32(max(1, b.stride)),
      beta, c, Int32(max(1, stride ?? n)))
  }

  /// c ← a · b in Doubles: exact for integers as long as sums stay below 2^53.
  ///
  /// - Precondition: extents fit 32 bits.
  static func multiply(
    _ a: UnsafePointer<Double>, _ b: UnsafePointer<Double>, into c: UnsafeMutablePointer<Double>, m: Int, n: Int, k: Int
  ) {
    guard m > 0, n > 0, isSetUp else { return }
    cblas_dgemm(
      CblasRowMajor, CblasNoTrans, CblasNoTrans, Int32(m), Int32(n), Int32(k), 1, a, Int32(max(1, k)), b,
      Int32(max(1, n)), 0, c, Int32(max(1, n)))
  }
}
