internal import Checkpoints

/// How a network takes images: the place and size of its one input, and what is done to pixels.
struct ImageInput: Sendable {
  let name: String
  let width: Int
  let height: Int
  let channels: Int
  private let isChannelsFirst: Bool
  private let options: ImageOptions

  /// - Throws: where the network takes something else than images, or nothing says their size.
  init(_ network: Network, _ options: ImageOptions) throws(InferenceError) {
    let path = network.checkpoint.path
    guard network.inputs.count == 1, let input = network.inputs.first, let shape = input.shape, shape.count == 4 else {
      throw InferenceError(
        path, "takes \(network.inputs.map(\.name).joined(separator: ", ")): one input of four axes expected for images")
    }
    let extents = shape.map { extent -> Int? in if case .fixed(let size) = extent { size } else { nil } }
    func isChannels(_ extent: Int?) -> Bool { extent == 1 || extent == 3 }
    isChannelsFirst = options.isChannelsFirst ?? (isChannels(extents[1]) || !isChannels(extents[3]))
    channels = (isChannelsFirst ? extents[1] : extents[3]) ?? 3
    let (tall, wide) = isChannelsFirst ? (extents[2], extents[3]) : (extents[1], extents[2])
    guard let height = tall ?? options.size?.height, let width = wide ?? options.size?.width else {
      throw InferenceError(path, "takes images of any size: give one with --images size=224")
    }
    guard channels == 1 || channels == 3 else {
      throw InferenceError(path, "takes \(channels) channels; 1 or 3 expected for images")
    }
    if let size = options.size, size.width != width || size.height != height {
      throw InferenceError(path, "takes images of \(width)x\(height), not of \(size.width)x\(size.height)")
    }
    for list in [options.mean, options.deviation] where list.count != 1 && list.count != channels {
      throw InferenceError(path, "takes \(channels) channels, but mean or deviation has \(list.count) numbers")
    }
    (self.width, self.height, self.options) = (width, height, options)
    name = input.name
  }

  /// A batch of decoded files, in the network's layout.
  ///
  /// - Throws: `InferenceError` that names the file.
  func batch(_ files: ArraySlice<String>) throws(InferenceError) -> Value {
    let plane = width * height
    var values = [Float](repeating: 0, count: files.count * channels * plane)
    for (sample, file) in files.enumerated() {
      let pixels = try ImageFiles.decode(file)
      let rgb = pixels.resized(width: width, height: height, from: part(of: pixels))
      let base = sample * channels * plane
      for pixel in 0..<plane {
        for channel in 0..<channels {
          let value = color(rgb, pixel, channel)
          values[base + (isChannelsFirst ? channel * plane + pixel : pixel * channels + channel)] = value
        }
      }
    }
    return Value([files.count] + sampleShape, values)
  }

  /// Of one image.
  var sampleShape: [Int] { isChannelsFirst ? [channels, height, width] : [height, width, channels] }

  /// An image that lies channel by channel, in the network's layout.
  func ordered(_ planes: [Float]) -> [Float] {
    guard !isChannelsFirst, channels > 1 else { return planes }
    let plane = width * height
    return (0..<planes.count).map { planes[$0 % channels * plane + $0 / channels] }
  }

  private func color(_ rgb: [Float], _ pixel: Int, _ channel: Int) -> Float {
    let at = 3 * pixel
    let byte =
      channels == 1
      ? 0.299 * rgb[at] + 0.587 * rgb[at + 1] + 0.114 * rgb[at + 2]
      : rgb[at + (options.isBlueFirst ? 2 - channel : channel)]
    let mean = options.mean[min(channel, options.mean.count - 1)]
    let deviation = options.deviation[min(channel, options.deviation.count - 1)]
    return (byte / 255 * options.scale - mean) / deviation
  }

  /// The whole image, or what is cut from its middle.
  private func part(of pixels: Pixels) -> Pixels.Part {
    let (w, h) = (Double(pixels.width), Double(pixels.height))
    guard let crop = options.crop else { return Pixels.Part(x: 0, y: 0, width: w, height: h) }
    // The target's rectangle in an image whose sides fit it, times the share.
    let scale = min(w / Double(width), h / Double(height)) * crop
    let (partWidth, partHeight) = (Double(width) * scale, Double(height) * scale)
    return Pixels.Part(x: (w - partWidth) / 2, y: (h - partHeight) / 2, width: partWidth, height: partHeight)
  }
}
