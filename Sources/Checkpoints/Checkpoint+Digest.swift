package import FileAccess
internal import Numerics

extension Checkpoint {
  /// What stands for the header: every tensor's name, type, shape, layout and place, in the file's order.
  ///
  /// - Complexity: O(tensors).
  package var headerDigest: Digest {
    var digester = Digester()
    digester.add(format.rawValue)
    digester.add(tensors.count)
    for tensor in tensors {
      tensor.storedName.withBytes { digester.add(UnsafeRawBufferPointer($0)) }
      digester.add(tensor.type.name)
      digester.add(tensor.shape.count)
      for extent in tensor.shape { digester.add(extent) }
      digester.add(tensor.byteCount)
      tensor.location.add(to: &digester)
      if tensor.layout != .plain { tensor.layout.add(to: &digester) }
    }
    return digester.finish()
  }
}

extension Checkpoint {
  /// What stands for the stored bytes of a layer's weight, or of another tensor: those of all tensors that its numbers are
  /// worked out from.
  ///
  /// Reads them once, in bounded memory.
  ///
  /// - Parameter layer: whose weight the tensor is, where it is one that is packed in several.
  /// - Throws: where the file was cut short or rewritten since it was opened.
  package func bytesDigest(tensor index: Int, packedIn layer: Int?) throws(CheckpointError) -> Digest {
    var parts: Set<Int> = [index]
    if let layer {
      parts.formUnion(layers[layer].companions)
      parts.formUnion(layers[layer].packing?.tensors ?? [])
    }
    var digester = Digester()
    for part in parts.sorted() { digester.add(try bytesDigest(of: tensors[part])) }
    return digester.finish()
  }

  private func bytesDigest(of tensor: Tensor) throws(CheckpointError) -> Digest {
    let (weights, size) = tensor.type.block
    let source = ElementSource(self, tensor)
    let count = (tensor.count + weights - 1) / weights
    let chunk = max(1, (1 << 20) / size)
    var bytes = [UInt8](repeating: 0, count: min(chunk, count) * size)
    var digest = Digest(low: UInt64(tensor.byteCount), high: 1)
    for first in stride(from: 0, to: count, by: chunk) {
      let blocks = first..<min(first + chunk, count)
      try bytes.withUnsafeMutableBufferPointer { into throws(CheckpointError) in
        try source.copy(blocks: blocks, into: UnsafeMutableRawBufferPointer(into))
      }
      let held = min(blocks.count * size, tensor.byteCount - first * size)
      digest = bytes.withUnsafeBytes {
        Digest(ofMany: UnsafeRawBufferPointer(rebasing: $0[..<max(0, held)]), after: digest)
      }
    }
    return digest
  }
}

extension Packing {
  /// All tensors but the codes' that the weight's numbers are worked out from.
  fileprivate var tensors: [Int] {
    var found: [Int] = []
    if case .tensor(let table) = levels { found.append(table) }
    if let factor { found.append(factor.tensor) }
    for parameter in [scale, zero, shift] {
      guard let parameter else { continue }
      found.append(parameter.tensor)
      if case .indexed(let by, _, _, _) = parameter.cells { found.append(by) }
      if case .nested(let map, let scales, _, _) = parameter.form { found += [map, scales] }
    }
    return found
  }
}

extension Tensor.Location {
  fileprivate func add(to digester: inout Digester) {
    switch self {
    case .file(let file, let offset):
      digester.add(file)
      digester.add(offset)
    case .inline(let bytes): bytes.withUnsafeBytes { digester.add($0) }
    case .deflated(let file, let offset, let length, let skip):
      for number in [file, offset, length, skip] { digester.add(number) }
    }
  }
}

extension Tensor.Layout {
  fileprivate func add(to digester: inout Digester) {
    digester.add(isBigEndian ? 1 : 0)
    for stride in strides ?? [] { digester.add(stride) }
    digester.add(view == .plain ? 0 : view == .negative ? 1 : 2)
  }
}
