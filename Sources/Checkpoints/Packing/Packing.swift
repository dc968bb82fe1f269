internal import Coding

/// How a quantised checkpoint keeps one weight in several tensors: codes in one, scales, zero points and the like in
/// others.
///
/// The weight is w = (level − zero) · scale + shift, where the level is the code itself or an entry of a table, and
/// zero, scale and shift are shared by a tensor, a row, a group of inputs or a block. `Packing+Reading` computes it;
/// `PackedModule` and `Packing+ONNX` recognise it.
public struct Packing: Sendable, Hashable {
  public let method: Method
  /// What a code is: `int4`, `uint8`, `nf4`, `e2m1`, `f8_e4m3`.
  public let code: String
  /// Bits of a code.
  public let bits: Int
  public let granularity: ScaleGroup
  /// Whether codes count from a zero point of their own.
  public let isAffine: Bool
  /// What in the file contradicts this reading of it, in words; `nil` where nothing does.
  public internal(set) var doubt: String?

  let layout: CodeLayout
  let levels: Levels
  let scale: Parameter?
  let zero: Parameter?
  /// What a zero point counts from: GPTQ stores it less one, symmetric forms leave it out.
  let zeroOffset: Float
  let shift: Parameter?
  /// One more factor or divisor: a scalar tensor, or one number a matrix of a stack.
  let factor: Factor?

  /// Who packs so.
  public enum Method: String, Sendable, Codable {
    case gptq = "GPTQ", awq = "AWQ", compressedTensors = "compressed-tensors", bitsandbytes, mlx = "MLX"
    case modelOpt = "ModelOpt", scaledFloat = "FP8", mxfp4 = "MXFP4", onnx = "ONNX"
  }

  /// Which weights share a scale.
  public enum ScaleGroup: Sendable, Hashable {
    case tensor, channel
    /// So many inputs of a row.
    case group(Int)
    /// So many rows by so many inputs.
    case block(Int, Int)
  }

  /// What a code means.
  enum Levels: Sendable, Hashable {
    /// The tensor's own numbers, as its element type has them.
    case stored
    /// The code itself, as a whole number from 0.
    case integers
    case table([Float])
    /// A table in the file: as many entries as there are codes.
    case tensor(Int)
  }

  struct Factor: Sendable, Hashable {
    let tensor: Int
    let isDivisor: Bool
    /// Rows that share one of several: those of an expert; `nil` for one for all.
    var rows: Int?
  }

  init(
    _ method: Method, code: String, bits: Int, _ granularity: ScaleGroup, layout: CodeLayout = .stored,
    levels: Levels = .stored, scale: Parameter? = nil, zero: Parameter? = nil, zeroOffset: Float = 0,
    shift: Parameter? = nil, factor: Factor? = nil
  ) {
    self.method = method
    self.code = code
    self.bits = bits
    self.granularity = granularity
    isAffine = zero != nil || shift != nil
    self.layout = layout
    self.levels = levels
    self.scale = scale
    self.zero = zero
    self.zeroOffset = zeroOffset
    self.shift = shift
    self.factor = factor
  }
}

extension Packing: CustomStringConvertible {
  /// `GPTQ int4 g128`: for a table's column.
  public var description: String {
    switch granularity {
    case .tensor: "\(method.rawValue) \(code)"
    case .channel: "\(method.rawValue) \(code) channel"
    case .group(let size): "\(method.rawValue) \(code) g\(size)"
    case .block(let rows, let columns): "\(method.rawValue) \(code) \(rows)×\(columns)"
    }
  }
}

/// Numbers that weights share, and how a weight finds its own.
struct Parameter: Sendable, Hashable {
  let tensor: Int
  let cells: Cells
  /// How they are packed, where they are.
  var codes = CodeLayout.stored
  var form = Form.plain

  enum Cells: Sendable, Hashable {
    /// Weight (r, c) has cell (r / rows, c / columns), which lies at their products with the strides.
    case grid(rows: Int, columns: Int, rowStride: Int, columnStride: Int)
    /// The same in a stack of matrices of `each` rows, each with `cellRows` rows of cells of its own: where blocks do not
    /// divide a matrix, its last ones are cut off.
    case stacked(each: Int, cellRows: Int, rows: Int, columns: Int, rowStride: Int, columnStride: Int)
    /// Weight number r · columns + c has the cell of its run of so many.
    case flat(Int)
    /// As a grid of a row each, but the cell's column is looked up by the weight's in a tensor (GPTQ's `g_idx`);
    /// there are `count` columns.
    case indexed(by: Int, count: Int, rowStride: Int, columnStride: Int)
  }

  enum Form: Sendable, Hashable {
    case plain
    /// The exponent of a power of two: 2^(code − 127) (E8M0 kept as U8).
    case exponent
    /// A number of eight bits kept as U8 (E4M3).
    case e4m3
    /// Codes of a second quantisation (bitsandbytes): map[code] · scales[cell / run] + offset.
    case nested(map: Int, scales: Int, run: Int, offset: Float)
    /// A part of the value (bitsandbytes: the scale of 127 levels).
    case divided(by: Float)
  }

  /// One for the whole tensor.
  static func scalar(_ tensor: Int) -> Parameter {
    Parameter(tensor: tensor, cells: .grid(rows: .max, columns: .max, rowStride: 0, columnStride: 0))
  }

  /// One a row.
  static func channel(_ tensor: Int) -> Parameter {
    Parameter(tensor: tensor, cells: .grid(rows: 1, columns: .max, rowStride: 1, columnStride: 0))
  }

  /// (rows, groups), row by row.
  static func groups(_ tensor: Int, size: Int, count: Int) -> Parameter {
    Parameter(tensor: tensor, cells: .grid(rows: 1, columns: size, rowStride: count, columnStride: 1))
  }
}
