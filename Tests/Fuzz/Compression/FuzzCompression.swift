import FuzzSupport

/// libFuzzer's entry: the input is a scheme, a shape, a question, and numbers such as no network should have.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  var bytes = HostileBytes(UnsafeBufferPointer(start: start, count: count))
  exercise(&bytes)
  return 0
}

/// What the package manager takes for the program's `main`.
@_cdecl("FuzzCompression_main")
public func main(
  _ count: Int32, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
) -> Int32 {
  runFuzzer(count, arguments, testOneInput)
}
