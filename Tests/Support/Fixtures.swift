import Foundation

/// Files that tests read: samples and what peers answered.
public enum Fixtures {
  /// The package's folder.
  public static let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  public static func sample(_ name: String) -> String { root.appending(path: "Samples/\(name)").path }
  public static func fixture(_ name: String) -> String { root.appending(path: "Tests/Fixtures/\(name)").path }

  /// A fixture in JSON.
  public static func decode<T: Decodable>(_ type: T.Type, from name: String) throws -> T {
    try JSONDecoder().decode(type, from: Data(contentsOf: URL(fileURLWithPath: fixture(name))))
  }
}

extension TemporaryFolder {
  /// A copy of a fixture's model folder in which one tensor goes by a shorter name; returns the folder's path.
  public func copy(_ name: String, renaming old: String, to new: String) throws -> String {
    let source = Fixtures.fixture(name)
    for file in try FileManager.default.contentsOfDirectory(atPath: source) {
      var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: "\(source)/\(file)")))
      if file == "model.safetensors" {
        let found = Array("\"\(old)\"".utf8)
        let put = Array("\"\(new)\"".utf8) + [UInt8](repeating: 0x20, count: old.utf8.count - new.utf8.count)
        let place = bytes.indices.first { bytes[$0] == found[0] && bytes[$0...].starts(with: found) }
        bytes.replaceSubrange(place!..<place! + found.count, with: put)
      }
      write(file, bytes)
    }
    return path
  }
}

/// The path of a file of Tests/Fixtures.
public func fixture(_ name: String) -> String { Fixtures.fixture(name) }

/// The path of a file of Samples.
public func sample(_ name: String) -> String { Fixtures.sample(name) }
