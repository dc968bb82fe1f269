import Testing
import Workbench

@testable import TerminalUI

@Suite struct PlotTests {
  @Test func columnsAreTheMeanOfWhatTheyCover() {
    #expect(BarPlot.gathered([1, 3, 5, 7], into: 2) == [2, 6])
    #expect(BarPlot.gathered([1, 3], into: 4) == [1, 1, 3, 3])
    #expect(BarPlot.gathered([3, 0, 3], into: 2) == [2, 2])
    #expect(BarPlot.gathered([.nan, -4, .infinity], into: 3) == [0, 0, 0])
    #expect(BarPlot.gathered([], into: 2) == [0, 0])
  }

  @Test func heightsAreEighthBlocks() {
    var canvas = Canvas(width: 4, height: 2)
    canvas.draw(BarPlot(bins: [1, 8, 16, 0], range: 0...4), in: canvas.bounds)
    #expect(canvas.text() == "  █\n▁██\n")
  }

  @Test func theLeastCountIsSeen() {
    var canvas = Canvas(width: 3, height: 1)
    canvas.draw(BarPlot(bins: [1e9, 1, 0], range: 0...1), in: canvas.bounds)
    #expect(canvas.text() == "█▁\n")
  }

  @Test func aLogarithmShowsDecadesAsEqualSteps() {
    let ruler = BarPlot.Ruler([1, 10, 100, 1000], scale: .logarithmic)
    let heights = [1.0, 10, 100, 1000].map(ruler.fraction)
    #expect(abs((heights[2] - heights[1]) - (heights[1] - heights[0])) < 1e-12)
    #expect(heights[3] == 1)
    #expect(heights[0] > 0)
    #expect(ruler.fraction(0) == 0)
  }

  @Test func levelsAndPrunedBand() {
    // 24 columns of plot, three a bin; 5 rows are 40 eighths, so 0.1 is 10 of them.
    var canvas = Canvas(width: 31, height: 7)
    canvas.draw(
      BarPlot(
        bins: [0.0, 0.1, 0.2, 0.4, 0.4, 0.2, 0.1, 0.0], range: -1...1, levels: [-1, -0.5, 0, 0.5, 1],
        pruned: -0.24...0.24
      ),
      in: canvas.bounds)
    #expect(
      canvas.text() == """
         40 % │         ░░░░░░
              │         ░░░░░░
              │      ▄▄▄░░░░░░▄▄▄
              │   ▂▂▂███░░░░░░███▂▂▂
          0 % │   ██████░░░░░░██████
              └┴─────┴─────┴─────┴────┴
               −1          0          1

        """)
    // The pruned band is told apart by its shade, not by its colour alone.
    #expect(canvas[18, 0].character == "░" && canvas[18, 0].style == Style(.pruned))
    #expect(canvas.cells.filter { $0.style == Style(.level) }.count == 5)
  }

  @Test(arguments: [(0, 0), (1, 1), (3, 1), (3, 3), (10, 2), (24, 5), (200, 60)])
  func anySizeCanBeDrawn(width: Int, height: Int) {
    for glyphs in [GlyphSet.unicode, .ascii, GlyphSet(.unicode, dots: .braille)] {
      var canvas = Canvas(width: 30, height: 12, glyphs: glyphs)
      let rect = Rect(x: 2, y: 1, width: width, height: height)
      let before = canvas
      canvas.draw(BarPlot(bins: [1, 2, 3], range: -1...1, levels: [0]), in: rect)
      let line = PointPlot.Series(
        "a", points: [(1, 1), (2, 8), (3, -1e300), (.nan, 1)], role: .curve, mark: "x", isJoined: true)
      canvas.draw(PointPlot([line], x: Axis(1...2, scale: .logarithmic), y: Axis(0...5)), in: rect)
      canvas.gauge(.nan, x: 2, y: 1, width: width)
      canvas.sparkline([.nan, 1, .infinity], x: 2, y: 1, width: width)
      for y in 0..<12 {
        for x in 0..<30 where !rect.contains(Point(x: x, y: y)) && !(y == 1 && width > 0) {
          #expect(canvas[x, y] == before[x, y], "nothing outside its place: \(x),\(y)")
        }
      }
    }
  }

  @Test func aRangeWithoutExtentHasColumnsButNoLevels() {
    var canvas = Canvas(width: 5, height: 3)
    canvas.draw(BarPlot(bins: [1], range: 2...2, levels: [2], pruned: 0...3), in: canvas.bounds)
    #expect(canvas.cells.contains { $0.style == Style(.pruned) || $0.style == Style(.bar) })
  }

  @Test func pointsStandWhereTheirValuesAre() {
    var canvas = Canvas(width: 11, height: 4)
    let points = PointPlot.Series("", points: [(0, 0), (10, 3), (5, 1)], role: .accent, mark: "x")
    canvas.draw(PointPlot([points], x: Axis(0...10), y: Axis(0...3)), in: canvas.bounds)
    #expect(canvas.text() == "          x\n\n     x\nx\n")
  }

  @Test func aDiagonalOfQuadrants() {
    var canvas = Canvas(width: 4, height: 4)
    let line = PointPlot.Series("", points: [(0, 0), (3, 3)], role: .curve, isJoined: true)
    canvas.draw(PointPlot([line], x: Axis(0...3), y: Axis(0...3)), in: canvas.bounds)
    for place in 0..<4 { #expect(canvas[place, 3 - place].character != " ") }
    #expect(canvas[0, 0].character == " ")
  }

  @Test func axesTicksAndLegend() {
    var canvas = Canvas(width: 40, height: 10)
    let curve = PointPlot.Series(
      "front", points: [(100, 0.1), (200, 0.01), (400, 0.001)], role: .curve, isJoined: true)
    let here = PointPlot.Series("you", points: [(200, 0.05)], role: .accent, mark: "✚")
    canvas.draw(
      PointPlot([curve, here], y: Axis(0.001...0.1, scale: .logarithmic), xTitle: "MiB", yTitle: "KLD"),
      in: canvas.bounds)
    let text = canvas.text()
    for piece in ["KLD", "MiB", "0.01", "0.001", "100", "400", "─ front", "✚ you"] {
      #expect(text.contains(piece), "\(piece) in\n\(text)")
    }
  }

  @Test func linesAreCutAtTheEdge() throws {
    let part = try #require(PointPlot.clipped((-1, 0.5), (3, 0.5)))
    #expect(part.start == (0, 0.5) && part.end == (1, 0.5))
    #expect(PointPlot.clipped((-1, 2), (3, 2)) == nil)
    #expect(PointPlot.clipped((0.5, 0.5), (0.5, 0.5)) != nil)
  }

  @Test(arguments: [
    (0.0, 1.0, 5, [0, 0.2, 0.4, 0.6, 0.8, 1]), (-1, 1, 4, [-1, -0.5, 0, 0.5, 1]), (0, 100, 3, [0, 50, 100]),
  ])
  func ticksAreRound(low: Double, high: Double, wanted: Int, expected: [Double]) {
    let ticks = Axis(low...high).ticks(about: wanted)
    #expect(ticks.count == expected.count)
    for (tick, value) in zip(ticks, expected) { #expect(abs(tick - value) < 1e-9) }
  }

  @Test func ticksOfALogarithmArePowersOfTen() {
    #expect(
      Axis(1e-3...100, scale: .logarithmic).ticks(about: 10).map(Format.short) == [
        "0.001", "0.01", "0.1", "1", "10", "100",
      ])
    #expect(Axis(1e-12...1, scale: .logarithmic).ticks(about: 4).count <= 8)
  }

  @Test func unusableAxesAreMended() {
    #expect(Axis(holding: []).range == 0...1)
    #expect(Axis(holding: [.nan, .infinity]).range == 0...1)
    #expect(Axis(3...3).range == 1.5...4.5)
    #expect(Axis(0...1, scale: .logarithmic).scale == .linear)
    #expect(Axis(holding: [0, 0.1, 10], scale: .logarithmic).range == 0.1...10)
    #expect(Axis(0...1).fraction(of: .nan) == nil)
  }

  @Test func progressAndSparklines() {
    var canvas = Canvas(width: 12, height: 3)
    canvas.gauge(0.5, x: 0, y: 0, width: 11)
    canvas.gauge(7, x: 0, y: 1, width: 4)
    canvas.sparkline([0, 1, 2, 4, 8], x: 0, y: 2, width: 12)
    #expect(canvas.text() == "▕████▌    ▏\n▕██▏\n ▁▂▄█\n")
  }

  @Test func aSparklineKeepsItsOutliers() {
    var canvas = Canvas(width: 2, height: 1)
    canvas.sparkline([0, 0, 9, 0, 0, 0, 0, 0], x: 0, y: 0, width: 2)
    #expect(canvas.text() == "█\n")
  }

  @Test func aPopupCoversWhatIsBelow() {
    var canvas = Canvas(width: 12, height: 5)
    canvas.fill(canvas.bounds, "x")
    let inside = canvas.popup(width: 4, height: 1, title: "?")
    canvas.put("help", x: inside.x, y: inside.y)
    #expect(canvas.text() == "xxxxxxxxxxxx\nxx┌ ? ───┐xx\nxx│ help │xx\nxx└──────┘xx\nxxxxxxxxxxxx\n")
  }
}
