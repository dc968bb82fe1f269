import ArgumentParser
import Workbench

/// `lathe devices`: what --device knows, as JSON that can be edited.
struct DevicesCommand: ParsableCommand, Explained {
  static let configuration = CommandConfiguration(
    commandName: "devices", abstract: "Print the profiles of devices that estimates know, as JSON to edit.",
    discussion: discussion)

  static let explanation = """
    estimate --device NAME, or FILE.json#NAME, says what a recipe would take and give on a device. The seconds of a step \
    are, layer by layer, the greater of 2 · multiplications / rate and bytes / bandwidth; bytes are the weights that a step \
    reads (of mixtures of experts those that a token is sent to) and the keys and values of the context, 16 bits each; \
    energy is bytes and multiplications, each times its own. Rates are peaks and bandwidths are makers', energies those of \
    45 nm (M. Horowitz, ISSCC 2014): real programs reach a part. It is an estimate, drawn with ≈; evaluate measures.
    """
  static let examples = [
    "lathe estimate Samples/shakespeare-llama --set '*=int4' \\\n    --device raspberry-pi-5 --context-length 4096",
    "lathe devices > devices.json",
  ]

  func run() throws {
    let devices = DeviceProfile.all.map { device in
      JSON.object([
        ("name", .string(device.name)), ("gigabytesPerSecond", .number(device.bandwidth)),
        ("memoryGigabytes", .number(device.memory / 1e9)),
        ("teraOperationsPerSecond", Self.byBits(device.rates)), ("picojoulesPerByte", .number(device.byteEnergy)),
        ("picojoulesPerOperation", Self.byBits(device.operationEnergy)), ("source", .string(device.source)),
      ])
    }
    try emit(JSON.object([("devices", .array(devices))]).text())
  }

  private static func byBits(_ figures: [Int: Double]) -> JSON {
    .object(figures.sorted { $0.key > $1.key }.map { ("\($0.key)", .number($0.value)) })
  }
}
