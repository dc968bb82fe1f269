import Checkpoints
import Compression
import Numerics
import Workbench

extension Session {
  /// What `inspect --json` prints.
  func inspection(checksums: Bool) -> JSON {
    let line = ProgressLine()
    let (tensors, layers) = (checkpoint.tensors, checkpoint.layers)
    return .object([
      ("format", .string(checkpoint.format.rawValue)),
      ("parameters", .int(checkpoint.parameterCount)),
      ("metadata", .object(checkpoint.metadata.map { ($0.key, .string($0.value)) })),
      (
        "tensors",
        .rows(
          tensors.count,
          { index in
            let tensor = tensors[index]
            if checksums { line.show("checksums: tensor \(index + 1) of \(tensors.count)") }
            return .object(
              [
                ("name", .string(tensor.name)), ("dtype", .string(tensor.type.name)),
                ("shape", .array(tensor.shape.map { .int($0) })), ("bytes", .int(tensor.byteCount)),
              ]
                + (checksums ? try checksumFields(index) : []))
          })
      ),
      (
        "layers",
        .rows(
          layers.count,
          { index in
            if checksums, index == 0 { line.clear() }
            return try inspection(of: layers[index], index, checksums: checksums)
          })
      ),
    ])
  }

  private func checksumFields(_ index: Int) throws -> [(String, JSON)] {
    var fields = [("storedCrc32", JSON.int(Int(try checkpoint.storedChecksum(tensor: index))))]
    if checkpoint.tensors[index].type.isDecodable {
      fields.append(("crc32", .int(Int(try checkpoint.checksum(tensor: index)))))
    }
    return fields
  }

  private func inspection(of layer: Layer, _ index: Int, checksums: Bool) throws -> JSON {
    let tensors = checkpoint.tensors
    var fields: [(String, JSON)] = [
      ("name", .string(layer.name)), ("weight", .string(tensors[layer.weight].name)),
      ("bias", JSON(layer.bias.map { tensors[$0].name })), ("operator", JSON(layer.operatorName)),
      ("role", .string(layer.role.rawValue)), ("block", JSON(layer.block)),
    ]
    if !layer.companions.isEmpty {
      fields.append(("companions", .array(layer.companions.map { .string(tensors[$0].name) })))
    }
    if !layer.ties.isEmpty { fields.append(("ties", .array(layer.ties.map { .string($0) }))) }
    if let packing = layer.packing {
      fields.append(("packing", packing.json))
      if checksums { fields.append(("crc32", .int(Int(try checkpoint.checksum(layer: index))))) }
    }
    if let item = item(id: layer.weight) {
      fields.append(("dtype", .string(item.storage)))
      fields.append(("shape", .array(item.shape.map { .int($0) })))
      if item.kind == .weight {
        fields.append(("outputs", .int(item.matrix.rows)))
        fields.append(("inputs", .int(item.matrix.columns)))
        fields.append(("inputsFirst", .bool(!item.matrix.isRowMajor)))
      }
      fields.append(("bytes", .int(item.bytes)))
      fields.append(("note", JSON(note(on: item) ?? item.closed)))
      if let survey = survey(of: item) { fields.append(("statistics", survey.json)) }
    }
    return .object(fields)
  }
}

extension Packing {
  fileprivate var json: JSON {
    var fields: [(String, JSON)] = [
      ("method", .string(method.rawValue)), ("code", .string(code)), ("bits", .int(bits)),
      ("symmetric", .bool(!isAffine)),
    ]
    switch granularity {
    case .tensor: fields.append(("granularity", .string("tensor")))
    case .channel: fields.append(("granularity", .string("channel")))
    case .group(let size): fields += [("granularity", .string("group")), ("group", .int(size))]
    case .block(let rows, let columns):
      fields += [("granularity", .string("block")), ("block", .array([.int(rows), .int(columns)]))]
    }
    return .object(fields)
  }
}

extension Survey {
  /// The statistics, and the error table by granularity and symmetry: 2 to 8 bits in a row.
  fileprivate var json: JSON {
    let s = statistics
    let numbers: [(String, Double)] = [
      ("min", Double(s.minimum)), ("max", Double(s.maximum)), ("mean", s.mean), ("std", s.deviation),
      ("skewness", s.skewness), ("kurtosis", s.kurtosis), ("squaredNorm", s.squaredNorm),
      ("outlierDeviations", Statistics.outlierDeviations),
    ]
    let counts: [(String, Int)] = [
      ("count", s.count), ("zeros", s.zeros), ("outliers", s.outliers), ("nans", s.nans),
      ("infinities", s.infinities),
    ]
    var fields = counts.map { ($0.0, JSON.int($0.1)) } + numbers.map { ($0.0, JSON.number($0.1)) }
    guard let errors else { return .object(fields) }
    let widths = ErrorTable.widths.count
    var rows: [(String, JSON)] = []
    for (granularity, row) in zip(ErrorTable.granularities, errors.rows) {
      guard let row else { continue }
      let errors: [JSON] = row.map { JSON.number($0) }
      let name = granularity.description
      rows.append((name + ",symmetric", JSON.array(Array(errors[..<widths]))))
      rows.append((name + ",affine", JSON.array(Array(errors[widths...]))))
    }
    fields.append(("relativeErrors", .object(rows)))
    return .object(fields)
  }
}
