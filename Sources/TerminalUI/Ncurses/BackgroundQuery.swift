/// Asks a terminal what its background is, and reads the answer out of what comes in.
///
/// The question is xterm's OSC 11 (XTerm Control Sequences, "Operating System Commands"), followed by one that every terminal
/// answers, who it is (DA1, ECMA-48 8.3.24): one that does not know the first ends the wait with the second at once.
struct BackgroundQuery {
  static let request = "\u{1B}]11;?\u{1B}\\\u{1B}[c"

  /// Bytes that are no part of an answer: keys, in their order.
  private(set) var typed: [UInt8] = []
  /// What the terminal said.
  private(set) var backdrop: Backdrop?
  /// Whether the second answer came: nothing more is to be waited for.
  private(set) var isAnswered = false
  /// The beginning of what may be an answer.
  private var pending: [UInt8] = []

  /// Whether an answer has begun and not ended.
  var isWithin: Bool { pending.count > 2 }

  mutating func take(_ bytes: some Sequence<UInt8>) {
    for byte in bytes { take(byte) }
  }

  /// No more will come.
  mutating func finish() {
    typed += pending
    pending = []
  }

  private mutating func take(_ byte: UInt8) {
    pending.append(byte)
    switch Self.read(pending) {
    case .begun: break
    case .background(let found):
      backdrop = found ?? backdrop
      pending = []
    case .attributes:
      isAnswered = true
      pending = []
    case .other:
      // What was no answer may be followed by one.
      let last = pending.removeLast()
      guard last == 0x1B, !pending.isEmpty else {
        typed += pending + [last]
        pending = []
        return
      }
      typed += pending
      pending = [last]
    }
  }

  private enum Reading {
    case begun
    /// `nil` for an answer that names no colour.
    case background(Backdrop?)
    case attributes
    case other
  }

  private static let longest = 64

  private static func read(_ bytes: [UInt8]) -> Reading {
    guard bytes[0] == 0x1B, bytes.count <= longest else { return .other }
    guard bytes.count > 1 else { return .begun }
    switch bytes[1] {
    case UInt8(ascii: "]"):
      let head = Array("\u{1B}]11;".utf8)
      guard bytes.count > head.count else { return head.starts(with: bytes) ? .begun : .other }
      guard bytes.starts(with: head) else { return .other }
      let body = bytes.dropFirst(head.count)
      if body.last == 0x07 { return .background(backdrop(of: body.dropLast())) }
      if body.suffix(2) == [0x1B, UInt8(ascii: "\\")] { return .background(backdrop(of: body.dropLast(2))) }
      // An escape within it is the end's first half, or the start of something else.
      let inside = body.last == 0x1B ? body.dropLast() : body
      return inside.allSatisfy { (0x20..<0x7F).contains($0) } ? .begun : .other
    case UInt8(ascii: "["):
      guard bytes.count > 2 else { return .begun }
      guard bytes[2] == UInt8(ascii: "?") else { return .other }
      let body = bytes.dropFirst(3)
      if body.last == UInt8(ascii: "c") { return .attributes }
      return body.allSatisfy { (0x30...0x39).contains($0) || $0 == UInt8(ascii: ";") } ? .begun : .other
    default: return .other
    }
  }

  /// `rgb:R/G/B` or `rgba:R/G/B/A`, each of one to four hexadecimal digits (XParseColor); `nil` for everything else.
  static func backdrop(of answer: some Collection<UInt8>) -> Backdrop? {
    let text = String(decoding: answer, as: UTF8.self)
    let count: Int
    switch true {
    case text.hasPrefix("rgb:"): count = 3
    case text.hasPrefix("rgba:"): count = 4
    default: return nil
    }
    let parts = text.drop { $0 != ":" }.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == count else { return nil }
    var shares: [Double] = []
    for part in parts {
      guard (1...4).contains(part.utf8.count), part.allSatisfy({ $0.isASCII && $0.isHexDigit }),
        let value = UInt32(part, radix: 16)
      else { return nil }
      shares.append(Double(value) / Double((1 << (4 * part.utf8.count)) - 1))
    }
    // Luma as ITU-R BT.709 weighs what the eye sees.
    return 0.2126 * shares[0] + 0.7152 * shares[1] + 0.0722 * shares[2] >= 0.5 ? .light : .dark
  }

  /// Whether a terminal may be asked: some print what they do not know, or pass it on to another that answers later.
  ///
  /// - Parameter environment: a variable's value.
  static func mayAsk(_ environment: (String) -> String?) -> Bool {
    let type = environment("TERM") ?? ""
    let isPlain =
      ["", "dumb", "linux", "cons25", "emacs"].contains(type) || type.hasPrefix("vt") || type.hasPrefix("eterm")
    // GNU screen hands the question on; tmux, which has the same types, answers it.
    let isScreen = environment("STY") != nil || type.hasPrefix("screen") && environment("TMUX") == nil
    return !isPlain && !isScreen && environment("INSIDE_EMACS") == nil
  }
}
