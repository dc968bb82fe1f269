internal import Numerics

extension Checkpoint {
  /// Finds the routers of experts by their shape, whatever they are called: of the matrices in a block of experts, the one
  /// with an output an expert.
  func findRouters(_ layers: inout [Layer]) {
    for index in routers(among: layers) { layers[index].role = .router }
  }

  private func routers(among all: [Layer]) -> [Int] {
    // Lent, not copied, layer by layer.
    let layers = all.span
    var blocks = InternedNames()
    // By block: how many experts a stack has, and the numbers of those that stand alone.
    var experts: [Int: Int] = [:]
    var numbers: [Int: Set<Int>] = [:]
    var last = (block: -1, number: -1)
    for index in layers.indices where layers[index].role == .expert {
      guard let block = blocks.block(of: layers[index]) else { continue }
      if let number = layers[index].storedName.withLentBytes(Self.expertNumber) {
        // An expert's matrices stand one after another.
        if (block, number) == last { continue }
        last = (block, number)
        numbers[block, default: []].insert(number)
      } else if tensors[layers[index].weight].shape.count == 3 {
        experts[block] = tensors[layers[index].weight].shape[0]
      }
    }
    for (block, found) in numbers { experts[block] = found.count }
    // Where a name says which it is, no shape does.
    guard !experts.isEmpty else { return [] }
    for index in layers.indices where layers[index].role == .router {
      blocks.block(of: layers[index]).map { experts[$0] = nil }
    }
    guard !experts.isEmpty else { return [] }
    var routers: [Int] = []
    for index in layers.indices where layers[index].role == .linear || layers[index].role == .other {
      guard let block = blocks.block(of: layers[index]), let count = experts[block], count > 1,
        let matrix = layers[index].matrix, tensors[layers[index].weight].shape.count == 2,
        matrix.rows == count, matrix.columns > count
      else { continue }
      routers.append(index)
    }
    return routers
  }

  /// The number after the part of a name that ends with `experts`; `nil` where there is none.
  private static func expertNumber(_ name: UnsafeBufferPointer<UInt8>) -> Int? {
    var start = 0
    var isNumber = false
    while start <= name.count {
      var end = start
      while end < name.count, name[end] != UInt8(ascii: "."), name[end] != UInt8(ascii: "/") { end += 1 }
      let part = name.part(start..<end)
      if isNumber { return Layer.number(part) }
      isNumber = part.ends(with: "experts")
      start = end + 1
    }
    return nil
  }

  /// Finds stacks of experts that are stored as (experts, inputs, outputs), as gpt-oss, Llama 4 and Qwen3-VL have
  /// them: most others are (experts, outputs, inputs).
  ///
  /// What says so, first: a bias an output; the width of the model, as config or router have it; a gate and an up
  /// projection in one, which are twice as wide as what goes down. One expert's matrix speaks for the block. Where
  /// all extents are equal, the architecture's habit does.
  func turnExperts(_ layers: inout [Layer], _ config: ModelConfig?) {
    var stacks: [String: [Int]] = [:]
    var routers: [String: Int] = [:]
    let isDBRX = config?.families.contains("dbrx") == true
    for index in layers.indices where layers[index].role == .router || layers[index].role == .expert {
      if layers[index].role == .router, let block = layers[index].blockName { routers[block] = index }
      guard layers[index].role == .expert, isDBRX || tensors[layers[index].weight].shape.count == 3,
        !layers[index].isPacked, layers[index].matrix != nil, let place = layers[index].expertsName
      else { continue }
      stacks[place, default: []].append(index)
    }
    let isHabit = config.map { !$0.families.isDisjoint(with: Self.inputsFirst) } ?? false
    for members in stacks.values {
      let router = layers[members[0]].blockName.flatMap { routers[$0] }
      let hidden = config?.hidden ?? router.flatMap { layers[$0].matrix?.columns }
      if isDBRX, let count = router.flatMap({ layers[$0].matrix?.rows }) {
        turnDBRX(&layers, members, count)
        continue
      }
      let three = members.filter { tensors[layers[$0].weight].shape.count == 3 }
      let evidence = three.compactMap({ isTurned(layers[$0], hidden) }).first ?? isTurned(three.map { layers[$0] })
      guard evidence ?? isHabit else { continue }
      for index in three {
        let shape = tensors[layers[index].weight].shape
        layers[index].matrix = MatrixShape(
          rows: shape[0] * shape[2], columns: shape[1], outer: shape[1], stack: shape[0])
      }
    }
  }

  /// Families whose experts multiply from the right: (inputs, outputs).
  private static let inputsFirst: Set<String> = [
    "gpt_oss", "llama4", "llama4_text", "qwen3_vl_moe", "qwen3_vl_moe_text", "aria", "aria_text",
  ]

  /// What a stack's own bias and the model's width say of it; `nil` where they say nothing.
  private func isTurned(_ layer: Layer, _ hidden: Int?) -> Bool? {
    let shape = tensors[layer.weight].shape
    let (a, b) = (shape[1], shape[2])
    guard a != b else { return nil }
    if let bias = layer.bias {
      if tensors[bias].shape == [shape[0], a] { return false }
      if tensors[bias].shape == [shape[0], b] { return true }
    }
    guard let hidden, (a == hidden) != (b == hidden) else { return nil }
    return layer.isDown ? b == hidden : a == hidden
  }

  /// What the extents of a block's stacks say together.
  private func isTurned(_ layers: [Layer]) -> Bool? {
    guard let down = layers.first(where: \.isDown),
      let up = layers.first(where: { $0.leaf.contains("gate_up") })
    else { return nil }
    let (into, out) = (tensors[up.weight].shape, tensors[down.weight].shape)
    if into[1] == out[2], into[2] / 2 == out[1] { return true }
    if into[2] == out[1], into[1] / 2 == out[2] { return false }
    return nil
  }

  /// DBRX: all experts' matrices in one of two dimensions, (experts · width, hidden); `w2` multiplies from the right.
  private func turnDBRX(_ layers: inout [Layer], _ members: [Int], _ count: Int) {
    for index in members where layers[index].leaf == "w2" {
      let shape = tensors[layers[index].weight].shape
      guard shape.count == 2, count > 0, shape[0] % count == 0 else { continue }
      let inputs = shape[0] / count
      layers[index].matrix = MatrixShape(rows: count * shape[1], columns: inputs, outer: inputs, stack: count)
    }
  }
}

extension Layer {
  /// The name up to the list of experts that the layer is a part of.
  fileprivate var expertsName: String? {
    guard let range = name.firstRange(of: "experts") else { return nil }
    return String(name[..<range.upperBound])
  }

  /// The last part of the name.
  fileprivate var leaf: Substring { name.split(separator: ".").last ?? "" }

  /// Whether it leads back to the model's width.
  fileprivate var isDown: Bool { ["down_proj", "w2", "fc2", "wo", "output_linear"].contains(leaf) }
}
