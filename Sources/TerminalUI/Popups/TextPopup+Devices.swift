import FileAccess
import Workbench

extension TextPopup {
  /// Tokens whose keys and values are counted.
  private static let context = 4096

  /// What the recipe as it stands would take and give on some devices; of graphs the size alone, as how much they compute
  /// is not known before they run.
  ///
  /// - Parameter wrapped: a line as many as the screen is wide enough for.
  static func onDevices(
    _ devices: [DeviceProfile], _ session: Session, wrapped: (String) -> [String]
  ) -> TextPopup {
    var lines = devices.map { device -> String in
      let found = session.estimate(on: device, context: context)
      let name = device.name + String(repeating: " ", count: max(1, 18 - device.name.count))
      var text = "\(name)≈ \(Format.bytes(Int(saturating: found.memoryBytes)))"
      if found.cacheBytes > 0 { text += " (\(Format.bytes(Int(saturating: found.cacheBytes))) keys and values)" }
      if let rate = found.perSecond { text += "  \(Format.significant(rate)) \(found.unit)/s" }
      if let energy = found.energy { text += "  \(Format.significant(energy * 1000)) mJ each" }
      return found.fits ? text : text + "  does not fit"
    }
    if let measured = session.measurement(of: session.recipe), measured.samplesPerSecond > 0 {
      lines += ["", "measured here: \(Format.significant(measured.samplesPerSecond)) samples/s, decoded to 32 bits"]
    }
    lines += [
      "", "An estimate: max(2 · multiplications / peak, bytes / bandwidth) layer by layer,",
      "keys and values of \(context) tokens; lathe devices says whose figures these are.",
    ]
    return TextPopup(title: "On a device", lines: lines.flatMap(wrapped))
  }
}
