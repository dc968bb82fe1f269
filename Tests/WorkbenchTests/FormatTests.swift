import Testing

import Workbench

@Suite struct FormatTests {
  @Test(arguments: [
    (0, "0 B"), (512, "512 B"), (1023, "1023 B"), (1024, "1.00 KiB"), (36_864, "36.0 KiB"),
    (731 << 20, "731 MiB"),
    (1_048_575, "1.00 MiB"), (1000 << 10, "1000 KiB"), (1023 << 10, "1023 KiB"), (2_469_606_195, "2.30 GiB"),
  ])
  func bytes(count: Int, text: String) { #expect(Format.bytes(count) == text) }

  @Test(arguments: [
    (0, "0"), (147, "147"), (999, "999"), (1000, "1.00 k"), (12_600, "12.6 k"), (999_999, "1.00 M"),
    (1_235_814_400, "1.24 G"),
  ])
  func counts(count: Int, text: String) { #expect(Format.count(count) == text) }

  @Test(arguments: [
    (5.1e-3, "5.1e-3"), (0.99e-3, "9.9e-4"), (9.96e-5, "1.0e-4"), (1, "1.0e0"), (0, "0"),
    (-2.5e10, "−2.5e10"),
    (.nan, "nan"), (.infinity, "inf"), (2.2250738585072014e-308, "2.2e-308"),
  ])
  func scientific(value: Double, text: String) { #expect(Format.scientific(value) == text) }

  @Test(arguments: [
    (0.098, "9.8 %"), (0.3, "30 %"), (0.0995, "10 %"), (0, "0 %"), (0.0994, "9.9 %"), (1, "100 %"),
  ])
  func percentages(fraction: Double, text: String) { #expect(Format.percent(fraction) == text) }

  @Test(arguments: [
    (0.44, "0.4 s"), (12, "12 s"), (59.7, "1:00 min"), (200, "3:20 min"), (3900, "1:05 h"), (-1, "?"),
    (.infinity, "?"),
  ])
  func durations(seconds: Double, text: String) { #expect(Format.duration(seconds) == text) }

  @Test(arguments: [
    (0.0484, "0.0484"), (9.996, "10.0"), (2.3, "2.30"), (731.4, "731"), (0, "0"), (-0.71, "−0.710"),
    (0.9996, "1.00"), (0.00101, "0.00101"), (1.333e-8, "1.33e-8"),
  ])
  func significant(value: Double, text: String) { #expect(Format.significant(value) == text) }

  @Test func smallNegativeNumbersAreNotMinusNothing() { #expect(Format.fixed(-0.001, 2) == "0.00") }
}
