import Checkpoints
import Compression
import FileAccess
import Numerics

/// Codes that were chosen for a model's layers, as a file beside their recipe: safetensors whose tensors are named
/// `LAYER#part`.
///
///     #codes      U8   (rows, columns)      places among the levels
///     #levels     F32  (levels)             in units of a scale, rising
///     #formats    I32  (levels)             what the scheme's format calls each, less the run's shift
///     #scales     F32  (runs)               row after row; #shifts and #offsets the same, where there are some
///     #form       F32  (5)                  0 one run, 1 runs of a row, 2 columns; weights of a run; the scale that all
///                                           have in common; the outputs' error over the nearest levels', and the nearest
///                                           levels' t², or NaN
///     #blocks     U8   (rows, bytes)        ggml's bytes, in place of all these but #form
///     #numbers    F32  (rows, columns)      where the scheme keeps floats
///     #moved      I32  (2)                  of those that belong together as factors moved between them: their group's
///                                           number, and how many they are
///
/// The schemes are the recipe's.
enum RecoveredFile {
  /// The file's path beside a recipe's.
  static func path(beside recipe: String) -> String {
    (recipe.hasSuffix(".json") ? String(recipe.dropLast(5)) : recipe) + ".weights.safetensors"
  }

  /// A digest of a file's bytes, in hexadecimal.
  static func digest(of path: String) throws(WorkbenchError) -> String {
    do {
      let file = try MappedFile(path)
      var digest = Digest.zero
      for start in stride(from: 0, to: file.size, by: 1 << 20) {
        let piece = try file.copy(offset: start, count: min(1 << 20, file.size - start))
        digest = piece.withUnsafeBytes { Digest(ofMany: $0, after: digest) }
      }
      return digest.hexadecimal
    } catch let error as FileError {
      throw WorkbenchError(error)
    } catch { throw WorkbenchError("\(path): \(error)") }
  }

  // MARK: Writing

  /// The file's bytes, the same for the same codes: piece by piece, the header first.
  static func pieces(_ chosen: [String: ChosenWeight], _ put: ([UInt8]) throws -> Void) throws {
    let order = chosen.keys.sorted()
    var entries: [SafetensorsHeader.Entry] = []
    for name in order {
      guard let weight = chosen[name] else { continue }
      for part in parts(of: weight) {
        entries.append(
          .init(name: "\(name)#\(part.name)", type: part.type, shape: part.shape, byteCount: part.bytes.count))
      }
    }
    try put(SafetensorsHeader(entries: entries).encoded.bytes)
    for name in order {
      guard let weight = chosen[name] else { continue }
      for part in parts(of: weight) { try put(part.bytes) }
    }
  }

  private struct Part {
    let name: String
    let type: ElementType
    let shape: [Int]
    let bytes: [UInt8]
  }

  private static func parts(of weight: ChosenWeight) -> [Part] {
    let own = contentParts(of: weight)
    guard let moved = weight.moved else { return own }
    let bytes = [moved.group, moved.count].flatMap { littleEndianBytes(UInt32(bitPattern: $0)) }
    return own + [Part(name: "moved", type: .i32, shape: [2], bytes: bytes)]
  }

  private static func contentParts(of weight: ChosenWeight) -> [Part] {
    func floats(_ name: String, _ values: [Float], _ shape: [Int]? = nil) -> Part {
      Part(
        name: name, type: .f32, shape: shape ?? [values.count],
        bytes: values.flatMap { littleEndianBytes($0.bitPattern) })
    }
    let errors = [weight.outputError, weight.nearestError].map { $0.map(Float.init) ?? .nan }
    switch weight.content {
    case .codes(let grid, let codes):
      let sharing: [Float] =
        switch grid.sharing {
        case .whole: [0, 0]
        case .runs(let size): [1, Float(size)]
        case .columns: [2, 0]
        }
      var parts = [
        Part(name: "codes", type: .u8, shape: [weight.rows, weight.columns], bytes: codes),
        floats("form", sharing + [grid.tensorScale] + errors),
        Part(
          name: "formats", type: .i32, shape: [grid.formatCodes.count],
          bytes: grid.formatCodes.flatMap { littleEndianBytes(UInt32(bitPattern: $0)) }),
        floats("levels", grid.levels),
      ]
      if !grid.offsets.isEmpty { parts.append(floats("offsets", grid.offsets)) }
      parts.append(floats("scales", grid.scales))
      if !grid.shifts.isEmpty { parts.append(floats("shifts", grid.shifts)) }
      return parts
    case .blocks(let type, let bytes):
      let row = weight.columns / type.blockWeights * type.blockBytes
      return [
        Part(name: "blocks", type: .u8, shape: [weight.rows, row], bytes: bytes), floats("form", [1, 0, 1] + errors),
      ]
    case .numbers(let numbers):
      return [floats("form", [1, 0, 1] + errors), floats("numbers", numbers, [weight.rows, weight.columns])]
    }
  }

  // MARK: Reading

  /// Reads the codes of a recipe's layers.
  ///
  /// - Parameter schemes: by the layers' names; a layer that is not among them is left out.
  /// - Throws: `WorkbenchError` that names file and layer where a part is missing or does not fit the others.
  static func read(_ path: String, schemes: [String: Scheme]) throws(WorkbenchError) -> [String: ChosenWeight] {
    let file: Checkpoint
    do { file = try Checkpoint.open(path) } catch { throw WorkbenchError("\(error)") }
    var byLayer: [String: [String: Tensor]] = [:]
    for tensor in file.tensors {
      guard let place = tensor.name.lastIndex(of: "#") else { continue }
      byLayer[String(tensor.name[..<place]), default: [:]][String(tensor.name[tensor.name.index(after: place)...])] =
        tensor
    }
    var chosen: [String: ChosenWeight] = [:]
    for (name, parts) in byLayer {
      guard let scheme = schemes[name] else { continue }
      chosen[name] = try weight(parts, scheme, LayerFile(file: file, path: path, layer: name))
    }
    return chosen
  }

  private struct LayerFile {
    let file: Checkpoint
    let path: String
    let layer: String

    func wrong(_ what: String) -> WorkbenchError { WorkbenchError("\(path): \(printable(layer)): \(what)") }

    func floats(_ tensor: Tensor?, _ part: String) throws(WorkbenchError) -> [Float] {
      guard let tensor, tensor.type == .f32 else { throw wrong("its part #\(part) is missing, or is no F32") }
      do throws(CheckpointError) { return try file.floats(tensor) } catch { throw WorkbenchError("\(error)") }
    }

    func bytes(_ tensor: Tensor?, _ part: String) throws(WorkbenchError) -> [UInt8] {
      guard let tensor, let index = file.tensors.firstIndex(where: { $0.name == tensor.name }) else {
        throw wrong("its part #\(part) is missing")
      }
      var bytes = [UInt8](repeating: 0, count: tensor.byteCount)
      do {
        try bytes.withUnsafeMutableBytes { try file.readBytes(tensor: index, range: 0..<tensor.byteCount, into: $0) }
      } catch { throw WorkbenchError("\(error)") }
      return bytes
    }
  }

  private static func integers(_ bytes: [UInt8]) -> [Int32] {
    stride(from: 0, to: bytes.count / 4 * 4, by: 4).map { at in
      Int32(bitPattern: (0..<4).reduce(0) { $0 | UInt32(bytes[at + $1]) << (8 * UInt32($1)) })
    }
  }

  private static func weight(
    _ parts: [String: Tensor], _ scheme: Scheme, _ file: LayerFile
  ) throws(WorkbenchError) -> ChosenWeight {
    let form = try file.floats(parts["form"], "form")
    guard form.count == 5 else { throw file.wrong("its part #form has \(form.count) numbers, not 5") }
    let error = form[3].isFinite ? Double(form[3]) : nil
    var weight: ChosenWeight
    if let blocks = parts["blocks"] {
      guard case .block(let type) = scheme.format, blocks.shape.count == 2, blocks.type == .u8 else {
        throw file.wrong("has ggml's blocks, where the recipe says \(scheme)")
      }
      let (columns, overflow) = (blocks.shape[1] / type.blockBytes).multipliedReportingOverflow(by: type.blockWeights)
      guard !overflow else { throw file.wrong("has rows of \(blocks.shape[1]) bytes") }
      weight = ChosenWeight(
        scheme: scheme, rows: blocks.shape[0], columns: columns,
        content: .blocks(type, try file.bytes(blocks, "blocks")),
        outputError: error)
    } else if let numbers = parts["numbers"] {
      guard numbers.shape.count == 2 else { throw file.wrong("its part #numbers is no matrix") }
      weight = ChosenWeight(
        scheme: scheme, rows: numbers.shape[0], columns: numbers.shape[1],
        content: .numbers(try file.floats(numbers, "numbers")), outputError: error)
    } else {
      guard let codes = parts["codes"], codes.shape.count == 2, codes.type == .u8 else {
        throw file.wrong("its part #codes is missing, or is no matrix of U8")
      }
      let size = form[1] >= 1 && form[1] <= 1e9 ? Int(form[1]) : max(1, codes.shape[1])
      let sharing: WeightGrid.Sharing = form[0] == 0 ? .whole : form[0] == 2 ? .columns : .runs(size)
      let formats = try file.bytes(parts["formats"], "formats")
      let grid = WeightGrid(
        rows: codes.shape[0], columns: codes.shape[1], sharing: sharing,
        levels: try file.floats(parts["levels"], "levels"),
        formatCodes: integers(formats),
        scales: try file.floats(parts["scales"], "scales"),
        shifts: parts["shifts"] == nil ? [] : try file.floats(parts["shifts"], "shifts"),
        offsets: parts["offsets"] == nil ? [] : try file.floats(parts["offsets"], "offsets"), tensorScale: form[2])
      weight = ChosenWeight(
        scheme: scheme, rows: codes.shape[0], columns: codes.shape[1],
        content: .codes(grid, try file.bytes(codes, "codes")), outputError: error)
    }
    weight.nearestError = form[4].isFinite ? Double(form[4]) : nil
    if let part = parts["moved"] {
      let numbers = integers(try file.bytes(part, "moved"))
      guard numbers.count == 2, numbers[1] > 0 else { throw file.wrong("its part #moved is no pair of numbers") }
      weight.moved = .init(group: numbers[0], count: numbers[1])
    }
    guard weight.fits(rows: weight.rows, columns: weight.columns) else {
      throw file.wrong("its parts do not fit together")
    }
    return weight
  }
}
