import Compression
import Workbench

/// A scheme in the picker, with what it would cost the layer under the cursor.
struct SchemeCandidate: Sendable {
  let scheme: Scheme
  let bytes: Int
  let relativeError: Double?
  /// Whether the error is a bounded estimate until the exact one comes.
  let isEstimated: Bool
  let obstacle: String?
}

extension State {
  /// The picker's list for the layer under the cursor. The layer's sparsity stays.
  var schemeCandidates: [SchemeCandidate] {
    guard let item = subject else { return [] }
    let present = session.scheme(of: item)
    // What the chosen target takes comes first.
    let formats = [.keep] + session.targetFormats(for: item) + Scheme.menu
    var seen: Set<Scheme.Format> = []
    return formats.filter { seen.insert($0).inserted }.map { format in
      let scheme = Scheme(format, sparsity: present.sparsity)
      let obstacle =
        item.obstacle(to: scheme) ?? session.targetObstacle(to: scheme, of: item)
      return SchemeCandidate(
        scheme: scheme, bytes: session.bytes(of: item, in: scheme).bytes,
        relativeError: obstacle == nil ? session.relativeError(of: item, in: scheme) : nil,
        isEstimated: session.isErrorEstimated(of: item, in: scheme), obstacle: obstacle)
    }
  }
}
