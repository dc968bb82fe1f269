internal import Numerics

/// What many tensors of a file have in common: the type and shape of their numbers, and how these lie.
final class TensorForm: Sendable, Hashable {
  let type: ElementType
  let shape: [Int]
  let count: Int
  let byteCount: Int
  let layout: Tensor.Layout

  init(type: ElementType, shape: [Int], count: Int, byteCount: Int, layout: Tensor.Layout = .plain) {
    self.type = type
    self.shape = shape
    self.count = count
    self.byteCount = byteCount
    self.layout = layout
  }

  static func == (a: TensorForm, b: TensorForm) -> Bool {
    a === b
      || a.type == b.type && a.shape == b.shape && a.count == b.count && a.byteCount == b.byteCount
        && a.layout == b.layout
  }

  func hash(into hasher: inout Hasher) {
    hasher.combine(type)
    hasher.combine(shape)
    hasher.combine(layout)
  }
}

/// The forms of one file's tensors, each kept once.
struct SharedForms {
  private var known: Set<TensorForm> = []
  /// The latest few: a block's matrices have two or three forms, in turn.
  private var latest: [TensorForm] = []
  private var next = 0
  private static let mostLatest = 4
  /// A file may have any number of unlike forms.
  private static let most = 4096

  /// A form that one of the last tensors had; `nil` where none did.
  func recent(_ type: ElementType, _ shape: [Int], _ layout: Tensor.Layout = .plain) -> TensorForm? {
    for form in latest where form.shape == shape && form.type == type && form.layout == layout { return form }
    return nil
  }

  /// The form that is kept for one of these.
  mutating func shared(_ form: TensorForm) -> TensorForm {
    let kept =
      known.count < Self.most
      ? known.insert(form).memberAfterInsert : known.firstIndex(of: form).map { known[$0] } ?? form
    if latest.count < Self.mostLatest {
      latest.append(kept)
    } else {
      latest[next] = kept
      next = (next + 1) % Self.mostLatest
    }
    return kept
  }

  /// A tensor of the form that is kept for its own.
  mutating func shared(_ tensor: Tensor) -> Tensor {
    let form = tensor.form
    return Tensor(tensor.storedName, recent(form.type, form.shape, form.layout) ?? shared(form), at: tensor.location)
  }
}
