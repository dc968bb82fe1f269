import Compression
import Numerics

/// What the latent weights are rounded to.
extension LatentTraining {
  /// Which weights go when so much of the sparsity is asked for.
  func mask(share: Double) -> [Bool] {
    var weights = latent
    if grid != nil {
      runs.forEach { run, own in
        let (scale, base) = (moving.scales[run], moving.base(run))
        for index in own { weights[index] = scale * weights[index] + base }
      }
    }
    let source = ArrayWeights(rows: rows, columns: columns, values: weights, shape: shape, importances: importances)
    var mask: [Bool] = []
    mask.reserveCapacity(latent.count)
    // Nothing is read that could fail, and nothing asks to stop.
    _ = try? source.forEachPruned(chosen.scheme.sparsity.part(share), .silent) { _, left in mask += left.map { $0 == 0 }
    }
    return mask.count == latent.count ? mask : []
  }

  /// The levels that the weights are rounded to, and their codes.
  func rounded(_ mask: [Bool], withCodes: Bool = false) -> (values: [Float], codes: [UInt8]) {
    var values = latent
    guard let grid else {
      for index in values.indices {
        if !mask.isEmpty, mask[index] { values[index] = 0 }
        if let halfType { values[index] = halfType.float(halfType.bits(values[index])) }
      }
      return (values, [])
    }
    var codes = [UInt8](repeating: 0, count: withCodes ? latent.count : 0)
    let (moving, cells, latent) = (moving, cells, latent)
    values.withUnsafeMutableBufferPointer { values in
      codes.withUnsafeMutableBufferPointer { codes in
        latent.withUnsafeBufferPointer { latent in
          cells.levels.withUnsafeBufferPointer { levels in
            runs.forEach { run, weights in
              let (scale, offset) = (moving.scales[run], moving.bases.isEmpty ? 0 : moving.bases[run])
              let shift = moving.zeros.isEmpty ? 0 : moving.zeros[run]
              let zero = mask.isEmpty ? nil : grid.zeroCode(run: run)
              for index in weights {
                var code = cells.code(latent[index])
                if let zero, mask[index] { code = Int(zero) }
                values[index] = scale * (levels[code] + shift) + offset
                if withCodes { codes[index] = UInt8(code) }
              }
            }
          }
        }
      }
    }
    return (values, codes)
  }
}
