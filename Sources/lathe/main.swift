#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

// A synchronous main: the screen's loop runs on this thread, and work runs elsewhere.
LatheCommand.runFromProcess()
