internal import CKernels

/// Arrays of Floats through the C kernels.
enum Kernels {
  /// An array of uninitialised Floats that `body` fills.
  static func filled(_ count: Int, _ body: (UnsafeMutablePointer<Float>) -> Void) -> [Float] {
    guard count > 0 else { return [] }
    return [Float](unsafeUninitializedCapacity: count) { buffer, initialised in
      body(buffer.baseAddress!)
      initialised = count
    }
  }

  /// f(x) of every number.
  static func map(_ function: lathe_function, _ x: [Float]) -> [Float] {
    filled(x.count) { y in lathe_map(function, x, y, x.count) }
  }

  /// min(high, max(low, gain · x + offset)) of every number.
  static func scaled(_ x: [Float], gain: Float = 1, offset: Float = -0.0, low: Float, high: Float) -> [Float] {
    filled(x.count) { y in lathe_scale_clip(x, gain, offset, low, high, y, x.count) }
  }

  /// Arithmetic of two arrays that are read as ones of `shape`.
  ///
  /// - Precondition: both shapes broadcast to `shape`.
  static func combine(
    _ operation: lathe_operation, _ x: [Float], _ xShape: [Int], _ y: [Float], _ yShape: [Int], _ shape: [Int]
  ) -> [Float] {
    // Axes that both sides walk through evenly count as one; the last runs in the kernel.
    var axes: [(extent: Int, x: Int, y: Int)] = []
    let steps = zip(Shape.broadcastStrides(xShape, to: shape), Shape.broadcastStrides(yShape, to: shape))
    for (extent, step) in zip(shape, steps) where extent != 1 {
      if let last = axes.last, last.x == step.0 * extent, last.y == step.1 * extent {
        axes[axes.count - 1] = (last.extent * extent, step.0, step.1)
      } else {
        axes.append((extent, step.0, step.1))
      }
    }
    let run = axes.popLast() ?? (1, 1, 1)
    return filled(Shape.product(shape)) { result in
      x.withUnsafeBufferPointer { x in
        y.withUnsafeBufferPointer { y in
          var target = result
          Shape.forEach(axes.map(\.extent), axes.map(\.x), axes.map(\.y)) { a, b in
            lathe_combine(operation, x.baseAddress! + a, run.x, y.baseAddress! + b, run.y, target, run.extent)
            target += run.extent
          }
        }
      }
    }
  }

  /// Filters times columns, finished row by row: for convolutions' products, whose factors BLAS would both lay out anew
  /// at each call. It is written for sixteen wide registers; at the baseline BLAS does its work.
  struct Product {
    private let scratch: UnsafeMutablePointer<Float>
    let depth: Int

    /// `nil` where BLAS is the better choice: without vectors, or where the filters are so deep that laying out is nothing
    /// beside the product.
    init?(depth: Int) {
      guard lathe_kernel_level() == LATHE_LEVEL_VECTOR, (1...2048).contains(depth) else { return nil }
      self.depth = depth
      scratch = .allocate(capacity: lathe_product_scratch(depth))
    }

    func free() { scratch.deallocate() }

    /// y (rows, columns) ← w (rows, depth) · x (depth, columns), with a bias, a gain and an offset a row; rows of x and y
    /// lie `xStride` and `yStride` apart.
    func run(
      _ w: UnsafePointer<Float>, _ x: UnsafePointer<Float>, xStride: Int, into y: UnsafeMutablePointer<Float>,
      yStride: Int, rows: Int, columns: Int, bias: UnsafePointer<Float>?, gains: UnsafePointer<Float>?,
      offsets: UnsafePointer<Float>?, low: Float, high: Float
    ) {
      var finish = lathe_finish(bias: bias, gains: gains, offsets: offsets, low: low, high: high)
      lathe_product(w, x, xStride, y, yStride, rows, depth, columns, &finish, scratch)
    }
  }

  /// Windows of planes, channel by channel: sums with weights, or without weights the largest numbers.
  struct Planes {
    private var plane: lathe_plane
    private let scratch: UnsafeMutablePointer<Float>

    /// - Precondition: at most two spatial axes.
    init(_ window: Window) {
      plane = lathe_plane(
        height: Int32(window.input.height), width: Int32(window.input.width),
        kernel_height: Int32(window.kernel.height), kernel_width: Int32(window.kernel.width),
        stride_height: Int32(window.stride.height), stride_width: Int32(window.stride.width),
        dilation_height: Int32(window.dilation.height), dilation_width: Int32(window.dilation.width),
        top: Int32(window.padding.height), left: Int32(window.padding.width),
        out_height: Int32(window.output.height), out_width: Int32(window.output.width))
      scratch = .allocate(capacity: lathe_plane_pitch(&plane) * lathe_plane_rows(&plane))
    }

    /// Whether the padded plane, which the kernel lays out, is of a size to be held.
    static func holds(_ window: Window) -> Bool {
      guard window.rank < 3, window.output.product > 0 else { return false }
      let height = window.output.height * window.stride.height + window.kernel.height * window.dilation.height
      let width =
        (window.output.width + 8) * window.stride.width + window.kernel.width * window.dilation.width
        + window.padding.width + window.input.width
      return height < 1 << 26 && width < 1 << 26 && height * width < 1 << 26
    }

    func free() { scratch.deallocate() }

    func run(
      _ x: UnsafePointer<Float>, _ w: UnsafePointer<Float>?, bias: Float = 0, into y: UnsafeMutablePointer<Float>
    ) {
      withUnsafePointer(to: plane) { lathe_depthwise($0, x, w, bias, y, scratch) }
    }
  }
}
