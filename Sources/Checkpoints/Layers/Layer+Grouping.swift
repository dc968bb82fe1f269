internal import Numerics

extension Layer {
  /// Puts tensors together to layers by their names alone, for formats without a graph.
  ///
  /// `a.b.weight` is the weight of the layer `a.b`; `a.b.bias` its bias and `a.b.running_mean`, scales and the
  /// like its companions. Where the last part only holds the word (`weight_ih_l0`, `in_proj_weight`), the bias
  /// is found by the word in its place. All else is a layer by itself, under its whole name. Linear in tensors.
  ///
  /// - Parameter names: an index of the tensors, where there is one already.
  static func grouped(_ tensors: [Tensor], _ format: Checkpoint.Format, _ names: TensorNames? = nil) -> [Layer] {
    let names = names ?? TensorNames(tensors)
    // Lent, not copied, name by name.
    let tensors = tensors.span
    // The weight to which a tensor belongs, and a weight's bias; −1 for none.
    var owner = [Int32](repeating: -1, count: tensors.count)
    var biases = owner
    var companions: [Int: [Int]] = [:]
    for index in tensors.indices {
      guard let part = tensors[index].storedName.withLentBytes({ NamePart($0) }),
        let weight = tensors[index].storedName.withLentBytes({ part.weight(of: $0, in: names) }), weight != index
      else { continue }
      if part.isBias, biases[weight] < 0 {
        biases[weight] = Int32(clamping: index)
      } else {
        companions[weight, default: []].append(index)
      }
      owner[index] = Int32(clamping: weight)
    }

    var taken = TakenNames(names)
    var layers: [Layer] = []
    layers.reserveCapacity(owner.count { $0 < 0 })
    var roles = RolesByName()
    for index in tensors.indices where owner[index] < 0 {
      let (length, ending, role, block, end) = tensors[index].storedName.withLentBytes { name in
        var (length, ending) = moduleName(name)
        let role = roles.role(name.part(0..<length), tensors[index].form.shape)
        // A tensor may be called as another's module is: it then keeps its whole name.
        if ending != .none, names[name.part(0..<length)] != nil { (length, ending) = (name.count, .none) }
        let (block, end) = blockPosition(name)
        return (length, ending, role, block, end)
      }
      let own = tensors[index].storedName.prefix(length)
      let name = taken.unique(own, without: ending, among: layers)
      var rare: Rare?
      if !companions.isEmpty, let others = companions[index] { rare = Rare(companions: others) }
      // A number behind the name made it a text of its own.
      if name.count != length, let end {
        rare = rare ?? Rare()
        rare?.blockName = String(tensors[index].storedName.prefix(end))
      }
      layers.append(
        Layer(
          name, weight: index, bias: biases[index] < 0 ? nil : Int(biases[index]), role: role, block: block,
          blockLength: end, matrix: MatrixShape(named: tensors[index].storedName, tensors[index].form, format),
          rare: rare))
    }
    return layers
  }

  /// The length of the module's name: a weight's less what says that it is one.
  private static func moduleName(_ name: UnsafeBufferPointer<UInt8>) -> (length: Int, ending: TakenNames.Ending) {
    if name.ends(with: ".weight") { return (name.count - 7, .weight) }
    if name.ends(with: ".qweight") { return (name.count - 8, .qweight) }
    if name.ends(with: ".weight_packed") { return (name.count - 14, .weightPacked) }
    if name.ends(with: "_blocks") { return (name.count - 7, .blocks) }
    if name.ends(with: ".kernel") { return (name.count - 7, .kernel) }
    if name.ends(with: "/kernel") { return (name.count - 7, .slashKernel) }
    return (name.count, .none)
  }

  /// `name`, or with a number that makes it new: the lowest, where names were numbered here only. Logarithmic in
  /// the number of equal names, of which a file may have any number.
  static func unique(_ name: String, _ taken: inout Set<String>) -> String {
    if taken.insert(name).inserted { return name }
    let numbered = numbered(name) { taken.contains($0) }
    taken.insert(numbered)
    return numbered
  }

  /// A name that is taken with the lowest number that makes it new.
  static func numbered(_ name: String, isTaken: (String) -> Bool) -> String {
    func has(_ number: Int) -> Bool { isTaken("\(name)#\(number)") }
    var free = 2
    while has(free) { free *= 2 }
    var last = free == 2 ? 1 : free / 2
    while free - last > 1 {
      let middle = (last + free) / 2
      if has(middle) { last = middle } else { free = middle }
    }
    return "\(name)#\(free)"
  }

  /// The number of the block that a name stands in and the name up to it: (7, `model.layers.7`) of
  /// `model.layers.7.mlp.up_proj.weight`. The outermost numbered container counts.
  static func blockPosition(_ name: String) -> (Int?, Substring?) {
    let (number, end) = name.withBytes { blockPosition($0) }
    return (number, end.map { name[..<name.utf8.index(name.utf8.startIndex, offsetBy: $0)] })
  }

  /// The same of bytes, with the length of what stands up to it.
  static func blockPosition(_ name: UnsafeBufferPointer<UInt8>) -> (Int?, Int?) {
    var container: Range<Int>?
    var start = 0
    while true {
      var end = start
      while end < name.count, name[end] != UInt8(ascii: "."), name[end] != UInt8(ascii: "/") { end += 1 }
      if let container, let number = number(name.part(start..<end)), isContainer(name.part(container)) {
        return (number, end)
      }
      guard end < name.count else { return (nil, nil) }
      container = start..<end
      start = end + 1
    }
  }

  /// A number from 0 on as `Int` reads it; no block or expert has one beyond `Int32`.
  static func number(_ part: UnsafeBufferPointer<UInt8>) -> Int? {
    guard let first = part.first, first < 0x3A else { return nil }
    if part.count < 10, part.allSatisfy({ 0x30...0x39 ~= $0 }) { return part.reduce(0) { 10 * $0 + Int($1 - 0x30) } }
    guard let number = Int32(String(decoding: part, as: UTF8.self)), number >= 0 else { return nil }
    return Int(number)
  }

  private static func isContainer(_ part: UnsafeBufferPointer<UInt8>) -> Bool {
    part.isWord("layers") || part.ends(with: "_blocks") || part.ends(with: "_layers")
      || containers.contains(String(decoding: part, as: UTF8.self))
  }

  /// Names of lists of blocks in Hugging Face's models, torchvision's and timm's, and GGUF; `down_blocks` and the like
  /// besides.
  private static let containers: Set<String> = [
    "blk", "block", "blocks", "h", "layer", "layers", "resblocks", "stages", "features", "encoders",
    "decoders",
  ]
}

extension MatrixShape {
  /// How a named weight is read as a matrix where no operator says otherwise: rows are the first extent, all
  /// but the last in GGUF and in expert stacks of three dimensions; `nil` for vectors and other than weights.
  init?(named name: Name, _ form: TensorForm, _ format: Checkpoint.Format) {
    let count = form.count
    guard form.shape.count >= 2, form.type.isFloatingPoint, count > 0 else { return nil }
    let shape = form.shape
    // JAX's and Keras's kernels: (…, inputs, outputs).
    if name.withLentBytes({ $0.isWord("kernel") || $0.ends(with: ".kernel") || $0.ends(with: "/kernel") }) {
      let rows = shape[shape.count - 1]
      self.init(rows: rows, columns: count / rows, outer: count / rows)
      return
    }
    let isStack =
      format == .gguf
      || shape.count == 3
        && name.withLentBytes { $0.position(of: "experts") != nil || $0.position(of: ".switch_") != nil }
    let columns = isStack ? shape[shape.count - 1] : count / shape[0]
    self.init(rows: count / columns, columns: columns)
  }
}
