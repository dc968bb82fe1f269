import Checkpoints
import Support
import Testing

/// Files that change while a checkpoint has them open.
struct ChangedFileTests {
  let folder = TemporaryFolder()

  @Test func aFileThatIsCutShortWhileOpenGivesAnError() throws {
    let header = #"{"a":{"dtype":"F32","shape":[1048576],"data_offsets":[0,4194304]}}"#
    let path = folder.write("a.safetensors", safetensors(header, data: 4 << 20))
    let model = try Checkpoint.open(path)
    #expect(try model.floats(tensor: 0).count == 1 << 20)
    truncateFile(path, to: 8192)
    #expect(throws: CheckpointError.self) { try model.floats(tensor: 0) }
    // What is still there can be read.
    var values = [Float](repeating: 0, count: 16)
    try values.withUnsafeMutableBufferPointer { into in
      try model.read(tensor: 0, elements: 0..<16, into: into)
    }
  }

  @Test func aFileThatIsRewrittenWhileOpenGivesAnError() throws {
    let header = #"{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}"#
    let path = folder.write("a.safetensors", safetensors(header, data: 16))
    let model = try Checkpoint.open(path)
    #expect(try model.floats(tensor: 0).count == 4)
    overwriteFile(path, at: 70, with: [1, 2, 3, 4])
    #expect {
      try model.floats(tensor: 0)
    } throws: { "\($0)".contains("rewritten while open") }
  }
}
