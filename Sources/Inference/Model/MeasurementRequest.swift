/// What a measurement runs on, and how.
public struct MeasurementRequest: Sendable {
  /// Arrays in a file (`.npz`, `.safetensors`), a folder or a list of images; for a language model a text, or token ids
  /// (`.npy`).
  public var data: String
  /// Tokens of a window of text; `nil` for the model's own, at most 512.
  public var context: Int?
  public var images: ImageOptions
  /// How activations are coded; `nil` for plain numbers.
  public var activations: ActivationOptions?
  /// How samples of a graph are run.
  public var options = Network.RunOptions()
  /// Hears of the most telling figure as far as it has come, after each batch.
  public var running: (@Sendable (Metric) -> Void)?

  public init(
    data: String, images: ImageOptions = ImageOptions(), activations: ActivationOptions? = nil, context: Int? = nil
  ) {
    self.data = data
    self.context = context
    self.images = images
    self.activations = activations
  }
}

/// Simulated integer activations.
public struct ActivationOptions: Sendable, Hashable {
  public var bits: Int
  public var percentile: Double
  /// What ranges are found on; other data than those that score.
  public var calibration: String

  public init(bits: Int, percentile: Double = 100, calibration: String) {
    (self.bits, self.percentile, self.calibration) = (bits, percentile, calibration)
  }
}
