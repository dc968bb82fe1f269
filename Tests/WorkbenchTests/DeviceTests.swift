import Checkpoints
import Compression
import Foundation
import Support
import Testing

@testable import Workbench

@Suite struct DeviceTests {
  private func device(bandwidth: Double = 1, rate: Double = 1000) -> DeviceProfile {
    DeviceProfile(
      name: "test", bandwidth: bandwidth, memory: 1e7, rates: [32: rate], byteEnergy: 100, operationEnergy: [32: 2],
      source: "")
  }

  /// Three blocks of two key heads of 64, keys and values, two bytes each; weights at four bits and 16-bit scales.
  @Test func aLanguageModelsFiguresAreTheFormulas() throws {
    var session = Session(try Checkpoint.open(Fixtures.sample("shakespeare-llama")))
    try session.apply([Rule("*=int4")])
    let found = session.estimate(on: device(), context: 1000)
    let cache = 3.0 * 2 * 64 * 2 * 2 * 1000
    #expect(found.unit == "tokens" && found.cacheBytes == cache)
    // 1,024 × 256 of the embedding, of which a token reads a row; the other matrices; the norms in 16 bits.
    let embedding = 1024.0 * 256
    let matrices = Double(session.parameterCount) - embedding - 7 * 256
    #expect(found.memoryBytes == cache + (embedding + matrices) * 4.5 / 8 + 7 * 256 * 2)
    let active = matrices * 4.5 / 8 + 256 * 4.5 / 8 + 7 * 256 * 2
    #expect(abs(found.activeBytes - active) < 1e-6 * active)
    // So slow a memory is all that counts.
    let seconds = (active - 7 * 256 * 2 + cache) / 1e9
    #expect(abs(try #require(found.perSecond) * seconds - 1) < 1e-9)
    let energy = ((active + cache) * 100 + matrices * 2) * 1e-12
    #expect(abs(try #require(found.energy) / energy - 1) < 0.01)
    #expect(found.fits && !session.estimate(on: device(), context: 100_000).fits)
    // So slow an arithmetic too.
    let computed = session.estimate(on: device(bandwidth: 1e6, rate: 1e-6), context: 0)
    #expect(abs(try #require(computed.perSecond) * 2 * matrices / 1e6 - 1) < 1e-6)
  }

  @Test func anEncoderKeepsNoKeysAndValues() throws {
    let session = Session(try Checkpoint.open(Fixtures.fixture("transformers/bert")))
    let found = session.estimate(on: device(), context: 4096)
    #expect(found.cacheBytes == 0 && found.memoryBytes > 0 && found.perSecond != nil)
  }

  @Test func aGraphNeedsItsMultiplications() throws {
    let session = Session(try Checkpoint.open(Fixtures.sample("digits-cnn.onnx")))
    #expect(session.estimate(on: device(), context: 0).perSecond == nil)
    let found = session.estimate(on: device(bandwidth: 1e6, rate: 1e-6), context: 0, multiplications: [:])
    #expect(found.unit == "images" && found.perSecond != nil)
  }

  @Test func profilesAreReadAndWrongOnesSaySo() throws {
    let folder = try ScratchFolder()
    let path = folder.path + "/devices.json"
    func write(_ text: String) throws { try text.write(toFile: path, atomically: true, encoding: .utf8) }
    let one =
      #"{"name": "NAME", "gigabytesPerSecond": 10, "memoryGigabytes": 1, "teraOperationsPerSecond": {"8": 2}, "#
      + #""picojoulesPerByte": 1, "picojoulesPerOperation": {"8": 0.5}}"#
    try write("{\"devices\": [\(one), \(one.replacing("NAME", with: "other"))]}")
    #expect(try DeviceProfile(spec: path).name == "NAME")
    #expect(try DeviceProfile(spec: path + "#other").rates == [8: 2])
    #expect(throws: WorkbenchError.self) { try DeviceProfile(spec: path + "#third") }
    for (wrong, words) in [
      ("\"gigabytesPerSecond\": 10", "gigabytesPerSecond"), ("{\"8\": 2}", "teraOperationsPerSecond"),
      ("\"picojoulesPerByte\": 1", "picojoulesPerByte"),
    ] {
      try write("{\"devices\": [\(one.replacing(wrong, with: wrong.hasPrefix("{") ? "{\"8\": -2}" : "\"x\": 1"))]}")
      let error = #expect(throws: WorkbenchError.self) { try DeviceProfile(spec: path) }
      #expect("\(error!)".contains(words) && "\(error!)".contains("devices[0]"))
    }
    let unknown = #expect(throws: WorkbenchError.self) { try DeviceProfile(spec: "toaster") }
    #expect("\(unknown!)".contains("raspberry-pi-5"))
  }

  @Test(arguments: DeviceProfile.all) func knownProfilesAreWhole(device: DeviceProfile) {
    #expect(device.bandwidth > 0 && device.memory > 0 && !device.source.isEmpty)
    #expect(device.rates[8] ?? 0 >= device.rates[32] ?? 0 && device.operationEnergy[8]! < device.operationEnergy[32]!)
  }
}
