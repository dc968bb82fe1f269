#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// One line on standard error that is written over and over, and only where a person sees it.
struct ProgressLine {
  private let isTerminal = isatty(2) == 1

  func show(_ text: String) {
    if isTerminal { put("\r\u{1b}[K" + text) }
  }

  func clear() {
    if isTerminal { put("\r\u{1b}[K") }
  }

  private func put(_ text: String) {
    let bytes = Array(text.utf8)
    _ = bytes.withUnsafeBytes { write(2, $0.baseAddress, $0.count) }
  }
}
