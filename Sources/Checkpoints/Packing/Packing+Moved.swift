extension Packing {
  /// The same in a checkpoint that has `first` tensors before those that it was found in.
  func moved(byTensors first: Int) -> Packing {
    let levels: Levels = if case .tensor(let index) = levels { .tensor(index + first) } else { levels }
    let factor = factor.map { Factor(tensor: $0.tensor + first, isDivisor: $0.isDivisor, rows: $0.rows) }
    var moved = Packing(
      method, code: code, bits: bits, granularity, layout: layout, levels: levels,
      scale: scale?.moved(byTensors: first), zero: zero?.moved(byTensors: first), zeroOffset: zeroOffset,
      shift: shift?.moved(byTensors: first), factor: factor)
    moved.doubt = doubt
    return moved
  }
}

extension Parameter {
  fileprivate func moved(byTensors first: Int) -> Parameter {
    let cells: Cells =
      switch cells {
      case .indexed(let by, let count, let rowStride, let columnStride):
        .indexed(by: by + first, count: count, rowStride: rowStride, columnStride: columnStride)
      case .grid, .stacked, .flat: cells
      }
    let form: Form =
      switch form {
      case .nested(let map, let scales, let run, let offset):
        .nested(map: map + first, scales: scales + first, run: run, offset: offset)
      case .plain, .exponent, .e4m3, .divided: form
      }
    return Parameter(tensor: tensor + first, cells: cells, codes: codes, form: form)
  }
}
