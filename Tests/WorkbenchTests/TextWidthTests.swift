import Testing
import Workbench

@Suite struct TextWidthTests {
  @Test(arguments: [
    ("abc", 5, "abc  "), ("abcdef", 4, "abc…"), ("漢字漢", 4, "漢… "), ("abc", 0, ""), ("abc", 1, "…"),
  ])
  func fittedTextHasExactlyItsWidth(text: String, width: Int, expected: String) {
    #expect(TextWidth.fitted(text, to: width) == expected)
  }

  @Test func longNamesAreCutInTheMiddle() {
    #expect(TextWidth.clipped("model.layers.7.weight", to: 11, cut: .middle) == "model…eight")
    #expect(TextWidth.clipped("abcdef", to: 4, cut: .start) == "…def")
  }
}
