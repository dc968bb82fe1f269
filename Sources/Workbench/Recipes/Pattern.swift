/// A name pattern: `*` matches any run of characters, `.` and `/` included, `?` one, `[…]` a set, `\` escapes; or a word for
/// what layers do, `@attn` (`RoleWord`).
public struct Pattern: Sendable, Hashable, CustomStringConvertible {
  public let description: String
  private let parts: [Part]
  /// What layers do that it means, where it is such a word.
  public let role: RoleWord?

  private enum Part: Sendable, Hashable {
    case run
    case one
    case set([ClosedRange<Unicode.Scalar>], negated: Bool)
    case literal(Unicode.Scalar)
  }

  public init(_ text: String) {
    description = text
    role = RoleWord(text)
    var parts: [Part] = []
    var rest = Array(text.unicodeScalars)[...]
    while let scalar = rest.popFirst() {
      switch scalar {
      case "*": if parts.last != .run { parts.append(.run) }
      case "?": parts.append(.one)
      case "\\": parts.append(.literal(rest.popFirst() ?? "\\"))
      case "[": parts.append(Self.set(&rest) ?? .literal("["))
      default: parts.append(.literal(scalar))
      }
    }
    self.parts = parts
  }

  /// What stands between `[` and `]`; `nil`, and nothing taken, where there is no `]`.
  private static func set(_ rest: inout ArraySlice<Unicode.Scalar>) -> Part? {
    var inner = rest
    let negated = inner.first == "!" || inner.first == "^"
    if negated { inner.removeFirst() }
    var ranges: [ClosedRange<Unicode.Scalar>] = []
    while var scalar = inner.popFirst() {
      if scalar == "]", !ranges.isEmpty {
        rest = inner
        return .set(ranges, negated: negated)
      }
      if scalar == "\\", let escaped = inner.popFirst() { scalar = escaped }
      if inner.first == "-", let end = inner.dropFirst().first, end != "]", scalar <= end {
        inner.removeFirst(2)
        ranges.append(scalar...end)
      } else {
        ranges.append(scalar...scalar)
      }
    }
    return nil
  }

  /// Whether it names one thing: no wildcard in it.
  public var isLiteral: Bool {
    role == nil
      && parts.allSatisfy { if case .literal = $0 { true } else { false } }
  }

  /// Whether the whole of `name` fits the pattern.
  ///
  /// - Complexity: O(name · pattern) at worst: after a mismatch only the last `*` is tried anew.
  public func matches(_ name: String) -> Bool {
    let scalars = Array(name.unicodeScalars)
    var (at, part) = (0, 0)
    var retry: (part: Int, at: Int)?
    while at < scalars.count {
      if part < parts.count, parts[part] == .run {
        retry = (part, at)
        part += 1
      } else if part < parts.count, Self.fits(parts[part], scalars[at]) {
        at += 1
        part += 1
      } else if let last = retry {
        retry = (last.part, last.at + 1)
        at = last.at + 1
        part = last.part + 1
      } else {
        return false
      }
    }
    return parts[part...].allSatisfy { $0 == .run }
  }

  private static func fits(_ part: Part, _ scalar: Unicode.Scalar) -> Bool {
    switch part {
    case .run: false
    case .one: true
    case .literal(let expected): expected == scalar
    case .set(let ranges, let negated): ranges.contains { $0.contains(scalar) } != negated
    }
  }

  public static func == (a: Pattern, b: Pattern) -> Bool { a.description == b.description }
  public func hash(into hasher: inout Hasher) { hasher.combine(description) }
}
