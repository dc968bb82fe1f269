internal import CKernels

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// What attention's gradients need beside its own memory.
final class AttentionScratch {
  /// (rows, keys) each: the products as they were, and their gradients.
  let raw: Scratch
  let slopes: Scratch

  init(longest: Int) {
    raw = Scratch(Attention.rows * longest)
    slopes = Scratch(Attention.rows * longest)
  }
}

extension Attention {
  /// The way back of `run` for one text from its beginning. With P the weights and G the outputs' gradients: ∂V = Pᵀ G;
  /// ∂S = P ∘ (G Vᵀ − rowsum (P ∘ G Vᵀ)), through the cap where there is one; ∂Q = s ∂S K, ∂K = s ∂Sᵀ Q. The weights are
  /// computed again, some queries at a time.
  ///
  /// - Parameters:
  ///   - projected: (count, queries + 2 · keys), rows `width` apart.
  ///   - gradient: (count, heads · dimension).
  ///   - target: like `projected`, which gets the gradients; zeros before.
  ///   - distances: gets the gradients of a bias by distance, (heads, 2 · longest − 1); `nil` where nobody asks.
  func back(
    _ projected: UnsafePointer<Float>, width: Int, count: Int, window: Int?, gradient: UnsafePointer<Float>,
    into target: UnsafeMutablePointer<Float>, _ scratch: AttentionScratch, distances: UnsafeMutablePointer<Float>?,
    longest: Int, unless isCancelled: () -> Bool
  ) {
    let dimension = shape.headDimension
    let group = shape.heads / shape.keyHeads
    let (queryWidth, keyWidth) = (shape.queryWidth, shape.keyWidth)
    for first in Swift.stride(from: 0, to: count, by: Self.rows) {
      let last = min(first + Self.rows, count)
      let rows = last - first
      let span = visible(first, 0, count, window).lowerBound..<visible(last - 1, 0, count, window).upperBound
      for head in 0..<shape.heads {
        if isCancelled() { return }
        let column = queryWidth + head / group * dimension
        let (query, own) = (first * width + head * dimension, first * queryWidth + head * dimension)
        let (key, value) = (span.lowerBound * width + column, span.lowerBound * width + column + keyWidth)
        BLAS.multiply(
          .init(start: projected + query, stride: width),
          .init(start: projected + key, stride: width, isTransposed: true),
          into: scores.start, m: rows, n: span.count, k: dimension, unless: { false })
        if shape.attentionCap > 0 { scratch.raw.start.update(from: scores.start, count: rows * span.count) }
        for row in first..<last {
          weigh(scores.start + (row - first) * span.count, head, row, visible(row, 0, count, window), span)
        }
        BLAS.multiply(
          .init(start: scores.start, stride: span.count, isTransposed: true),
          .init(start: gradient + own, stride: queryWidth), into: target + value, stride: width, m: span.count,
          n: dimension, k: rows, beta: 1, unless: { false })
        BLAS.multiply(
          .init(start: gradient + own, stride: queryWidth),
          .init(start: projected + value, stride: width, isTransposed: true), into: scratch.slopes.start, m: rows,
          n: span.count, k: dimension, unless: { false })
        for row in first..<last {
          let place = (row - first) * span.count
          let slopes = scratch.slopes.start + place
          Self.soften(slopes, scores.start + place, span.count)
          if let distances {
            let start = distances + head * (2 * longest - 1) + longest - 1 - row + span.lowerBound
            lathe_accumulate(start, slopes, span.count)
          }
          scale(slopes, scratch.raw.start + place, span.count)
        }
        BLAS.multiply(
          .init(start: scratch.slopes.start, stride: span.count), .init(start: projected + key, stride: width),
          into: target + query, stride: width, m: rows, n: dimension, k: span.count, beta: 1, unless: { false })
        BLAS.multiply(
          .init(start: scratch.slopes.start, stride: span.count, isTransposed: true),
          .init(start: projected + query, stride: width), into: target + key, stride: width, m: span.count,
          n: dimension, k: rows, beta: 1, unless: { false })
      }
    }
  }

  /// The weights' gradients become those of what softmax was taken of.
  private static func soften(_ slopes: UnsafeMutablePointer<Float>, _ weights: UnsafePointer<Float>, _ count: Int) {
    var dot: Float = 0
    for index in 0..<count { dot += slopes[index] * weights[index] }
    for index in 0..<count { slopes[index] = weights[index] * (slopes[index] - dot) }
  }

  private func scale(_ slopes: UnsafeMutablePointer<Float>, _ raw: UnsafePointer<Float>, _ count: Int) {
    let (scale, cap) = (shape.attentionScale, shape.attentionCap)
    for index in 0..<count {
      guard cap > 0 else {
        slopes[index] *= scale
        continue
      }
      let t = tanhf(raw[index] * scale / cap)
      slopes[index] *= scale * (1 - t * t)
    }
  }
}
