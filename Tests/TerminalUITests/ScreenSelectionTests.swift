import Checkpoints
import Support
import Testing
import Workbench

@testable import TerminalUI

/// Ranges and marks are sets of layers: what comes and goes between them is never edited.
@Suite struct ScreenSelectionTests {
  private static func changed(_ shot: Shot) -> [String] {
    shot.rows.filter { $0.contains("int8") }.compactMap {
      $0.split(separator: " ").first { !["▌", "*", ">"].contains($0) }
    }
    .map(String.init)
  }

  /// conv1's bias and conv2 are selected; the filter leaves fc1 and fc2 in sight, which stay as they are.
  @Test func aFilterAfterARangeEditsWhatWasSelected() throws {
    let filtered = try Shot.digits("jvj/fc<Enter>-<Wait>")
    #expect(filtered.names.allSatisfy { $0.contains("fc") })
    #expect(Self.changed(filtered).isEmpty, "\(filtered.rows)")
    #expect(filtered.status.contains("(1 hidden by the filter)"), "\(filtered.status)")
    let all = try Shot.digits("jvj/fc<Enter>-<Esc><Esc><Esc><Wait>")
    #expect(Self.changed(all) == ["/conv2/Conv"])
  }

  @Test func aSortAfterARangeEditsWhatWasSelected() throws {
    // conv1 to conv2, then the largest first: conv3 would be the first row.
    let shot = try Shot.digits("vjj:sort size<Enter>-<Wait>")
    #expect(Set(Self.changed(shot)) == ["/conv1/Conv", "/conv2/Conv"], "\(shot.rows)")
  }

  @Test func whatIsMarkedAndHiddenIsCountedBeforeAndAfter() throws {
    let marked = try Shot.digits("<Space><Space><Space>/fc<Enter>")
    #expect(marked.text.contains("3 marked, 3 hidden"), "\(marked.lines[1])")
    let undone = try Shot.digits("jj-/fc<Enter>u<Wait>")
    #expect(undone.status.contains("(1 hidden by the filter)"), "\(undone.status)")
  }

  @Test func aRangeOverAnEmptyListIsNone() throws {
    for keys in ["v/zz", "J/z9", "v/zz<Enter>-", "v/zz<Enter>jJkK<Esc>", "/zz<Enter>vJ-<Esc>v"] {
      _ = try Shot.digits(keys)
    }
  }

  @Test func theCursorComesBackToItsRowWhenAFilterThatHidItIsLeft() throws {
    #expect(try Shot.digits("jj/fc<Esc>").current == "/conv2/Conv")
    #expect(try Shot.digits("jj/zz<Esc>").current == "/conv2/Conv")
    #expect(try Shot.digits("jj/fc<Enter><Esc>").current == "/conv2/Conv")
    // Once it was moved it stays where it was led.
    #expect(try Shot.digits("jj/fc<Enter>j<Esc>").current == "fc1.bias")
  }

  @Test func theCursorBeginsOnTheFirstWeight() throws {
    let session = Session(
      try Checkpoint.open(Fixtures.fixture("digits-qdq.onnx")))
    let first = session.items.first { $0.kind == .weight }
    #expect(first.map { $0.id != session.items.first?.id } == true)
    let shot = Shot(
      try Front.replay("", on: session, data: nil, size: ScreenSize(width: 120, height: 40)))
    #expect(shot.current == first?.name)
  }
}

/// The filter finds what rows show, in whatever column.
@Suite struct ScreenFilterTests {
  @Test(arguments: [("attn", 12), ("ffn", 9), ("attn q", 3), ("head", 1), ("!attn !ffn norm", 7)])
  func wordsThatRowsShowAreFound(terms: String, count: Int) throws {
    let session = Session(try Checkpoint.open(Fixtures.sample("shakespeare-llama")))
    let wide = ScreenSize(width: 200, height: 60)
    let shot = Shot(try Front.replay("/\(terms)<Enter>", on: session, data: nil, size: wide))
    let layers = shot.rows.filter { !$0.contains("tensors") }
    #expect(layers.count == count, "\(layers)")
  }

  @Test func schemesAreFoundInBothSpellings() throws {
    for term in ["int4 g32", "int4,group=32", "keep"] {
      let names = try Shot.digits("jj:bits 4<Enter>/\(term)<Enter>").names
      #expect(names.contains("/conv2/Conv") == (term != "keep"), "\(term): \(names)")
      #expect(!names.contains("/conv3/Conv") == (term != "keep"), "\(term): \(names)")
    }
  }

  @Test func namesInOtherAlphabetsAreFoundInEitherCase() {
    var bytes: [UInt8] = []
    bytes.append(lowered: "Größe")
    #expect(bytes == Array("größe\n".utf8))
  }
}
