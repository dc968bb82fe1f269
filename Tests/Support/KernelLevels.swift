public import CKernels

/// Runs `body` at each level that the processor has.
public func atEveryLevel(_ body: (lathe_level) throws -> Void) rethrows {
  defer { lathe_clear_kernel_level() }
  for level in [LATHE_LEVEL_BASELINE, LATHE_LEVEL_VECTOR] where lathe_set_kernel_level(level) == level {
    try body(level)
  }
}
