import Checkpoints
import Inference

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

extension MeasurementRequest {
  /// What was asked for and does nothing for this model and these data, a line each.
  func unused(by checkpoint: Checkpoint) -> [String] {
    var unused: [String] = []
    func say(_ option: String, _ reason: String) { unused.append("--\(option) has no effect: \(reason)") }
    if checkpoint.graph == nil {
      let reason = "the model reads text"
      if images != ImageOptions() { say("images", reason) }
      if options.batch != nil { say("batch", reason) }
      if options.output != nil { say("output", "a language model has one output") }
    } else {
      if context != nil { say("context", "the model reads arrays or images, no text") }
      if images != ImageOptions(), !isOfImages { say("images", "\(data) holds arrays") }
    }
    return unused
  }

  /// Whether the data are a folder of images or a list of them.
  private var isOfImages: Bool {
    var status = stat()
    return data.hasSuffix(".csv") || stat(data, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }
}
