internal import FileAccess

/// Several named arrays of NumPy's in a zip archive (`numpy.savez`, `savez_compressed`): members `NAME.npy`.
enum NPZ: CheckpointFormat {
  static func recognises(_ head: [UInt8], of file: MappedFile) -> Bool {
    // An archive without members.
    if head.starts(with: [0x50, 0x4B, 5, 6]) { return true }
    return ZipArchive.firstName(head)?.hasSuffix(".npy") == true
  }

  static func read(_ file: MappedFile) throws(CheckpointError) -> Checkpoint {
    var tensors: [Tensor] = []
    // What is no array of numbers hides no other.
    var others: [String] = []
    var forms = SharedForms()
    for member in try ZipArchive(file).members {
      guard member.storedName.withBytes({ $0.ends(with: ".npy") }) else {
        others.append("\(member.name) is no .npy array")
        continue
      }
      let name = member.storedName.prefix(member.storedName.count - 4)
      switch try readArray(member, name, file, &forms) {
      case .success(let tensor): tensors.append(tensor)
      case .failure(let other): others.append("\(String(name)) holds \(other.kind)")
      }
    }
    guard !tensors.isEmpty else {
      let first = others.first.map { "without arrays of numbers: \($0)" } ?? "without arrays"
      throw CheckpointError(file: file.path, "is an archive \(first)")
    }
    let list = others.prefix(8).joined(separator: ", ") + (others.count > 8 ? ", …" : "")
    return Checkpoint(
      path: file.path, format: .npz, files: [file], metadata: others.isEmpty ? [] : [("left out", list)],
      tensors: tensors,
      // Members share no bytes, so arrays do not.
      layers: Layer.grouped(tensors, .npz), graph: nil, ties: [:])
  }

  /// An array of something else than numbers.
  private struct OtherArray: Error {
    let kind: String
  }

  private static func readArray(
    _ member: ZipArchive.Member, _ stored: Name, _ file: MappedFile, _ forms: inout SharedForms
  ) throws(CheckpointError) -> Result<Tensor, OtherArray> {
    let name = String(stored)
    let stream =
      member.isDeflated
      ? InflateStream(file, offset: member.offset, length: member.storedCount, skip: 0) : nil
    let header = try NumPy.Header(file, name: name) { offset, count throws(CheckpointError) in
      guard offset + count <= member.count else {
        throw CheckpointError(
          file: file.path, tensor: name, "is \(bytes(member.count)) long: too short for a NumPy array")
      }
      guard let stream else { return try file.copy(offset: member.offset + offset, count: count) }
      var inflated = [UInt8](repeating: 0, count: count)
      try inflated.withUnsafeMutableBufferPointer { into throws(CheckpointError) in
        try stream.copy(offset: offset, count: count, into: UnsafeMutableRawBufferPointer(into))
      }
      return inflated
    }
    guard header.type != nil else { return .failure(OtherArray(kind: header.kind)) }
    let location: Tensor.Location =
      member.isDeflated
      ? .deflated(0, offset: member.offset, length: member.storedCount, skip: header.size)
      : .file(0, offset: member.offset + header.size)
    let tensor = try header.tensor(file, name, room: member.count - header.size, location: location)
    return .success(
      Tensor(stored, forms.recent(tensor.type, tensor.shape, tensor.layout) ?? forms.shared(tensor.form), at: location))
  }
}
