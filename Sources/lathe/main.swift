import CFileAccess

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

lathe_limit_heaps()
// A synchronous main: the screen's loop runs on this thread, and work runs elsewhere.
LatheCommand.runFromProcess()
