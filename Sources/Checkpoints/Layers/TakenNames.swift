/// The names of layers that are there already, each of which is to have one of its own.
struct TakenNames {
  private var table = NameTable(minimumCapacity: 0)
  /// `nil` while all names are ASCII, and the table has them.
  private var texts: Set<String>?
  /// The ending that all names so far have lost, where any has: `nil` once there were several. Names that are told apart
  /// are so without one and the same ending too, and need no table.
  private var commonEnding: Ending?

  /// What a layer's name is without, of its weight's.
  enum Ending: Equatable {
    case none, weight, qweight, weightPacked, blocks, kernel, slashKernel
  }

  /// - Parameter names: those of the tensors, from which layers have theirs.
  init(_ names: TensorNames) {
    texts = names.isASCII ? nil : Set(minimumCapacity: names.count)
    commonEnding = names.isASCII ? Ending.none : nil
  }

  /// Names of any origin.
  ///
  /// - Parameter isASCII: whether all are.
  init(isASCII: Bool, minimumCapacity: Int) {
    if isASCII {
      table = NameTable(minimumCapacity: minimumCapacity)
    } else {
      texts = Set(minimumCapacity: minimumCapacity)
    }
  }

  /// `Layer.unique` for the layer that comes after `layers`; it has the weight's name less an ending, where that is no
  /// tensor's.
  mutating func unique(_ name: Name, without ending: Ending, among layers: [Layer]) -> Name {
    if let common = commonEnding {
      if ending == .none || ending == common { return name }
      if common == .none {
        commonEnding = ending
        return name
      }
      commonEnding = nil
      table = NameTable(minimumCapacity: layers.count)
      for place in layers.indices { layers[place].storedName.withBytes { _ = enter($0, at: place, among: layers) } }
    }
    return unique(name, among: layers)
  }

  /// `Layer.unique` for the layer that comes after `layers`.
  mutating func unique(_ name: Name, among layers: [Layer]) -> Name {
    if var texts {
      // Not held twice while it is changed.
      self.texts = nil
      defer { self.texts = texts }
      return Name(Layer.unique(String(name), &texts))
    }
    guard name.withBytes({ enter($0, at: layers.count, among: layers) }) else { return name }
    let numbered = Name(
      Layer.numbered(String(name)) { other in other.withBytes { holds($0, among: layers) } })
    numbered.withBytes { _ = enter($0, at: layers.count, among: layers) }
    return numbered
  }

  /// Whether a layer has the name.
  func contains(_ name: Name, among layers: [Layer]) -> Bool {
    if let texts { return texts.contains(String(name)) }
    return name.withBytes { holds($0, among: layers) }
  }

  private func holds(_ name: UnsafeBufferPointer<UInt8>, among layers: [Layer]) -> Bool {
    table.find(name) { layers[$0].storedName.withBytes { $0.isSame(name) } } != nil
  }

  /// Whether another layer has the name.
  private mutating func enter(_ name: UnsafeBufferPointer<UInt8>, at place: Int, among layers: [Layer]) -> Bool {
    table.enter(place, name) { layers[$0].storedName.withBytes { $0.isSame(name) } } != nil
  }
}
