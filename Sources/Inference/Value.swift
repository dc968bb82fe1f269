/// What flows between the nodes of a network: an array of Floats or of integers, last index fastest.
public struct Value: Sendable, Hashable {
  public let shape: [Int]
  public let elements: Elements

  public enum Elements: Sendable, Hashable {
    case floats([Float])
    /// Integers of every width, and booleans as 0 and 1.
    case integers([Int64])
  }

  /// - Precondition: as many elements as the shape has.
  public init(_ shape: [Int], _ floats: [Float]) {
    precondition(floats.count == shape.reduce(1, *))
    self.shape = shape
    elements = .floats(floats)
  }

  /// - Precondition: as many elements as the shape has.
  public init(_ shape: [Int], integers: [Int64]) {
    precondition(integers.count == shape.reduce(1, *))
    self.shape = shape
    elements = .integers(integers)
  }

  public var count: Int { shape.reduce(1, *) }

  /// The Floats, `nil` where it holds integers.
  public var floats: [Float]? { if case .floats(let floats) = elements { floats } else { nil } }
  /// The integers, `nil` where it holds Floats.
  public var integers: [Int64]? { if case .integers(let integers) = elements { integers } else { nil } }

  /// The same elements in another shape of as many.
  func reshaped(_ shape: [Int]) -> Value {
    switch elements {
    case .floats(let floats): Value(shape, floats)
    case .integers(let integers): Value(shape, integers: integers)
    }
  }
}

/// Arithmetic of shapes.
enum Shape {
  /// Elements between neighbours along each axis: [12, 4, 1] of [2, 3, 4].
  static func strides(_ shape: [Int]) -> [Int] {
    var strides = [Int](repeating: 1, count: shape.count)
    for axis in shape.indices.dropLast().reversed() { strides[axis] = strides[axis + 1] * shape[axis + 1] }
    return strides
  }

  /// The shape that both broadcast to (NumPy's rule); `nil` where there is none.
  static func broadcast(_ a: [Int], _ b: [Int]) -> [Int]? {
    var shape: [Int] = []
    for axis in 1...max(a.count, b.count, 1) {
      let (m, n) = (axis <= a.count ? a[a.count - axis] : 1, axis <= b.count ? b[b.count - axis] : 1)
      guard m == n || m == 1 || n == 1 else { return nil }
      shape.append(m == 1 ? n : m)
    }
    return Array(shape.reversed().suffix(max(a.count, b.count)))
  }

  /// Strides that read an array of `shape` as one of the shape `target` that it broadcasts to: 0 along axes
  /// that repeat.
  static func broadcastStrides(_ shape: [Int], to target: [Int]) -> [Int] {
    let own = strides(shape)
    let missing = target.count - shape.count
    return target.indices.map { $0 < missing || shape[$0 - missing] == 1 ? 0 : own[$0 - missing] }
  }

  /// Product of a range of axes; 1 of none.
  static func product(_ extents: some Sequence<Int>) -> Int { extents.reduce(1, *) }

  /// Reads an array along strides into one of `shape`: element i of the result is the source's at
  /// `offset` + Σ index · stride. Transposes, repeats, slices and turns round.
  static func gather<Element>(_ source: [Element], _ shape: [Int], strides: [Int], offset: Int = 0)
    -> [Element]
  {
    let count = product(shape)
    guard count > 0 else { return [] }
    guard let last = shape.last, let step = strides.last else { return [source[offset]] }
    return [Element](unsafeUninitializedCapacity: count) { result, initialised in
      source.withUnsafeBufferPointer { source in
        var index = [Int](repeating: 0, count: shape.count)
        var place = offset
        var next = result.baseAddress!
        for _ in 0..<count / last {
          var from = place
          for _ in 0..<last {
            next.initialize(to: source[from])
            next += 1
            from += step
          }
          // Count on, innermost axis but the last first.
          var axis = shape.count - 2
          while axis >= 0 {
            index[axis] += 1
            place += strides[axis]
            if index[axis] < shape[axis] { break }
            place -= strides[axis] * shape[axis]
            index[axis] = 0
            axis -= 1
          }
        }
      }
      initialised = count
    }
  }
}
