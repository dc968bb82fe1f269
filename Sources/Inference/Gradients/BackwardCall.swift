internal import CKernels

/// One node's turn on the way back: what went in and came out, and how the loss changes with what came out.
struct BackwardCall {
  /// The node with its inputs as the forward run had them.
  let call: Call
  /// What the forward run made of them.
  let outputs: [Value?]
  /// ∂loss/∂output, an array of the output's shape each; `nil` where nothing depends on it.
  let gradients: [Value?]
  /// The inputs whose gradients are asked for.
  let wanted: Set<Int>

  func wants(_ input: Int) -> Bool { wanted.contains(input) }

  /// The gradient of the first output.
  func gradient() throws(InferenceError) -> [Float] {
    guard let gradient = gradients.first ?? nil, let floats = gradient.floats else {
      throw call.fail("has a gradient of integers, or none, for its first output")
    }
    return floats
  }

  /// An output of Floats.
  func output(_ index: Int) throws(InferenceError) -> [Float] {
    guard index < outputs.count, let floats = outputs[index]?.floats else {
      throw call.fail("has no floating-point numbers as output \(index)")
    }
    return floats
  }

  /// The first output's shape.
  func shape() throws(InferenceError) -> [Int] {
    guard let shape = gradients.first??.shape else { throw call.fail("has no gradient for its first output") }
    return shape
  }

  /// The same with another call and its gradient: for operators that are made of others.
  func with(_ call: Call, outputs: [Value?], gradients: [Value?], wanted: Set<Int>) -> BackwardCall {
    BackwardCall(call: call, outputs: outputs, gradients: gradients, wanted: wanted)
  }

  /// The gradient of the first input alone: g · f(x, y) an element, x going in and y coming out.
  // Inlined, so that the function is too.
  @inline(__always)
  func scaled(by derivative: (_ x: Float, _ y: Float) -> Float) throws(InferenceError) -> [Value?] {
    let (shape, x) = try call.floats(0)
    let (y, g) = (try output(0), try gradient())
    guard x.count == g.count, y.count == g.count else {
      throw call.fail("has a gradient of \(g.count) numbers for \(x.count)")
    }
    let result = [Float](unsafeUninitializedCapacity: g.count) { result, initialised in
      x.withUnsafeBufferPointer { x in
        y.withUnsafeBufferPointer { y in
          g.withUnsafeBufferPointer { g in
            for index in g.indices {
              result.initializeElement(at: index, to: g[index] * derivative(x[index], y[index]))
            }
          }
        }
      }
      initialised = g.count
    }
    return [Value(shape, result)]
  }
}

/// Sums and repetitions between an array's own shape and the one that it was broadcast to.
enum Broadcasting {
  /// An array's elements repeated up to a shape that it broadcasts to.
  static func spread(_ x: [Float], _ shape: [Int], to target: [Int]) -> [Float] {
    shape == target ? x : Shape.gather(x, target, strides: Shape.broadcastStrides(shape, to: target))
  }

  /// The reverse: sums over all axes along which an array of `shape` was repeated to one of `whole`.
  ///
  /// - Precondition: `shape` broadcasts to `whole`.
  static func summed(_ g: [Float], _ whole: [Int], to shape: [Int]) -> Value {
    if shape == whole || g.isEmpty {
      return Value(shape, shape == whole ? g : .init(repeating: 0, count: Shape.product(shape)))
    }
    var axes: [(extent: Int, from: Int, to: Int)] = []
    let steps = zip(Shape.strides(whole), Shape.broadcastStrides(shape, to: whole))
    for (extent, step) in zip(whole, steps) where extent != 1 {
      if let last = axes.last, last.from == step.0 * extent, last.to == step.1 * extent {
        axes[axes.count - 1] = (last.extent * extent, step.0, step.1)
      } else {
        axes.append((extent, step.0, step.1))
      }
    }
    let run = axes.popLast() ?? (1, 1, 1)
    var result = [Float](repeating: 0, count: Shape.product(shape))
    result.withUnsafeMutableBufferPointer { result in
      g.withUnsafeBufferPointer { g in
        guard let target = result.baseAddress, let source = g.baseAddress else { return }
        Shape.forEach(axes.map(\.extent), axes.map(\.from), axes.map(\.to)) { a, b in
          if run.to == 0 {
            target[b] += lathe_sum(source + a, run.extent)
          } else {
            lathe_accumulate(target + b, source + a, run.extent)
          }
        }
      }
    }
    return Value(shape, result)
  }

  /// Both added; of the same shape.
  static func sum(_ a: Value, _ b: Value) -> Value {
    guard let x = a.floats, let y = b.floats, x.count == y.count else { return a }
    return Value(a.shape, Kernels.combine(LATHE_ADD, x, a.shape, y, a.shape, a.shape))
  }
}
