import Checkpoints
import Compression
import FileAccess
import Numerics

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// How much each input of each weight matters, E[x²] of its columns, by the weight's name.
///
/// Three forms are read, told by content:
///
/// - llama.cpp's imatrix as GGUF: tensors `NAME.in_sum2` (Σ x² by column) and `NAME.counts` (how many x), a row an
///   expert.
/// - its older form, little-endian: a count of entries, and for each the length of its name, the name, the number of
///   calls, the number of values, the values as floats (E[x²] · calls).
/// - `.npz` with the norms ‖x‖ of recorded activations, an array of columns by each weight's or layer's name.
public struct ImportanceFile: Sendable {
  public let entries: [String: [Float]]

  /// - Throws: `WorkbenchError` that names the file and what is wrong with it.
  public init(path: String) throws(WorkbenchError) {
    guard let data = try? Data(contentsOf: URL(fileURLWithPath: path), options: .mappedIfSafe) else {
      throw WorkbenchError("\(path): there is no such importance file, or it cannot be read")
    }
    let room = byteAllowance(path, ratio: 8)
    let start = data.prefix(4)
    if start.starts(with: Array("GGUF".utf8)) || start.starts(with: Array("PK".utf8)) {
      do {
        let checkpoint = try Checkpoint.open(path)
        entries =
          try checkpoint.format == .gguf
          ? Self.sums(checkpoint, room) : Self.norms(checkpoint, room)
      } catch {
        throw WorkbenchError("\(error)")
      }
    } else {
      entries = try Self.older(data, path, room)
    }
    guard !entries.isEmpty else { throw WorkbenchError("\(path): no importances in it") }
    for (name, values) in entries.sorted(by: { $0.key < $1.key }) {
      guard let place = values.firstIndex(where: { !$0.isFinite || $0 < 0 }) else { continue }
      let what = values[place].isNaN ? "NaN" : values[place] < 0 ? "a negative number" : "infinity"
      throw WorkbenchError("\(path): \(printable(name)): input \(place) has \(what); a mean square is expected")
    }
  }

  /// Whether there is room for a tensor's numbers: a few kilobytes of an archive may say gigabytes of zeros.
  private static func take(_ tensor: Tensor, _ room: inout Int, _ path: String) throws(WorkbenchError) {
    guard tensor.count <= room / 4 else {
      throw WorkbenchError(
        "\(path): \(printable(tensor.name)): \(tensor.count) numbers are more than such a file holds")
    }
    room -= 4 * tensor.count
  }

  private static func sums(_ checkpoint: Checkpoint, _ given: Int) throws -> [String: [Float]] {
    var entries: [String: [Float]] = [:]
    var room = given
    for tensor in checkpoint.tensors where tensor.name.hasSuffix(".in_sum2") {
      let name = String(tensor.name.dropLast(".in_sum2".count))
      guard let countTensor = checkpoint.tensor(named: name + ".counts") else {
        throw WorkbenchError("\(checkpoint.path): \(printable(name)) has sums and no counts")
      }
      try take(tensor, &room, checkpoint.path)
      try take(countTensor, &room, checkpoint.path)
      let (values, counts) = (try checkpoint.floats(tensor), try checkpoint.floats(countTensor))
      guard !counts.isEmpty, values.count % counts.count == 0 else {
        throw WorkbenchError(
          "\(checkpoint.path): \(printable(name)) has \(values.count) sums for \(counts.count) counts")
      }
      let columns = values.count / counts.count
      // An expert that was never called says nothing: its inputs matter alike.
      entries[name] = values.indices.map { index in
        let count = counts[index / columns]
        return count > 0 ? values[index] / count : 1
      }
    }
    return entries
  }

  private static func norms(_ checkpoint: Checkpoint, _ given: Int) throws -> [String: [Float]] {
    var entries: [String: [Float]] = [:]
    var room = given
    for tensor in checkpoint.tensors where tensor.type.isFloatingPoint {
      try take(tensor, &room, checkpoint.path)
      entries[tensor.name] = try checkpoint.floats(tensor).map { $0 * $0 }
    }
    return entries
  }

  private static func older(_ bytes: Data, _ path: String, _ given: Int) throws(WorkbenchError) -> [String: [Float]] {
    var (at, room) = (0, given)
    func integer() -> Int? {
      guard at + 4 <= bytes.count else { return nil }
      defer { at += 4 }
      let bits = (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[at + $1]) << (8 * UInt32($1)) }
      return Int(Int32(bitPattern: bits))
    }
    func wrong(_ what: String) -> WorkbenchError {
      WorkbenchError("\(path): no imatrix: \(what) at byte \(at) of \(bytes.count)")
    }
    guard let count = integer(), count > 0, count < 1 << 20 else { throw wrong("no number of entries") }
    var entries: [String: [Float]] = [:]
    for _ in 0..<count {
      guard let length = integer(), length > 0, length <= 4096, at + length <= bytes.count else {
        throw wrong("no name")
      }
      let name = String(decoding: bytes[at..<at + length], as: UTF8.self)
      at += length
      guard let calls = integer(), let values = integer(), calls >= 0, values > 0, values <= (bytes.count - at) / 4
      else { throw wrong("no values of \(printable(name))") }
      guard values <= room / 4 else { throw wrong("more values than the file holds, of \(printable(name)),") }
      room -= 4 * values
      var squares = [Float](repeating: 1, count: values)
      for index in 0..<values {
        let bits = (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[at + 4 * index + $1]) << (8 * UInt32($1)) }
        if calls > 0 { squares[index] = Float(bitPattern: bits) / Float(calls) }
      }
      at += 4 * values
      entries[name] = squares
    }
    return entries
  }
}

extension Session {
  /// The file that said how much inputs matter.
  var importancePath: String? { table.importancePath }

  /// Takes in how much inputs matter, by the weights' or the layers' names; what was found with others is forgotten.
  ///
  /// - Returns: how many weights are weighted now.
  /// - Throws: `WorkbenchError` where none of the file's names is one of the model's, or none has the right columns.
  @discardableResult
  public mutating func weigh(by file: ImportanceFile, path: String) throws(WorkbenchError) -> Int {
    var weighted = 0
    var mismatch: String?
    // A Hugging Face model's imatrix has llama.cpp's names.
    let names = try? LlamaNames(checkpoint)
    func squares(of item: Item) -> [Float]? {
      if let own = file.entries[item.tensorName] ?? file.entries[item.name] { return own }
      let weight = item.packing == nil ? item.tensorName : item.name + ".weight"
      return names?.name(of: weight).flatMap { file.entries[$0] }
    }
    for place in items.indices where items[place].kind == .weight {
      let item = items[place]
      guard let squares = squares(of: item) else { continue }
      guard let importances = Importances(squares, columns: item.matrix.columns),
        item.matrix.rows % importances.squares.count == 0
      else {
        mismatch = mismatch ?? "\(printable(item.name)) has \(item.matrix.columns) columns, the file \(squares.count)"
        continue
      }
      table.weigh(place, by: importances)
      answers.assessments.remove(item.id)
      renewPart(at: place)
      weighted += 1
    }
    guard weighted > 0 else {
      throw WorkbenchError("\(path): \(mismatch ?? "none of its names is a weight of this model")")
    }
    table.importancePath = path
    return weighted
  }
}
