#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Says when files were last written: what depends on it need not wait for the clock.
public enum FileTimes {
  /// Gives a file the time so many seconds after a day in 2023.
  public static func set(_ path: String, to seconds: Int) {
    let time = timespec(tv_sec: 1_700_000_000 + seconds, tv_nsec: 0)
    utimensat(AT_FDCWD, path, [time, time], 0)
  }
}
