/// Keys as xterm and its many kin send them (ECMA-48 sequences after `ESC [` or `ESC O`), for
/// terminals whose description leaves them out.
enum ControlSequence {
  /// The key of a sequence without its introducer, such as `A`, `1;2B` or `5~`; nil for others, which
  /// are swallowed rather than typed.
  static func key(_ sequence: String) -> Key? {
    guard let final = sequence.last else { return nil }
    let parameters = sequence.dropLast().split(separator: ";").compactMap { Int($0) }
    let hasShift = parameters.count > 1 && (parameters[1] - 1) & 1 == 1
    switch final {
    case "A": return hasShift ? .shiftUp : .up
    case "B": return hasShift ? .shiftDown : .down
    case "C": return hasShift ? .shiftRight : .right
    case "D": return hasShift ? .shiftLeft : .left
    case "a": return .shiftUp
    case "b": return .shiftDown
    case "H": return .home
    case "F": return .end
    case "M": return .enter
    case "Z": return .backTab
    case "~":
      switch parameters.first {
      case 1, 7: return .home
      case 4, 8: return .end
      case 3: return .delete
      case 5: return .pageUp
      case 6: return .pageDown
      default: return nil
      }
    default: return nil
    }
  }
}
