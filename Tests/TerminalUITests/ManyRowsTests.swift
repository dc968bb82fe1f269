import Checkpoints
import Support
import Testing
import Workbench

@testable import TerminalUI

/// A model with more layers than whole surveys have room for.
@Suite struct ManyRowsTests {
  /// Whichever layer is looked at is drawn, be it one of those whose survey was not kept.
  @Test func everyLayerThatIsLookedAtIsDrawn() throws {
    let folder = try ScratchFolder()
    let path = try folder.write(manyTensors(7000), to: "many.safetensors")
    let shot = { (keys: String) in
      Shot(
        try Front.replay(
          keys, on: Session(try Checkpoint.open(path)), data: nil, size: ScreenSize(width: 120, height: 40)))
    }
    let last = try shot("<Wait>G<Wait>")
    #expect(last.status.contains("all 7000 weights and biases analysed"))
    #expect(last.current.contains("down_proj"), "\(last.current)")
    #expect(!last.text.contains("reading"), "\(last.text)")
    // Reconstructions too, and back at the first.
    let first = try shot("<Wait>G<Wait>k-<Wait>gg<Wait>")
    #expect(!first.text.contains("reading"), "\(first.text)")
  }
}
