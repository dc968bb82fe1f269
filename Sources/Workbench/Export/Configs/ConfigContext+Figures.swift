import Compression

import Foundation

extension ConfigContext {
  /// Of the whole model, as numbers and as text.
  var figures: [String: Any] {
    let estimate = session.estimate
    var values: [String: Any] = [
      "bytes": estimate.bytes, "original_bytes": estimate.originalBytes, "bits_per_weight": estimate.bitsPerWeight,
      "ratio": estimate.ratio,
    ]
    values["ratio_text"] = rounded(estimate.ratio, 2)
    values["bits_per_weight_text"] = rounded(estimate.bitsPerWeight, 2)
    if let damage = estimate.damage, damage.isFinite {
      (values["damage"], values["damage_text"]) = (damage, rounded(damage, 3))
    }
    return values
  }

  func figures(of item: Item, _ scheme: Scheme) -> [String: Any] {
    var values: [String: Any] = [
      "bytes": session.bytes(of: item, in: scheme).bytes, "stored_bytes": item.bytes,
    ]
    if item.kind == .weight || !scheme.isKeep, let error = session.relativeError(of: item, in: scheme), error.isFinite {
      (values["relative_error"], values["has_error"]) = (error, true)
      values["relative_error_text"] = error == 0 ? "0" : String(format: "%.2e", error)
      if let sqnr = decibels(relativeError: error) {
        (values["sqnr"], values["has_sqnr"]) = ((sqnr * 1000).rounded() / 1000, true)
        values["sqnr_text"] = rounded(sqnr, 1)
      }
    }
    if let sparsity = session.assessment(of: item, in: scheme)?.sparsity {
      (values["sparsity"], values["has_sparsity"]) = (sparsity, true)
    }
    if let note = session.note(on: item) { values["note"] = TemplateWord(note) }
    return values
  }
}

private func rounded(_ value: Double, _ digits: Int) -> String { String(format: "%.\(digits)f", value) }
