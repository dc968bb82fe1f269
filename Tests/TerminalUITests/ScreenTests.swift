import Checkpoints
import Support
import Testing
import Workbench

@testable import TerminalUI

/// What must be seen at every size.
@Suite struct ScreenTests {
  static let digitsNames = [
    "/conv1/Conv", "conv1.bias", "/conv2/Conv", "conv2.bias", "/conv3/Conv", "conv3.bias", "/fc1/Gemm", "fc1.bias",
    "/fc2/Gemm", "fc2.bias",
  ]

  @Test(arguments: usualSizes) func everyLayerOfTheDigitsNetworkIsListed(size: ScreenSize) throws {
    let shot = try Shot.digits("", size)
    #expect(shot.names == Self.digitsNames)
    #expect(shot.header.contains("digits-cnn.onnx"))
    #expect(shot.status.contains("all 10 weights and biases"))
  }

  /// 45,162 parameters in F32 are 180,648 bytes.
  @Test(
    arguments: usualSizes,
    [
      "", "?", "?bits", ":", ":set /fc", "/fc", "z", "<Tab>z", "<Tab><Tab>z", "<Tab><Tab><Tab>z", "s", "q", "oo", "v",
      "Z",
    ])
  func theTotalsAreAlwaysInSight(size: ScreenSize, keys: String) throws {
    let header = try Shot.digits(keys, size).header
    for total in ["176 KiB → 176 KiB", "1.00×", "32.00 bpw"] { #expect(header.contains(total), "\(header)") }
  }

  @Test(arguments: usualSizes, ["digits-cnn.safetensors", "shakespeare-llama", "shakespeare-llama-f16.gguf"])
  func everySampleOpens(size: ScreenSize, sample: String) throws {
    let shot = try Shot.of(sample, "jjj-", size)
    #expect(shot.header.contains(sample.prefix(12)))
    #expect(shot.header.contains("bpw"))
    #expect(shot.rows.contains { $0.contains("int8") })
    #expect(shot.foot.contains("? help"))
  }

  @Test(arguments: [
    ScreenSize(width: 40, height: 10), ScreenSize(width: 66, height: 15), ScreenSize(width: 30, height: 8),
  ])
  func aSmallTerminalStillHasListAndSize(size: ScreenSize) throws {
    let shot = try Shot.digits("jj-", size)
    #expect(shot.header.contains("150 KiB"))
    #expect(shot.current == "/conv2/Conv")
    if size.width >= 40 { #expect(shot.row("/conv2/Conv").contains("int8 g32")) }
  }

  /// A figure that lost its head or its unit would be another figure.
  @Test(arguments: 9..<80) func theTotalsAreWholeOrLeftOut(width: Int) throws {
    let header = try Shot.digits("jj-<Wait>", ScreenSize(width: width, height: 8)).header
    #expect(header.contains(" 150 KiB") || header.hasPrefix("150 KiB"))
    #expect(!header.contains("→") || header.contains("176 KiB →"))
    #expect(!header.contains("27") || header.contains("27.20 bpw"))
    #expect(!header.contains("1.1") || header.contains("1.18×"))
  }

  @Test(
    arguments: [(1, 1), (2, 2), (3, 1), (1, 30), (7, 3), (12, 5), (20, 6), (40, 10), (80, 5), (300, 80)],
    ["jj-", "?", ":set /fc", "/fc", "-q", "s", "z", "<Tab>z", "<Tab><Tab>z", "<Tab><Tab><Tab>z", "hh", "G<PageUp>"])
  func noLineIsWiderThanTheScreenAndNothingTraps(size: (Int, Int), keys: String) throws {
    let shot = try Shot.digits(keys, ScreenSize(width: size.0, height: size.1))
    #expect(shot.lines.count == size.1)
    for line in shot.lines { #expect(TextWidth.columns(of: line) <= size.0) }
  }

  /// Frames close: what is drawn inside them does not run over their sides.
  @Test(arguments: usualSizes, ["", "jj--", "jj--<Tab>", "jj--<Tab><Tab>", "jj--<Tab><Tab><Tab>", "jj-]]h", "jj-hhh"])
  func nothingIsDrawnOverAFramesRightSide(size: ScreenSize, keys: String) throws {
    let shot = try Shot.digits(keys, size)
    for line in shot.lines.dropFirst().dropLast(2) {
      #expect(TextWidth.columns(of: line) == size.width)
      #expect(line.last.map { "│┐┘".contains($0) } == true, "\(line)")
    }
  }

  @Test func aResizeInTheMiddleKeepsTheRowAndTheTotals() throws {
    let shot = try Shot.digits("jjjj-<Resize 20x5>j<Resize 1x1>j<Resize 80x24>")
    #expect(shot.lines.count == 24)
    #expect(shot.current == "/fc1/Gemm")
    #expect(shot.row("/conv3/Conv").contains("int8"))
    #expect(!shot.header.contains("176 KiB → 176 KiB"))
  }

  @Test(
    arguments: usualSizes + [ScreenSize(width: 40, height: 10)],
    [
      "", "jj-h", "jj--<Tab>", "jj-<Tab><Tab>", "jj-<Tab><Tab><Tab>", "?", "s", ":about-estimate<Enter>", "jj-}]z",
      "-q",
      "oO", ":x<Enter>",
    ])
  func asciiModeHasOnlyASCII(size: ScreenSize, keys: String) throws {
    let shot = try Shot.digits(keys, size, glyphs: .ascii)
    for line in shot.lines { #expect(line.utf8.allSatisfy { $0 < 0x80 }, "\(line)") }
    #expect(shot.header.contains("KiB"))
  }

  /// NaN and infinities, nothing at all, and a name with an escape sequence in it.
  @Test(arguments: usualSizes) func oddTensorsAndHostileNamesAreNoTrouble(size: ScreenSize) throws {
    let folder = try ScratchFolder()
    let name = "x\u{1b}[2J\u{202e}\u{7}.weight"
    let path = try folder.write(
      safetensors([
        ("empty.weight", [0, 32], []), ("zeros.weight", [4, 32], Array(repeating: 0, count: 128)),
        ("nans.weight", [2, 32], Array(repeating: .nan, count: 64)),
        ("huge.weight", [2, 32], [3e38, -3e38, .infinity] + Array(repeating: 1e-38, count: 61)), (name, [1, 1], [1]),
        ("scalar", [], [2]),
      ]), to: "odd.safetensors")
    let session = Session(try Checkpoint.open(path))
    for keys in [
      "", "<C-a>-<Wait>jhh", "<C-a>--]]]<Wait>jjh<Tab>", "<C-a>:scheme q8_0<Enter><Wait>G<Tab><Tab>z", "/x<Enter>-z",
    ] {
      let shot = Shot(try Front.replay(keys, on: session, data: nil, size: size))
      #expect(
        shot.text.unicodeScalars.allSatisfy { $0 == "\n" || $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) })
      #expect(!shot.text.contains("\u{202e}"))
      #expect(shot.header.contains("odd.safe"))
    }
  }

  /// A figure that is not known yet is never shown as one that is.
  @Test func anEstimateIsMarkedAsOne() throws {
    let shot = try Shot.digits(":bits 4 *<Enter>")
    #expect(shot.header.contains("damage ≈ 1.00"))
    #expect(shot.text.contains("uncalibrated"))
  }
}
