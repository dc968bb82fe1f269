internal import CKernels

/// The angles by which the heads of some texts' tokens are turned, a table for each rotation that is used.
struct TextRotations {
  private let shape: Hyperparameters
  private let texts: [Range<Int>]
  /// Tokens before the first.
  private let past: Int
  private var tables: [Key: (cosines: [Float], sines: [Float])] = [:]

  private struct Key: Hashable {
    let rotation: Rotation
    let isLong: Bool
  }

  /// - Parameter isBackward: whether heads are turned back: what a gradient needs.
  init(_ shape: Hyperparameters, _ texts: [Range<Int>], past: Int = 0, isBackward: Bool = false) {
    (self.shape, self.texts, self.past) = (shape, texts, past)
    guard case .rotary(let rotations) = shape.positions else { return }
    let longest = texts.map(\.count).max() ?? 0
    for rotation in Set(rotations) {
      for isLong in Set(texts.map { rotation.isLong(past + $0.count) }) {
        var table = rotation.table(past..<past + longest, isLong: isLong)
        if isBackward { for index in table.sines.indices { table.sines[index].negate() } }
        tables[Key(rotation: rotation, isLong: isLong)] = table
      }
    }
  }

  /// Turns the heads of queries and keys, with which rows of `width` numbers begin.
  func turn(_ start: UnsafeMutablePointer<Float>, width: Int, block: Int) {
    guard case .rotary(let rotations) = shape.positions else { return }
    let rotation = rotations[block]
    let pairs = rotation.frequencies.count
    let isInterleaved: Int32 = rotation.isInterleaved ? 1 : 0
    for text in texts {
      guard let table = tables[Key(rotation: rotation, isLong: rotation.isLong(past + text.count))] else { continue }
      table.cosines.withUnsafeBufferPointer { cosines in
        table.sines.withUnsafeBufferPointer { sines in
          guard let cosine = cosines.baseAddress, let sine = sines.baseAddress else { return }
          for row in text {
            let place = (row - text.lowerBound) * pairs
            for head in 0..<shape.heads + shape.keyHeads {
              lathe_rotate(
                start + row * width + head * shape.headDimension, cosine + place, sine + place, pairs, isInterleaved)
            }
          }
        }
      }
    }
  }
}
