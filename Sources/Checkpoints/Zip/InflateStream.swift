internal import CZlib
internal import FileAccess

/// Deflated bytes (RFC 1951) of a file, inflated as they are asked for, in bounded memory.
///
/// Reading onwards goes on from where it stands; reading backwards starts again from the front.
final class InflateStream {
  private let file: MappedFile
  private let offset: Int
  private let length: Int
  private let skip: Int
  // On the heap: zlib keeps a pointer back to it.
  private let stream: UnsafeMutablePointer<z_stream>
  private var isReady = false
  /// Compressed bytes handed to zlib, and inflated bytes that came out.
  private var consumed = 0
  private var produced = 0
  private var input: [UInt8] = []
  private var whole: [UInt8]?

  /// Where it stands, in bytes after the first `skip`.
  var position: Int { produced - skip }

  private static let chunk = 1 << 15
  private static let maximumHeld = 1 << 29

  /// `length` bytes from `offset` on; what comes out counts from after the first `skip` bytes.
  init(_ file: MappedFile, offset: Int, length: Int, skip: Int) {
    self.file = file
    self.offset = offset
    self.length = length
    self.skip = skip
    stream = .allocate(capacity: 1)
    stream.initialize(to: z_stream())
  }

  deinit {
    if isReady { inflateEnd(stream) }
    stream.deallocate()
  }

  /// Copies `count` inflated bytes from `start` on.
  ///
  /// - Throws: where the data ends early or is no deflated data.
  func copy(offset start: Int, count: Int, into: UnsafeMutableRawBufferPointer) throws(CheckpointError) {
    let target = skip + start
    if !isReady || target < produced { try restart() }
    if target > produced {
      let bin = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.chunk, alignment: 16)
      defer { bin.deallocate() }
      while produced < target { try inflate(.init(rebasing: bin[..<min(Self.chunk, target - produced)])) }
    }
    try inflate(.init(rebasing: into[..<count]))
  }

  /// All `count` bytes, held from then on: for orders that jump back and forth.
  ///
  /// - Throws: also where that is more than should be held.
  func all(_ count: Int, of tensor: String) throws(CheckpointError) -> [UInt8] {
    if let whole, whole.count >= count { return whole }
    guard count <= Self.maximumHeld else {
      throw CheckpointError(
        file: file.path, tensor: tensor,
        "is deflated and not in C order: all its \(bytes(count)) would have to be held, at most \(Self.maximumHeld) are"
      )
    }
    var all = [UInt8](repeating: 0, count: count)
    try all.withUnsafeMutableBufferPointer { into throws(CheckpointError) in
      try copy(offset: 0, count: count, into: UnsafeMutableRawBufferPointer(into))
    }
    whole = all
    return all
  }

  private func restart() throws(CheckpointError) {
    // Negative window bits: no zlib header around the data.
    let code =
      isReady
      ? inflateReset(stream)
      : inflateInit2_(stream, -15, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    guard code == Z_OK else {
      throw CheckpointError(file: file.path, "cannot be inflated: zlib gives \(code)")
    }
    isReady = true
    (consumed, produced, input) = (0, 0, [])
    stream.pointee.avail_in = 0
  }

  /// Fills `into` whole.
  private func inflate(_ into: UnsafeMutableRawBufferPointer) throws(CheckpointError) {
    var filled = 0
    while filled < into.count {
      var rest = Int(stream.pointee.avail_in)
      if rest == 0 {
        input = try file.copy(offset: offset + consumed, count: min(Self.chunk, length - consumed))
        consumed += input.count
        rest = input.count
      }
      let room = min(into.count - filled, 1 << 30)
      let used = input.count - rest
      let code = input.withUnsafeMutableBufferPointer { bytes in
        stream.pointee.next_in = bytes.baseAddress.map { $0 + used }
        stream.pointee.avail_in = UInt32(rest)
        stream.pointee.next_out = into.baseAddress!.assumingMemoryBound(to: UInt8.self) + filled
        stream.pointee.avail_out = UInt32(room)
        return CZlib.inflate(stream, Z_NO_FLUSH)
      }
      let made = room - Int(stream.pointee.avail_out)
      filled += made
      produced += made
      if filled == into.count { return }
      guard code == Z_OK, made > 0 || consumed < length || stream.pointee.avail_in > 0 else {
        let found = code == Z_DATA_ERROR ? "are damaged" : "end after \(bytes(produced)), too early"
        throw CheckpointError(file: file.path, "the deflated data at byte \(offset) \(found)")
      }
    }
  }
}
