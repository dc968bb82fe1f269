import Numerics

/// What is known of a weight before its numbers are read.
public struct WeightForm: Sendable, Hashable {
  /// Output channels by inputs.
  public var rows: Int
  public var columns: Int
  /// The axes: the first is the rows, the rest multiply to the columns.
  public var shape: [Int]
  /// Whether it is known how much each input matters.
  public var hasImportances: Bool

  public init(rows: Int, columns: Int, shape: [Int]? = nil, hasImportances: Bool = false) {
    self.rows = rows
    self.columns = columns
    self.shape = shape ?? [rows, columns]
    self.hasImportances = hasImportances
  }
}

extension Scheme {
  /// Something that a scheme needs of a weight.
  public enum Need: Sendable, Hashable {
    /// Rows, or columns, that divide into runs of a size; `what` names the run: "the group of 32".
    case columns(multipleOf: Int, what: String)
    case rows(multipleOf: Int, what: String)
    case axis(Int)
    /// At least so many weights under one scale.
    case weightsPerScale(least: Int)
    /// How much each input matters, from an importance file.
    case importances
    /// Something that no weight has: the reason.
    case impossible(String)

    /// Why a weight does not have it, in a few words; `nil` where it does.
    public func obstacle(in form: WeightForm, granularity: Granularity? = nil) -> String? {
      switch self {
      case .columns(let size, let what):
        form.columns % size == 0 ? nil : "\(form.columns) columns are no multiple of \(what)"
      case .rows(let size, let what):
        form.rows % size == 0 ? nil : "\(form.rows) rows are no multiple of \(what)"
      case .axis(let axis):
        form.shape.indices.contains(axis) ? nil : "it has \(form.shape.count) axes, and no axis \(axis)"
      case .weightsPerScale(let least):
        Self.weightsPerScale(granularity, in: form) >= least
          ? nil : "its scales govern \(Self.weightsPerScale(granularity, in: form)) weights: entropy needs \(least)"
      case .importances:
        form.hasImportances ? nil : "it needs the inputs' importances: open an imatrix or npz file with :importance"
      case .impossible(let reason): reason
      }
    }

    private static func weightsPerScale(_ granularity: Granularity?, in form: WeightForm) -> Int {
      guard let granularity else { return form.rows * form.columns }
      let scales = granularity.scaleCount(rows: form.rows, columns: form.columns, shape: form.shape)
      return form.rows * form.columns / max(1, scales)
    }
  }

  /// All that the scheme needs of a weight.
  public var needs: [Need] {
    var needs = format.value.needs(self) + choiceNeeds
    switch sparsity {
    case .none, .ratio, .threshold, .model: break
    case .pattern(_, let of): needs.append(.columns(multipleOf: of, what: "\(of)"))
    case .weighted: needs.append(.importances)
    case .weightedPattern(_, let of): needs += [.columns(multipleOf: of, what: "\(of)"), .importances]
    case .structured(let structure):
      switch structure.unit {
      case .channel: break
      case .input: needs.append(.axis(1))
      case .head(let size): needs.append(.rows(multipleOf: size, what: "the head of \(size)"))
      case .block(let rows, let columns):
        needs.append(.rows(multipleOf: rows, what: "the block of \(rows)"))
        needs.append(.columns(multipleOf: columns, what: "the block of \(columns)"))
      }
    }
    return needs
  }

  /// Why a weight cannot take the scheme, in a few words for its row; `nil` where it can.
  public func obstacle(to form: WeightForm) -> String? {
    guard form.rows > 0, form.columns > 0 else { return "it is empty" }
    let granularity = format.granularity
    return needs.lazy.compactMap { $0.obstacle(in: form, granularity: granularity) }.first
  }

  /// The same of a matrix.
  public func obstacle(rows: Int, columns: Int) -> String? { obstacle(to: WeightForm(rows: rows, columns: columns)) }

  /// Whether there is a quantiser of it: of ggml's types for activations there is none.
  public var isComputed: Bool {
    if case .block(let type) = format { BlockQuantizer(type) != nil } else { true }
  }
}
