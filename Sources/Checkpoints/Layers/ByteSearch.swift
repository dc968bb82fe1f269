// Searches names by their bytes: String's own search costs a hundred times as much, and models have many names.

extension UnsafeBufferPointer<UInt8> {
  /// Where the word's bytes first stand in these.
  func position(of word: StaticString) -> Int? {
    let length = word.utf8CodeUnitCount
    guard length > 0, count >= length else { return nil }
    let first = word.utf8Start[0]
    for start in 0...(count - length) where self[start] == first {
      var matched = 1
      while matched < length, self[start + matched] == word.utf8Start[matched] { matched += 1 }
      if matched == length { return start }
    }
    return nil
  }
}

extension [UInt8] {
  /// Whether the word's bytes stand anywhere in these.
  func holds(_ word: StaticString) -> Bool { withUnsafeBufferPointer { $0.position(of: word) != nil } }
}
