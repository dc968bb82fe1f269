internal import CKernels
public import Numerics

/// What flows between the nodes of a network: an array of Floats or of integers, last index fastest.
///
/// Copies share their elements, and so do arrays of the same elements in another shape.
public struct Value: Sendable, Hashable {
  public let shape: [Int]
  public let elements: Elements
  /// What the model calls the numbers. Floats of every precision are computed as 32 bits; integers are exact and wrap
  /// round at the type's width.
  public let type: ElementType

  public enum Elements: Sendable, Hashable {
    case floats([Float])
    /// Integers of every width, and booleans as 0 and 1.
    case integers([Int64])
  }

  /// - Precondition: as many elements as the shape has.
  public init(_ shape: [Int], _ floats: [Float], type: ElementType = .f32) {
    precondition(floats.count == Shape.product(shape))
    self.shape = shape
    self.type = type
    elements = .floats(floats)
  }

  /// - Precondition: as many elements as the shape has, each within the type's range.
  public init(_ shape: [Int], integers: [Int64], type: ElementType = .i64) {
    precondition(integers.count == Shape.product(shape))
    self.shape = shape
    self.type = type
    elements = .integers(integers)
  }

  /// How many elements.
  public var count: Int {
    switch elements {
    case .floats(let floats): floats.count
    case .integers(let integers): integers.count
    }
  }

  /// The Floats, `nil` where it holds integers.
  public var floats: [Float]? { if case .floats(let floats) = elements { floats } else { nil } }
  /// The integers, `nil` where it holds Floats.
  public var integers: [Int64]? { if case .integers(let integers) = elements { integers } else { nil } }

  /// The same elements in another shape of as many.
  func reshaped(_ shape: [Int]) -> Value {
    switch elements {
    case .floats(let floats): Value(shape, floats, type: type)
    case .integers(let integers): Value(shape, integers: integers, type: type)
    }
  }

  /// The same elements under another name of their type.
  func typed(_ type: ElementType) -> Value {
    switch elements {
    case .floats(let floats): Value(shape, floats, type: type)
    case .integers(let integers): Value(shape, integers: integers, type: type)
    }
  }

  /// Integers of a type, each wrapped round to its width.
  static func wrapping(_ shape: [Int], _ integers: [Int64], _ type: ElementType) -> Value {
    guard type.isNarrowInteger else { return Value(shape, integers: integers, type: type) }
    return Value(shape, integers: integers.map { type.wrapping($0) }, type: type)
  }

  /// The elements at flat places, in the order of the places: −1 stands for zero.
  func picked(_ places: [Int], _ shape: [Int]) -> Value {
    switch elements {
    case .floats(let floats): Value(shape, places.map { $0 < 0 ? 0 : floats[$0] }, type: type)
    case .integers(let integers): Value(shape, integers: places.map { $0 < 0 ? 0 : integers[$0] }, type: type)
    }
  }

  /// All elements as Floats, integers converted.
  var asFloats: [Float] {
    switch elements {
    case .floats(let floats): floats
    case .integers(let integers): integers.map { Float($0) }
    }
  }
}

extension ElementType {
  /// Whether its integers are of fewer than 64 bits, so that arithmetic on Int64 must wrap.
  var isNarrowInteger: Bool { !isFloatingPoint && self != .i64 && self != .u64 }

  /// The low bits of a number, read as one of this type.
  func wrapping(_ number: Int64) -> Int64 {
    switch self {
    case .i32: Int64(Int32(truncatingIfNeeded: number))
    case .u32: Int64(UInt32(truncatingIfNeeded: number))
    case .i16: Int64(Int16(truncatingIfNeeded: number))
    case .u16: Int64(UInt16(truncatingIfNeeded: number))
    case .i8: Int64(Int8(truncatingIfNeeded: number))
    case .u8: Int64(UInt8(truncatingIfNeeded: number))
    case .i4: (number & 15) - (number & 8) * 2
    case .u4: number & 15
    case .i2: (number & 3) - (number & 2) * 2
    case .u2: number & 3
    case .bool: number == 0 ? 0 : 1
    default: number
    }
  }

  /// The range of its integers, as far as an Int64 reaches.
  var integerRange: ClosedRange<Int64> {
    switch self {
    case .i32: Int64(Int32.min)...Int64(Int32.max)
    case .u32: 0...Int64(UInt32.max)
    case .i16: Int64(Int16.min)...Int64(Int16.max)
    case .u16: 0...Int64(UInt16.max)
    case .i8: -128...127
    case .u8: 0...255
    case .i4: -8...7
    case .u4: 0...15
    case .i2: -2...1
    case .u2: 0...3
    case .bool: 0...1
    case .u64: 0...Int64.max
    default: Int64.min...Int64.max
    }
  }

  /// The type that TensorProto.DataType numbers so, of those that values have.
  init?(onnx number: Int) {
    let types: [Int: ElementType] = [
      1: .f32, 2: .u8, 3: .i8, 4: .u16, 5: .i16, 6: .i32, 7: .i64, 9: .bool, 10: .f16, 11: .f64, 12: .u32, 13: .u64,
      16: .bf16, 21: .u4, 22: .i4,
    ]
    guard let type = types[number] else { return nil }
    self = type
  }
}

/// Arithmetic of shapes.
enum Shape {
  /// Elements between neighbours along each axis: [12, 4, 1] of [2, 3, 4].
  ///
  /// Of an empty array the steps mean nothing, and may have wrapped round.
  static func strides(_ shape: [Int]) -> [Int] {
    var strides = [Int](repeating: 1, count: shape.count)
    for axis in shape.indices.dropLast().reversed() { strides[axis] = strides[axis + 1] &* shape[axis + 1] }
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

  /// Whether an array of this shape, or one of some of its axes, has fewer than 2^40 elements: an extent of 0 counts as
  /// one, so that the others' products do not overflow either.
  static func isBounded(_ shape: [Int]) -> Bool { sizeIfBounded(shape) != nil }

  /// The product of all extents, those of 0 counted as 1; `nil` where it is too large, or one is negative.
  static func sizeIfBounded(_ shape: [Int]) -> Int? {
    var count = 1
    for extent in shape {
      let (product, overflow) = count.multipliedReportingOverflow(by: max(1, extent))
      guard extent >= 0, !overflow, product < 1 << 40 else { return nil }
      count = product
    }
    return count
  }

  /// Product of a range of axes; 1 of none. Wraps round: of a shape that `Call.check(size:)` has seen, it cannot.
  static func product(_ extents: some Sequence<Int>) -> Int { extents.reduce(1, &*) }

  /// Counts through an array's indices, last axis fastest, and gives two offsets along strides at each.
  @inline(__always)
  static func forEach(_ shape: [Int], _ first: [Int], _ second: [Int], _ body: (Int, Int) -> Void) {
    guard !shape.contains(0) else { return }
    var index = [Int](repeating: 0, count: shape.count)
    var (a, b) = (0, 0)
    while true {
      body(a, b)
      var axis = shape.count - 1
      while axis >= 0 {
        index[axis] += 1
        a += first[axis]
        b += second[axis]
        if index[axis] < shape[axis] { break }
        a -= first[axis] * shape[axis]
        b -= second[axis] * shape[axis]
        index[axis] = 0
        axis -= 1
      }
      if axis < 0 { return }
    }
  }

  /// Reads an array along strides into one of `shape`: element i of the result is the source's at
  /// `offset` + Σ index · stride. Transposes, repeats, slices and turns round.
  static func gather<Element>(_ source: [Element], _ shape: [Int], strides: [Int], offset: Int = 0)
    -> [Element]
  {
    let count = product(shape)
    guard count > 0 else { return [] }
    // Neighbouring axes that are walked through evenly count as one.
    var axes: [(extent: Int, from: Int, to: Int)] = []
    for (axis, to) in Shape.strides(shape).enumerated() where shape[axis] != 1 {
      if let last = axes.last, last.from == strides[axis] * shape[axis] {
        axes[axes.count - 1] = (last.extent * shape[axis], strides[axis], to)
      } else {
        axes.append((shape[axis], strides[axis], to))
      }
    }
    if axes.isEmpty { return [source[offset]] }
    if axes.count == 1, axes[0].from == 1, offset == 0, count == source.count { return source }
    return [Element](unsafeUninitializedCapacity: count) { result, initialised in
      source.withUnsafeBufferPointer { source in
        let (from, to) = (source.baseAddress! + offset, result.baseAddress!)
        let inner = axes.removeLast()
        // The axis that lies together in the source, where it is not the innermost: then a matrix is turned.
        let turned = inner.from == 1 ? nil : axes.firstIndex { $0.from == 1 }.map { axes.remove(at: $0) }
        forEach(axes.map(\.extent), axes.map(\.from), axes.map(\.to)) { a, b in
          if let turned, Element.self == Float.self, inner.from > 0 {
            lathe_transpose(
              UnsafeRawPointer(from + a).assumingMemoryBound(to: Float.self), inner.from,
              UnsafeMutableRawPointer(to + b).assumingMemoryBound(to: Float.self), turned.to, inner.extent,
              turned.extent)
            return
          }
          for row in 0..<(turned?.extent ?? 1) {
            let (start, target) = (from + a + row, to + b + row * (turned?.to ?? 0))
            switch inner.from {
            case 1: target.initialize(from: start, count: inner.extent)
            case 0: target.initialize(repeating: start.pointee, count: inner.extent)
            default:
              var place = start
              for column in 0..<inner.extent {
                (target + column).initialize(to: place.pointee)
                // The last place's successor may lie outside: it is computed, but never read.
                place += inner.from
              }
            }
          }
        }
      }
      initialised = count
    }
  }
}
