import FuzzSupport
import FuzzWorkbench

/// libFuzzer's entry.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  exerciseSession(start, count)
  return 0
}

/// What the package manager takes for the program's `main`.
@_cdecl("FuzzSessions_main")
public func main(
  _ count: Int32, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
) -> Int32 {
  runFuzzer(count, arguments, testOneInput)
}
