import Checkpoints

/// The order in which people count: names that differ in their numbers alone stand in the order of these (`blk.2` before
/// `blk.10`), at the places that such names have among all.
struct NaturalOrder {
  /// A name with its numbers taken out, as a hash, and the numbers.
  private struct Key {
    let family: Int
    let numbers: [UInt64]
  }

  private var members: [Int: [(place: Int, numbers: [UInt64])]] = [:]
  private var last: [Int: [UInt64]] = [:]
  private(set) var isSorted = true

  /// Takes the next name.
  ///
  /// - Parameter place: what stands for it in the order.
  mutating func add(_ name: String, at place: Int) {
    let key = Self.key(name)
    if let before = last[key.family], key.numbers.lexicographicallyPrecedes(before) { isSorted = false }
    last[key.family] = key.numbers
    if !key.numbers.isEmpty { members[key.family, default: []].append((place, key.numbers)) }
  }

  /// By place, whose name stands there: places of the same family change with each other.
  func moves() -> [Int: Int] {
    guard !isSorted else { return [:] }
    var moves: [Int: Int] = [:]
    for family in members.values {
      let sorted = family.sorted {
        $0.numbers == $1.numbers ? $0.place < $1.place : $0.numbers.lexicographicallyPrecedes($1.numbers)
      }
      for (there, here) in zip(family, sorted) where there.place != here.place { moves[there.place] = here.place }
    }
    return moves
  }

  private static func key(_ name: String) -> Key {
    var hasher = Hasher()
    var numbers: [UInt64] = []
    var number: UInt64?
    var name = name
    name.withUTF8 { bytes in
      for byte in bytes {
        if 0x30...0x39 ~= byte {
          // A run of digits too long for a number is told apart by its end alone.
          number = (number ?? 0) &* 10 &+ UInt64(byte - 0x30)
        } else {
          if let found = number {
            numbers.append(found)
            hasher.combine(UInt8(0x23))
            number = nil
          }
          hasher.combine(byte)
        }
      }
    }
    if let number {
      numbers.append(number)
      hasher.combine(UInt8(0x23))
    }
    return Key(family: hasher.finalize(), numbers: numbers)
  }
}

extension Session {
  /// The places of all items in the order in which they are shown: a graph's as it runs; else as in the file, but for
  /// blocks, and names within a block, that differ in their numbers alone.
  ///
  /// - Complexity: O(characters of all names).
  package var shownOrder: [Int] {
    let all = Array(items.indices)
    if let graph = checkpoint.graph { return orderOfExecution(graph) }
    guard checkpoint.format != .onnx else { return all }
    // Blocks and what stands outside of them, by the place of the first item.
    var order = NaturalOrder()
    var firsts: [Int] = []
    var unit = [Int](repeating: -1, count: blockNames.count)
    var members: [[Int]] = []
    for place in all {
      if let block = block(of: place) {
        if unit[block] < 0 {
          unit[block] = firsts.count
          order.add(blockNames[block], at: firsts.count)
          firsts.append(place)
          members.append([])
        }
        members[unit[block]].append(place)
      } else {
        order.add(items[place].name, at: firsts.count)
        firsts.append(place)
        members.append([place])
      }
    }
    let moves = order.moves()
    var isMoved = !moves.isEmpty
    for index in members.indices where members[index].count > 1 {
      var inner = NaturalOrder()
      for (position, place) in members[index].enumerated() { inner.add(items[place].name, at: position) }
      guard !inner.isSorted else { continue }
      isMoved = true
      let moved = inner.moves()
      members[index] = members[index].indices.map { members[index][moved[$0] ?? $0] }
    }
    return isMoved ? members.indices.flatMap { members[moves[$0] ?? $0] } : all
  }
}

extension Session {
  /// Items by the first node that their layer's weight goes into; what goes into none stays beside its neighbour.
  private func orderOfExecution(_ graph: Graph) -> [Int] {
    var uses: [Int: Int] = [:]
    var count = 0
    graph.forEachNode { node in
      count += 1
      for input in node.inputs {
        guard let tensor = graph.initializers[input], uses[tensor] == nil else { continue }
        uses[tensor] = count
      }
    }
    var last = 0
    let keys = items.map { item in
      last = uses[item.layer.weight] ?? uses[item.id] ?? last
      return last
    }
    return items.indices.sorted { (keys[$0], $0) < (keys[$1], $1) }
  }
}

extension Graph {
  /// Calls a function with each node in its order, those of branches and loops where these stand.
  fileprivate func forEachNode(_ body: (Node) -> Void) {
    for node in nodes {
      body(node)
      for (_, attribute) in node.attributes.sorted(by: { $0.key < $1.key }) {
        if case .graph(let graph) = attribute { graph.forEachNode(body) }
      }
    }
  }
}
