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
  /// What the picker offers for the layer under the cursor, and why it cannot take one: what the chosen target takes first.
  ///
  /// - Complexity: asks the target's rules about every format; once is enough while a picker is open.
  var schemeOffers: [SchemeOffer] {
    guard let item = subject else { return [] }
    let sparsity = session.scheme(of: item).sparsity
    let formats = [.keep] + session.targetFormats(for: item) + Scheme.menu
    var seen: Set<Scheme.Format> = []
    return formats.filter { seen.insert($0).inserted }.map { format in
      let scheme = Scheme(format, sparsity: sparsity)
      return SchemeOffer(
        scheme: scheme, obstacle: item.obstacle(to: scheme) ?? session.targetObstacle(to: scheme, of: item))
    }
  }

  /// The offers with what is known of each by now.
  func candidates(_ offers: [SchemeOffer]) -> [SchemeCandidate] {
    guard let item = subject else { return [] }
    return offers.map { offer in
      SchemeCandidate(
        scheme: offer.scheme, bytes: session.bytes(of: item, in: offer.scheme).bytes,
        relativeError: offer.obstacle == nil ? session.relativeError(of: item, in: offer.scheme) : nil,
        isEstimated: session.isErrorEstimated(of: item, in: offer.scheme), obstacle: offer.obstacle)
    }
  }
}

/// A scheme that a picker lists; the layer's sparsity stays in it.
struct SchemeOffer: Sendable {
  let scheme: Scheme
  /// Why it cannot be taken; `nil` where it can.
  let obstacle: String?
}
