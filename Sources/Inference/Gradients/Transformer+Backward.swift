internal import CKernels
internal import Checkpoints
internal import FileAccess

extension Transformer {
  /// x ← G W of `count` rows of G, `stride` apart: the gradient of a product's inputs, added to what is there.
  ///
  /// A matrix that is not in memory is decoded tile by tile.
  func multiplyBack(
    _ linear: Linear, _ weights: TransformerWeights, _ gradient: UnsafePointer<Float>, count: Int, stride: Int,
    addingTo x: UnsafeMutablePointer<Float>, unless isCancelled: () -> Bool
  ) throws(InferenceError) {
    func multiply(_ matrix: UnsafePointer<Float>, _ rows: Range<Int>) {
      BLAS.multiply(
        .init(start: gradient + rows.lowerBound, stride: stride), .init(start: matrix, stride: linear.inputs),
        into: x, m: count, n: linear.inputs, k: rows.count, beta: 1, unless: isCancelled)
    }
    if let matrix = weights.matrices[linear.layer] {
      matrix.withUnsafeBufferPointer {
        if let start = $0.baseAddress { multiply(start + linear.firstRow * linear.inputs, 0..<linear.outputs) }
      }
    } else {
      let most = min(linear.outputs, max(1, Self.tileSize / max(1, linear.inputs)))
      let tile = UnsafeMutableBufferPointer<Float>.allocate(capacity: most * linear.inputs)
      defer { tile.deallocate() }
      for first in Swift.stride(from: 0, to: linear.outputs, by: most) {
        let rows = first..<min(first + most, linear.outputs)
        do throws(CheckpointError) {
          try checkpoint.readMatrix(
            layer: linear.layer, rows: linear.firstRow + rows.lowerBound..<linear.firstRow + rows.upperBound,
            columns: 0..<linear.inputs, into: tile)
        } catch { throw InferenceError(error.file, error.reason) }
        if isCancelled() { throw .cancelled }
        if let start = tile.baseAddress { multiply(start, rows) }
      }
    }
    if isCancelled() { throw .cancelled }
  }

  /// The gradients of a norm's inputs x from those of its outputs: g ← r (h − mean h − x̂ · mean h x̂), h = g · weight, the
  /// first mean only where the norm takes the mean off.
  ///
  /// - Parameter target: gets them; may be `gradient` itself.
  func normaliseBack(
    _ norm: Norm, _ weights: TransformerWeights, _ x: UnsafePointer<Float>, _ gradient: UnsafePointer<Float>,
    into target: UnsafeMutablePointer<Float>, rows: Int, stride: Int? = nil
  ) {
    guard let weight = weights.vectors[norm.weight] else { return }
    let step = stride ?? weight.count
    let count = Float(weight.count)
    let isCentred = !shape.usesRMSNorm
    weight.withUnsafeBufferPointer { weight in
      for row in 0..<rows {
        let (x, g, y) = (x + row * step, gradient + row * step, target + row * step)
        var mean: Float = 0
        if isCentred { mean = lathe_sum(x, weight.count) / count }
        var (squares, sum, product): (Float, Float, Float) = (0, 0, 0)
        for index in weight.indices {
          let (centred, h) = (x[index] - mean, g[index] * weight[index])
          squares += centred * centred
          sum += h
          product += h * centred
        }
        let gain = 1 / (squares / count + shape.epsilon).squareRoot()
        let first = isCentred ? sum / count : 0
        let second = product * gain * gain / count
        for index in weight.indices {
          y[index] = gain * (g[index] * weight[index] - first - (x[index] - mean) * second)
        }
      }
    }
  }
}
