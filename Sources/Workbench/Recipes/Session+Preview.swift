/// A recipe that is looked at and not yet taken: it stands as the recipe meanwhile, and is one step of the history or none.
extension Session {
  public var isPreviewing: Bool { beforePreview != nil }

  /// Shows a recipe in place of the one that stood when the first was shown.
  ///
  /// - Parameter provenance: how it came about.
  public mutating func preview(_ recipe: Recipe, provenance: Provenance? = nil) {
    let before = beforePreview ?? history
    beforePreview = before
    if history.depth > before.depth {
      // In the place of the one that is shown: only what differs from it is worked out anew.
      replaceTop(with: recipe)
    } else {
      commit(recipe, provenance: provenance)
    }
  }

  /// Takes the recipe that is shown: one step back undoes it.
  public mutating func takePreview() { beforePreview = nil }

  /// Everything is as it was before, what had been undone included.
  public mutating func dropPreview() {
    guard let before = beforePreview else { return }
    beforePreview = nil
    restore(before)
  }
}
