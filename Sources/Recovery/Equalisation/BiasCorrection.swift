import CKernels
import Inference

/// What a layer's outputs have lost of their mean, to be added to its bias: E[W x] − E[Ŵ x̂] over the data (M. Nagel et al.,
/// arXiv:1906.04721, §4.2), with x the inputs that the original makes and x̂ those that come in the changed network.
public enum BiasCorrection {
  /// A number an output.
  ///
  /// - Parameters:
  ///   - original: W, (rows, columns).
  ///   - changed: Ŵ, the same.
  ///   - products: the inputs' sums; their parts divide the rows.
  /// - Returns: `nil` where no inputs were seen, or a number is none.
  public static func shift(original: [Float], changed: [Float], _ products: InputProducts) -> [Float]? {
    let columns = products.columns
    guard columns > 0, !products.parts.isEmpty, original.count == changed.count else { return nil }
    let rows = original.count / columns
    guard rows % products.parts.count == 0 else { return nil }
    let height = rows / products.parts.count
    var shift = [Float](repeating: 0, count: rows)
    for (number, part) in products.parts.enumerated() {
      guard part.rows > 0, part.sums.count == columns, part.originalSums.count == columns else { return nil }
      let count = Float(part.rows)
      let (x, own) = (part.originalSums.map { $0 / count }, part.sums.map { $0 / count })
      let start = number * height * columns
      let (before, after) = (outputs(original, start, height, x), outputs(changed, start, height, own))
      for row in 0..<height { shift[number * height + row] = before[row] - after[row] }
    }
    return shift.allSatisfy(\.isFinite) ? shift : nil
  }

  private static func outputs(_ matrix: [Float], _ start: Int, _ rows: Int, _ x: [Float]) -> [Float] {
    var y = [Float](repeating: 0, count: rows)
    matrix.withUnsafeBufferPointer { matrix in
      if let base = matrix.baseAddress { lathe_matrix_vector(base + start, rows, x.count, x.count, x, nil, &y) }
    }
    return y
  }
}
