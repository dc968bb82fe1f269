internal import CKernels

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// softmax(Q Kᵀ · scale + mask) V of one text, head after head, some queries at a time (A. Vaswani et al.,
/// arXiv:1706.03762).
final class Attention {
  /// Queries at a time: their products with all keys are what is held.
  static let rows = 64

  let shape: Hyperparameters
  private let bias: RelativeBias?
  /// (rows, keys)
  let scores: Scratch

  init(_ shape: Hyperparameters, longest: Int, _ bias: RelativeBias?) {
    self.shape = shape
    self.bias = bias
    scores = Scratch(Self.rows * longest)
  }

  /// - Parameters:
  ///   - queries: (count, heads · dimension), rows `stride` apart.
  ///   - keys: (past + count, key heads · dimension), rows `keyStride` apart; so `values`.
  ///   - past: Tokens before the first query's.
  ///   - output: (count, heads · dimension).
  func run(
    queries: UnsafePointer<Float>, stride: Int, count: Int, keys: UnsafePointer<Float>, values: UnsafePointer<Float>,
    keyStride: Int, past: Int, window: Int?, into output: UnsafeMutablePointer<Float>, unless isCancelled: () -> Bool
  ) {
    let dimension = shape.headDimension
    let group = shape.heads / shape.keyHeads
    for first in Swift.stride(from: 0, to: count, by: Self.rows) {
      let last = min(first + Self.rows, count)
      let span =
        visible(past + first, past, count, window).lowerBound..<visible(past + last - 1, past, count, window).upperBound
      for head in 0..<shape.heads {
        if isCancelled() { return }
        let column = head / group * dimension
        let k = keys + span.lowerBound * keyStride + column
        let v = values + span.lowerBound * keyStride + column
        let q = queries + first * stride + head * dimension
        if last - first == 1 {
          lathe_matrix_vector(k, span.count, dimension, keyStride, q, nil, scores.start)
        } else {
          BLAS.multiply(
            .init(start: q, stride: stride), .init(start: k, stride: keyStride, isTransposed: true),
            into: scores.start, m: last - first, n: span.count, k: dimension, unless: { false })
        }
        for row in first..<last {
          weigh(scores.start + (row - first) * span.count, head, row, visible(past + row, past, count, window), span)
        }
        BLAS.multiply(
          .init(start: scores.start, stride: span.count), .init(start: v, stride: keyStride),
          into: output + first * shape.queryWidth + head * dimension, stride: shape.queryWidth, m: last - first,
          n: dimension, k: span.count, unless: { false })
      }
    }
  }

  /// The keys that the query at a place sees; both ends never go back from one query to the next.
  func visible(_ place: Int, _ past: Int, _ count: Int, _ window: Int?) -> Range<Int> {
    guard shape.isCausal else { return 0..<past + count }
    return max(0, place + 1 - (window ?? .max / 2))..<place + 1
  }

  /// A row of products becomes one of weights that add up to 1, 0 for what is not seen.
  func weigh(
    _ row: UnsafeMutablePointer<Float>, _ head: Int, _ query: Int, _ seen: Range<Int>, _ span: Range<Int>
  ) {
    let start = row + (seen.lowerBound - span.lowerBound)
    if let bias {
      bias.add(to: start, count: seen.count, head: head, query: query, scale: 1 / shape.attentionScale)
    }
    lathe_scaled_softmax(start, seen.count, shape.attentionScale, shape.attentionCap)
    for index in 0..<seen.lowerBound - span.lowerBound { row[index] = 0 }
    for index in seen.upperBound - span.lowerBound..<span.count { row[index] = 0 }
  }
}

/// A learned bias of attention by the distance of two tokens (C. Raffel et al., arXiv:1910.10683, section 2.1).
struct RelativeBias {
  /// (heads, 2 · longest − 1): the entry `longest − 1 + d` is for a key d places after the query.
  private let values: [Float]
  private let longest: Int

  init(_ table: Linear, _ weights: TransformerWeights, longest: Int) {
    self.longest = longest
    let buckets = table.outputs
    let matrix = weights.matrices[table.layer] ?? [Float](repeating: 0, count: buckets * table.inputs)
    let span = max(0, 2 * longest - 1)
    var values = [Float](repeating: 0, count: table.inputs * span)
    for index in 0..<span {
      let bucket = max(0, min(buckets - 1, Self.bucket(index - (longest - 1), buckets)))
      for head in 0..<table.inputs { values[head * span + index] = matrix[bucket * table.inputs + head] }
    }
    self.values = values
  }

  /// Half of the buckets for each direction; in it half for short distances, the rest in logarithmic steps up to 128.
  static func bucket(_ distance: Int, _ buckets: Int) -> Int {
    let half = buckets / 2
    let exact = max(1, half / 2)
    let offset = distance > 0 ? half : 0
    let length = abs(distance)
    guard length >= exact else { return offset + length }
    let step = logf(Float(length) / Float(exact)) / logf(128 / Float(exact)) * Float(half - exact)
    // With more buckets than the logarithm has room for, the step is no finite number.
    return offset + min(half - 1, exact + (step < Float(half) ? Int(max(0, step)) : half))
  }

  func add(to row: UnsafeMutablePointer<Float>, count: Int, head: Int, query: Int, scale: Float) {
    let start = head * (2 * longest - 1) + longest - 1 - query
    for index in 0..<count { row[index] += values[start + index] * scale }
  }
}
