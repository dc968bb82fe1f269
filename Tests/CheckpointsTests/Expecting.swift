import Checkpoints
import FileAccess
import Testing

/// Opens what must not open; the message must hold `words`, be one short line and name the file.
func expectRefusal(
  _ path: String, _ words: String, sourceLocation: SourceLocation = #_sourceLocation
) {
  do throws(CheckpointError) {
    _ = try Checkpoint.open(path)
    Issue.record("opened", sourceLocation: sourceLocation)
  } catch {
    let message = error.description
    #expect(message.contains(words), "\(message)", sourceLocation: sourceLocation)
    #expect(message.utf8.count < 600 && !message.contains("\n"), "\(message)", sourceLocation: sourceLocation)
    let folder = path.split(separator: "/").dropLast().joined(separator: "/")
    #expect(message.contains(folder), "\(message)", sourceLocation: sourceLocation)
  }
}

extension Checkpoint {
  /// The values of a named tensor.
  func values(_ name: String) throws -> [Float] { try floats(try #require(tensor(named: name))) }

  func layer(_ name: String) throws -> Layer { try #require(layers.first { $0.name == name }) }
}

/// 0, 1, … as Floats.
func counted(_ count: Int) -> [Float] { (0..<count).map { Float($0) } }
