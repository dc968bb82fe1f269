import FileAccess
import Inference
import Numerics

/// NumPy's archive of arrays: a zip of stored `.npy` members (numpy.lib.format, version 1.0; APPNOTE.TXT 6.3.10).
enum ArrayArchive {
  /// - Throws: `WorkbenchError` for more than the format's 4 GB, and for a path that cannot be written.
  static func write(_ arrays: [String: Value], to path: String) throws(WorkbenchError) {
    let bytes = try bytes(arrays, path)
    do { try AtomicFile.write(bytes, to: path) } catch { throw WorkbenchError(error) }
  }

  static func bytes(_ arrays: [String: Value], _ path: String) throws(WorkbenchError) -> [UInt8] {
    var (file, directory): ([UInt8], [UInt8]) = ([], [])
    for (name, value) in arrays.sorted(by: { $0.key < $1.key }) {
      let (member, content) = (Array((name + ".npy").utf8), npy(value))
      guard file.count + content.count < 1 << 32 - 1 << 24, member.count < 1 << 16, arrays.count < 1 << 16 else {
        throw WorkbenchError("\(path): the outputs are of more than an archive's 4 GB; take fewer samples")
      }
      // Version, flags, method, time, date (1980-01-01), checksum, sizes, lengths of name and extra field.
      let common =
        little(20, 2) + little(0, 2) + little(0, 2) + little(0, 2) + little(33, 2) + little(checksum(content), 4)
        + little(content.count, 4) + little(content.count, 4) + little(member.count, 2) + little(0, 2)
      directory += [0x50, 0x4B, 1, 2] + little(20, 2) + common + little(0, 10) + little(file.count, 4) + member
      file += [0x50, 0x4B, 3, 4] + common + member + content
    }
    let start = file.count
    return file + directory + [0x50, 0x4B, 5, 6] + little(0, 4) + little(arrays.count, 2) + little(arrays.count, 2)
      + little(directory.count, 4) + little(start, 4) + little(0, 2)
  }

  private static func npy(_ value: Value) -> [UInt8] {
    let isBoolean = value.type == .bool
    let type = value.floats != nil ? "<f4" : isBoolean ? "|b1" : "<i8"
    let shape = value.shape.map { "\($0)" }.joined(separator: ", ") + (value.shape.count == 1 ? "," : "")
    var header = "{'descr': '\(type)', 'fortran_order': False, 'shape': (\(shape)), }"
    // Magic, version and length are 10 bytes; the numbers begin at a multiple of 64.
    header += String(repeating: " ", count: (64 - (header.utf8.count + 11) % 64) % 64) + "\n"
    var bytes = [0x93] + Array("NUMPY".utf8) + [1, 0] + little(header.utf8.count, 2) + Array(header.utf8)
    if let floats = value.floats {
      floats.withUnsafeBytes { bytes += $0 }
    } else if let integers = value.integers {
      if isBoolean {
        bytes += integers.map { $0 == 0 ? 0 : 1 }
      } else {
        integers.withUnsafeBytes { bytes += $0 }
      }
    }
    return bytes
  }

  private static func little(_ number: Int, _ count: Int) -> [UInt8] {
    (0..<count).map { $0 < 8 ? UInt8(truncatingIfNeeded: number >> (8 * $0)) : 0 }
  }

  private static let table: [UInt32] = (0..<256).map { index in
    (0..<8).reduce(UInt32(index)) { rest, _ in rest & 1 == 1 ? 0xEDB8_8320 ^ rest >> 1 : rest >> 1 }
  }

  /// CRC-32 (ISO 3309).
  private static func checksum(_ bytes: [UInt8]) -> Int {
    Int(bytes.reduce(UInt32.max) { table[Int(($0 ^ UInt32($1)) & 255)] ^ $0 >> 8 } ^ .max)
  }
}

extension Measurement {
  /// Writes what the model gave as an `.npz`.
  ///
  /// - Throws: `WorkbenchError`.
  public func writeOutputs(to path: String) throws(WorkbenchError) { try ArrayArchive.write(outputs, to: path) }
}
