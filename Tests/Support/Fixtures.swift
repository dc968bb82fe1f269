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

/// The path of a file of Tests/Fixtures.
public func fixture(_ name: String) -> String { Fixtures.fixture(name) }

/// The path of a file of Samples.
public func sample(_ name: String) -> String { Fixtures.sample(name) }
