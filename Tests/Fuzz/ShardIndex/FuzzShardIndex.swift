import FuzzSupport

/// libFuzzer's entry: the input is an index of shards, and the config of a model.
///
/// The index's folder is FUZZ_FOLDER (Tests/Fuzz/run gives the seeds' own), so that the files that the seeds name are
/// there.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  exercise(start, count, as: "\(folder)/fuzzed.safetensors.index.json")
  exercise(start, count, asConfigOf: "\(folder)/packed.safetensors")
  return 0
}

/// What the package manager takes for the program's `main`.
@_cdecl("FuzzShardIndex_main")
public func main(
  _ count: Int32, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
) -> Int32 {
  runFuzzer(count, arguments, testOneInput)
}
