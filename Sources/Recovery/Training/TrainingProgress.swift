import Inference

/// All that a training is at a time, beside what it is given.
struct TrainingProgress: Sendable {
  var weights: [Int: any TrainedWeight]
  /// The best on the samples that are held out.
  var best: [Int: any TrainedWeight]
  var bestLoss = Double.infinity
  /// Steps that were made.
  var step = 0
  /// How often the rate was halved.
  var halvings = 0
  /// Losses that were no numbers, one after another.
  var failures = 0
  var losses: [Double] = []
  var heldOut: [(step: Int, loss: Double)] = []
  /// What activations are coded in since the last of these.
  var ranges: ActivationRanges?

  init(_ weights: [Int: any TrainedWeight]) { (self.weights, best) = (weights, weights) }

  var result: TrainingResult {
    TrainingResult(
      chosen: best.mapValues { $0.finished() }, losses: losses, heldOut: heldOut, best: bestLoss)
  }

  // MARK: - As bytes

  /// `latheT02`, what training it is of, then the numbers.
  func bytes(of name: String) -> [UInt8] {
    var bytes = StateWriter()
    bytes.put(Self.mark)
    bytes.put(Array(name.utf8))
    for number in [step, halvings, failures, losses.count, heldOut.count] { bytes.put(UInt64(number)) }
    for loss in losses { bytes.put(loss) }
    for (step, loss) in heldOut {
      bytes.put(UInt64(step))
      bytes.put(loss)
    }
    bytes.put(bestLoss)
    bytes.put(UInt64(ranges?.bits ?? 0))
    let own = (ranges?.ranges ?? [:]).sorted { $0.key < $1.key }
    bytes.put(own.flatMap { [Float(bitPattern: UInt32($0.key)), $0.value.lowerBound, $0.value.upperBound] })
    for (_, weight) in weights.sorted(by: { $0.key < $1.key }) { bytes.put(weight.state) }
    for (_, weight) in best.sorted(by: { $0.key < $1.key }) { bytes.put(weight.state) }
    return bytes.bytes
  }

  /// Triples of a step's number, as bits, and its range; whatever is none is left out.
  private static func ranges(bits: Int, _ numbers: [Float]) -> ActivationRanges? {
    guard (1...32).contains(bits) else { return nil }
    var ranges: [Int: ClosedRange<Float>] = [:]
    for place in stride(from: 0, to: numbers.count - 2, by: 3) where numbers[place + 1] <= numbers[place + 2] {
      ranges[Int(numbers[place].bitPattern)] = numbers[place + 1]...numbers[place + 2]
    }
    return ActivationRanges(bits: bits, ranges: ranges)
  }

  private static let mark = UInt64(littleEndian: 0x3230_5465_6874_616c)

  /// Takes what was written.
  ///
  /// - Throws: where it is no training's state, or of another training.
  mutating func restore(_ all: [UInt8], of name: String) throws(RecoveryError) {
    var bytes = StateReader(all)
    guard all.count >= 8, try bytes.number() == Self.mark else { throw RecoveryError("is no training's state") }
    let found = String(decoding: try bytes.list(), as: UTF8.self)
    guard found == name else {
      throw RecoveryError(
        "is of another training, \(found), where this one is \(name): give another file, or remove it")
    }
    func count(_ bytes: inout StateReader) throws(RecoveryError) -> Int {
      let number = try bytes.number()
      guard number < 1 << 40 else { throw RecoveryError("counts \(number), more than any training has") }
      return Int(number)
    }
    (step, halvings, failures) = (try count(&bytes), try count(&bytes), try count(&bytes))
    let (steps, checks) = (try count(&bytes), try count(&bytes))
    (losses, heldOut) = ([], [])
    for _ in 0..<steps { losses.append(try bytes.double()) }
    for _ in 0..<checks { heldOut.append((try count(&bytes), try bytes.double())) }
    bestLoss = try bytes.double()
    ranges = Self.ranges(bits: try count(&bytes), try bytes.floats())
    for key in weights.keys.sorted() { try weights[key]?.restore(try bytes.list()) }
    for key in best.keys.sorted() { try best[key]?.restore(try bytes.list()) }
    guard bytes.isAtEnd else { throw RecoveryError("is longer than the training's state") }
  }
}
