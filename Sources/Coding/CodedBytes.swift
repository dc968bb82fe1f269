import CKernels

/// Bytes under an order-0 entropy coder: the coder's table, then blocks of 2¹⁸ symbols (the last one shorter), each its
/// length (4 bytes, little-endian) and its payload (`huffman.h`, `rans.h`). A block decodes on its own.
public enum EntropyCoder: String, Sendable, Hashable, CaseIterable {
  case huffman, rans

  public static let blockSymbols = 1 << 18

  /// The whole stream of `symbols`.
  public func encode(_ symbols: [UInt8]) -> [UInt8] {
    var counts = [UInt64](repeating: 0, count: 256)
    lathe_count_bytes(symbols, symbols.count, &counts)
    var encoder = EntropyEncoder(self, counts: counts.map { Int($0) }, keeping: true)
    symbols.withUnsafeBufferPointer { encoder.append($0) }
    return encoder.finish().bytes
  }

  /// The `count` symbols of a stream.
  ///
  /// - Throws: `CodingError` for bytes that no encoder wrote. Nothing outside of them is read.
  public func decode(_ bytes: [UInt8], count: Int) throws(CodingError) -> [UInt8] {
    var failure: CodingError?
    let symbols = [UInt8](unsafeUninitializedCapacity: count) { symbols, filled in
      symbols.initialize(repeating: 0)
      do throws(CodingError) {
        try decode(bytes, into: symbols)
        filled = count
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
    return symbols
  }

  /// The same into memory that is there.
  public func decode(_ bytes: [UInt8], into symbols: UnsafeMutableBufferPointer<UInt8>) throws(CodingError) {
    var reader = BitReader(bytes)
    let decoder = try Decoder(self, &reader, isEmpty: symbols.isEmpty)
    var at = reader.byte
    var done = 0
    while done < symbols.count {
      guard at + 4 <= bytes.count else { throw CodingError("the stream ends before block \(done >> 18)") }
      let size = (0..<4).reduce(0) { $0 | Int(bytes[at + $1]) << (8 * $1) }
      at += 4
      guard size <= bytes.count - at else { throw CodingError("block \(done >> 18) is longer than the stream") }
      let taken = min(Self.blockSymbols, symbols.count - done)
      let status = bytes.withUnsafeBufferPointer { bytes in
        decoder.decode(bytes.baseAddress! + at, size, symbols.baseAddress! + done, taken)
      }
      guard status == 0 else { throw CodingError("block \(done >> 18) is no \(rawValue) block of \(taken) symbols") }
      at += size
      done += taken
    }
    guard at == bytes.count else { throw CodingError("\(bytes.count - at) bytes follow the last block") }
  }

  private enum Decoder {
    case none
    case huffman(DecoderTable)
    case rans(DecoderTable)

    init(_ coder: EntropyCoder, _ reader: inout BitReader, isEmpty: Bool) throws(CodingError) {
      if isEmpty {
        self = .none
        return
      }
      guard let first = reader.take(8), let last = reader.take(8), first <= last else {
        throw CodingError("the table's first and last symbol are missing or out of order")
      }
      switch coder {
      case .huffman:
        var lengths = [UInt8](repeating: 0, count: 256)
        for symbol in first...last {
          guard let length = reader.take(4) else { throw CodingError("the table of word lengths ends early") }
          lengths[symbol] = UInt8(length)
        }
        guard let table = DecoderTable(huffman: lengths) else {
          throw CodingError("the word lengths are those of no prefix code")
        }
        self = .huffman(table)
      case .rans:
        var frequencies = [UInt16](repeating: 0, count: 256)
        for symbol in first...last {
          guard let frequency = first == last ? RansTable.total : reader.take(12) else {
            throw CodingError("the table of frequencies ends early")
          }
          frequencies[symbol] = UInt16(frequency)
        }
        guard let table = DecoderTable(rans: frequencies) else {
          throw CodingError("the frequencies do not sum to \(RansTable.total)")
        }
        self = .rans(table)
      }
      reader.align()
    }

    func decode(
      _ bytes: UnsafePointer<UInt8>, _ size: Int, _ symbols: UnsafeMutablePointer<UInt8>, _ count: Int
    ) -> Int32 {
      switch self {
      case .none: -1
      case .huffman(let table): lathe_huffman_decode(table.pointer, bytes, size, symbols, count)
      case .rans(let table): lathe_rans_decode(table.pointer, bytes, size, symbols, count)
      }
    }
  }
}

/// Codes symbols as they come, a block at a time. It keeps the stream, or counts its bytes only.
public struct EntropyEncoder: ~Copyable {
  private let coder: EntropyCoder
  private let keeps: Bool
  private var huffman: OpaquePointer?
  private var rans: OpaquePointer?
  /// Symbols that are held back: a block, or all that will come where they are fewer.
  private let room: Int
  private let pending: UnsafeMutablePointer<UInt8>
  private let scratch: UnsafeMutablePointer<UInt8>
  private var held = 0
  private var bytes: [UInt8] = []
  private var count = 0

  /// - Parameter counts: how often each of the 256 symbols will come.
  public init(_ coder: EntropyCoder, counts: [Int], keeping keeps: Bool = false) {
    self.coder = coder
    self.keeps = keeps
    room = max(1, min(EntropyCoder.blockSymbols, counts.reduce(0, +)))
    pending = .allocate(capacity: room)
    scratch = .allocate(capacity: max(lathe_rans_bound(room), lathe_huffman_bound(room)))
    var writer = BitWriter()
    if let first = counts.firstIndex(where: { $0 > 0 }), let last = counts.lastIndex(where: { $0 > 0 }) {
      writer.put(first, 8)
      writer.put(last, 8)
      switch coder {
      case .huffman:
        let lengths = HuffmanCode(counts: counts).lengths
        for symbol in first...last { writer.put(Int(lengths[symbol]), 4) }
        huffman = lathe_huffman_new_encoder(lengths)
      case .rans:
        let frequencies = RansTable(counts: counts).frequencies
        if first < last { for symbol in first...last { writer.put(Int(frequencies[symbol]), 12) } }
        rans = lathe_rans_new_encoder(frequencies)
      }
    }
    bytes = writer.finish()
    count = bytes.count
    if !keeps { bytes = [] }
  }

  deinit {
    lathe_huffman_free_encoder(huffman)
    lathe_rans_free_encoder(rans)
    pending.deallocate()
    scratch.deallocate()
  }

  public mutating func append(_ symbols: UnsafeBufferPointer<UInt8>) {
    var done = 0
    while done < symbols.count {
      let taken = min(symbols.count - done, room - held)
      let from = symbols.baseAddress! + done
      done += taken
      if taken == EntropyCoder.blockSymbols {
        // A whole block goes as it stands.
        write(from, taken)
        continue
      }
      (pending + held).update(from: from, count: taken)
      held += taken
      if held == room { flush() }
    }
  }

  private mutating func flush() {
    if held > 0 { write(pending, held) }
    held = 0
  }

  private mutating func write(_ symbols: UnsafePointer<UInt8>, _ number: Int) {
    let size =
      coder == .huffman
      ? lathe_huffman_encode(huffman, symbols, number, scratch) : lathe_rans_encode(rans, symbols, number, scratch)
    precondition(size > 0, "a symbol came that was not counted")
    if keeps {
      for shift in stride(from: 0, to: 32, by: 8) { bytes.append(UInt8(truncatingIfNeeded: size >> shift)) }
      bytes += UnsafeBufferPointer(start: scratch, count: size)
    }
    count += 4 + size
  }

  /// Ends the stream: its length, and its bytes where they were kept.
  public mutating func finish() -> (count: Int, bytes: [UInt8]) {
    flush()
    return (count, bytes)
  }
}

/// What was wrong with a coded stream.
public struct CodingError: Error, Sendable, Hashable, CustomStringConvertible {
  public let description: String

  init(_ description: String) { self.description = description }
}

/// A decoder's table, freed with its last owner.
package final class DecoderTable {
  package let pointer: OpaquePointer
  private let free: (OpaquePointer) -> Void

  /// `nil` for lengths of no prefix code.
  package init?(huffman lengths: [UInt8]) {
    guard let table = lathe_huffman_new_decoder(lengths) else { return nil }
    (pointer, free) = (table, { lathe_huffman_free_decoder($0) })
  }

  /// `nil` for frequencies that do not sum to 4,096.
  package init?(rans frequencies: [UInt16]) {
    guard let table = lathe_rans_new_decoder(frequencies) else { return nil }
    (pointer, free) = (table, { lathe_rans_free_decoder($0) })
  }

  deinit { free(pointer) }
}
