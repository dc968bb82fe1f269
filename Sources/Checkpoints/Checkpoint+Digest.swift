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
