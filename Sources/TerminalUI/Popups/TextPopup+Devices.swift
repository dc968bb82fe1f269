import FileAccess
import Workbench

extension TextPopup {
  /// What the recipe as it stands would take and give on some devices.
  ///
  /// - Parameters:
  ///   - found: of each device.
  ///   - wrapped: a line as many as the screen is wide enough for.
  static func onDevices(
    _ found: [Job.OnDevice], _ session: Session, wrapped: (String) -> [String]
  ) -> TextPopup {
    var lines = found.map { one -> String in
      let (device, found) = (one.device, one.estimate)
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
      "keys and values of \(Job.contextOnDevices) tokens; lathe devices says whose figures these are.",
    ]
    return TextPopup(title: "On a device", lines: lines.flatMap(wrapped))
  }
}
