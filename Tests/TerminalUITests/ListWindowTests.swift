import Testing

@testable import TerminalUI

@Suite struct ListWindowTests {
  @Test func theSelectedRowIsAlwaysSeen() {
    var random = SystemRandomNumberGenerator()
    var window = ListWindow(count: 1000, height: 10)
    for _ in 0..<2000 {
      switch Int.random(in: 0..<6, using: &random) {
      case 0: window.move(by: Int.random(in: -30...30, using: &random))
      case 1: window.page(by: Int.random(in: -2...2, using: &random))
      case 2: window.select(Int.random(in: -5...1100, using: &random))
      case 3: window.scroll(by: Int.random(in: -9...9, using: &random))
      case 4:
        window.resize(
          count: Int.random(in: 0...1000, using: &random), height: Int.random(in: 0...40, using: &random))
      default: window.resize(count: 1000, height: Int.random(in: 1...12, using: &random))
      }
      if window.count > 0, window.height > 0 {
        #expect(window.visible.contains(window.selected))
        #expect(
          window.visible.count == min(window.count, window.height), "no blank rows while there are more")
      }
      #expect(window.top >= 0 && window.selected >= 0)
    }
  }

  @Test func anEmptyListHasNoRows() {
    var window = ListWindow(count: 0, height: 5)
    window.move(by: 3)
    window.page(by: -1)
    #expect(window.visible.isEmpty)
    #expect(window.selected == 0)
    #expect(window.row(atLine: 0) == nil)
  }

  @Test func pagesMoveByAScreenLessOneRow() {
    var window = ListWindow(count: 100, height: 11)
    window.page(by: 1)
    #expect(window.selected == 10)
    #expect(window.top == 10 || window.top == 8)
    window.page(by: -1)
    #expect(window.selected == 0)
  }

  @Test func aRangeGoesFromTheAnchorEitherWay() {
    var window = ListWindow(count: 10, height: 5, selected: 4)
    #expect(window.range == 4...4)
    window.anchor = 4
    window.move(by: -2)
    #expect(window.range == 2...4)
    window.resize(count: 3, height: 5)
    #expect(window.range == 2...2)
  }

  @Test func linesOfTheScreenAreRowsOfTheList() {
    let window = ListWindow(count: 100, height: 10, selected: 50)
    #expect(window.row(atLine: 0) == window.top)
    #expect(window.row(atLine: 10) == nil)
    #expect(window.row(atLine: -1) == nil)
  }
}
