import FileAccess

/// What a machine can do, for a rough word on speed and energy: one memory, one kind of arithmetic unit.
///
/// A profile's numbers are its makers' (bandwidth, peak rates) or the literature's (energy); the program that runs the
/// model reaches a part of them.
public struct DeviceProfile: Sendable, Hashable {
  public var name: String
  /// Of its memory, 10⁹ bytes a second.
  public var bandwidth: Double
  /// Bytes of memory that a model may take.
  public var memory: Double
  /// Peak rates by the bits of a multiplication's operands: 10¹² operations a second, a multiplication and an addition
  /// being two.
  public var rates: [Int: Double]
  /// Energy of a byte from memory, and of a multiplication with its addition by bits, in 10⁻¹² joules.
  public var byteEnergy: Double
  public var operationEnergy: [Int: Double]
  /// Where the numbers are from.
  public var source: String

  /// Energy figures of 45 nm (M. Horowitz, ISSCC 2014): DRAM 160 pJ a byte, multiplication and addition of 32-bit floats
  /// 4.6, of 16 bits 1.5, of 8-bit integers .3. Bandwidths and rates are the makers' data sheets'.
  public static let all: [DeviceProfile] = [
    .init(
      "raspberry-pi-5", bandwidth: 17, gigabytes: 8, rates: [32: 0.077, 16: 0.154, 8: 0.307],
      source: "LPDDR4X-4267, 32 bits; 4 Cortex-A76 at 2.4 GHz, two 128-bit pipes"),
    .init(
      "laptop-ddr5", bandwidth: 83, gigabytes: 32, rates: [32: 1.0, 16: 1.0, 8: 4.1],
      source: "two channels of DDR5-5200; 8 cores at 4 GHz with AVX2 and VNNI"),
    .init(
      "apple-m2", bandwidth: 100, gigabytes: 16, rates: [32: 3.6, 16: 3.6, 8: 15.8],
      source: "LPDDR5-6400, 128 bits; GPU of 10 cores, neural engine"),
    .init(
      "jetson-orin-nano", bandwidth: 68, gigabytes: 8, rates: [32: 1.3, 16: 10, 8: 20],
      source: "LPDDR5, 128 bits; 1,024 CUDA cores and 32 tensor cores, dense"),
    .init(
      "rtx-4090", bandwidth: 1008, gigabytes: 24, rates: [32: 82.6, 16: 165, 8: 661],
      source: "GDDR6X, 384 bits; dense tensor cores with 32-bit accumulation, int8"),
    .init(
      "cortex-m7", bandwidth: 0.4, gigabytes: 0.001, rates: [32: 0.0004, 16: 0.0008, 8: 0.0008],
      source: "400 MHz, two 16-bit multiplications a clock; weights from on-chip flash"),
  ]

  private init(_ name: String, bandwidth: Double, gigabytes: Double, rates: [Int: Double], source: String) {
    self.init(
      name: name, bandwidth: bandwidth, memory: gigabytes * 1e9, rates: rates, byteEnergy: 160,
      operationEnergy: [32: 4.6, 16: 1.5, 8: 0.3], source: source)
  }

  public init(
    name: String, bandwidth: Double, memory: Double, rates: [Int: Double], byteEnergy: Double,
    operationEnergy: [Int: Double], source: String
  ) {
    (self.name, self.bandwidth, self.memory, self.rates) = (name, bandwidth, memory, rates)
    (self.byteEnergy, self.operationEnergy, self.source) = (byteEnergy, operationEnergy, source)
  }

  /// The figure for operands of some bits: that of the fewest bits that hold them, else of the most that there are.
  static func figure(_ figures: [Int: Double], bits: Double) -> Double {
    let fitting = figures.filter { Double($0.key) >= bits }.min { $0.key < $1.key }
    return (fitting ?? figures.max { $0.key < $1.key })?.value ?? 0
  }
}

extension DeviceProfile {
  /// One of those that are known, or the profiles' file at a path (`name.json`), whose first is taken, or the one after `#`.
  ///
  /// - Throws: `WorkbenchError` that lists the names, or says what is wrong with the file.
  public init(spec: String) throws(WorkbenchError) {
    if let known = Self.all.first(where: { $0.name == spec }) {
      self = known
      return
    }
    let parts = spec.split(separator: "#", maxSplits: 1).map(String.init)
    guard let path = parts.first, path.hasSuffix(".json") else {
      throw WorkbenchError(
        "device \"\(excerpt(spec))\": known are \(Self.all.map(\.name).joined(separator: ", ")), or FILE.json#NAME (lathe devices prints one)"
      )
    }
    let profiles = try Self.read(path)
    guard let found = parts.count > 1 ? profiles.first(where: { $0.name == parts[1] }) : profiles.first else {
      throw WorkbenchError("\(path): holds no device\(parts.count > 1 ? " \"\(excerpt(parts[1]))\"" : "")")
    }
    self = found
  }

  /// Reads profiles as `lathe devices` prints them.
  static func read(_ path: String) throws(WorkbenchError) -> [DeviceProfile] {
    let json: JSONValue?
    do { json = try JSONValue(path: path) } catch { throw WorkbenchError("\(error)") }
    guard let json else { throw WorkbenchError("\(path): there is no such file, or it cannot be read") }
    guard case .array(let list)? = json["devices"] else {
      throw WorkbenchError("\(path): a list \"devices\" expected, as lathe devices prints it")
    }
    var profiles: [DeviceProfile] = []
    for (index, value) in list.enumerated() {
      let object = try ConfigObject(value, at: "devices[\(index)]", in: path)
      func positive(_ key: String) throws(WorkbenchError) -> Double {
        guard let number = object[key]?.double, number > 0, number.isFinite else {
          throw object.wrong(key, "a number above 0 expected")
        }
        return number
      }
      func byBits(_ key: String) throws(WorkbenchError) -> [Int: Double] {
        var found: [Int: Double] = [:]
        for (bits, value) in try object.object(key)?.members ?? [] {
          guard let width = Int(bits), (1...64).contains(width), let number = value.double, number > 0, number.isFinite
          else { throw object.wrong(key, "numbers above 0 by bits expected, as {\"8\": 4.1}") }
          found[width] = number
        }
        guard !found.isEmpty else { throw object.wrong(key, "at least one width expected") }
        return found
      }
      profiles.append(
        DeviceProfile(
          name: try object.string("name") ?? "device \(index + 1)", bandwidth: try positive("gigabytesPerSecond"),
          memory: try positive("memoryGigabytes") * 1e9, rates: try byBits("teraOperationsPerSecond"),
          byteEnergy: try positive("picojoulesPerByte"), operationEnergy: try byBits("picojoulesPerOperation"),
          source: try object.string("source") ?? ""))
    }
    return profiles
  }
}
