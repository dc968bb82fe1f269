import Foundation
import Support
import Testing

@testable import Checkpoints

/// One part of a model in several files stands for all of them, or says which are missing.
@Suite struct PartTests {
  private static func bytes(_ name: String) -> [UInt8] {
    let header = Array(#"{"\#(name)":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}"#.utf8)
    return withUnsafeBytes(of: UInt64(header.count).littleEndian) { Array($0) } + header + [1, 2]
  }

  @Test func aPartOpensTheWhole() throws {
    let folder = try ScratchFolder()
    let first = try folder.write(Self.bytes("a.weight"), to: "model-00001-of-00002.safetensors")
    let second = try folder.write(Self.bytes("b.weight"), to: "model-00002-of-00002.safetensors")
    for path in [first, second] {
      #expect(try Checkpoint.open(path).tensors.map(\.name) == ["a.weight", "b.weight"])
    }
  }

  @Test func aPartAloneSaysWhatIsMissing() throws {
    let folder = try ScratchFolder()
    let path = try folder.write(Self.bytes("a.weight"), to: "model-00002-of-00003.safetensors")
    #expect { try Checkpoint.open(path) } throws: { error in
      "\(error)".contains("one of 3 parts, of which 2 are missing: number 1 first")
    }
  }
}
