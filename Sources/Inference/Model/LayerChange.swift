/// What was chosen for a layer.
public struct LayerChange: Sendable {
  /// Its new matrix, outputs by inputs; `nil` to leave it as it is.
  public var matrix: [Float]?
  /// What is to stand for its bias, a number an output; `nil` to leave that as it is.
  public var bias: [Float]?

  public init(matrix: [Float]? = nil, bias: [Float]? = nil) { (self.matrix, self.bias) = (matrix, bias) }
}

extension ModelWeights {
  /// The weights with what was chosen for a layer.
  ///
  /// - Parameter bias: the checkpoint's tensor that the layer adds to its outputs.
  func replacing(layer: Int, by change: LayerChange, bias: Int?) throws(InferenceError) -> Self {
    var changed = self
    if let matrix = change.matrix { changed = try changed.replacing(layer: layer, withMatrix: matrix) }
    if let numbers = change.bias, let bias { changed = changed.replacing(tensor: bias, with: numbers) }
    return changed
  }
}
