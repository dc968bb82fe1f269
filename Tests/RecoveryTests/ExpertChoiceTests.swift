import Checkpoints
import Compression
import Foundation
import Support
import Testing

@testable import Inference
@testable import Recovery

/// Error feedback on experts, each by what goes to it.
@Suite struct ExpertChoiceTests {
  private let folder = TemporaryFolder()

  /// Random tokens; of one window always the same, so that few experts are asked.
  private func data(_ model: Transformer, windows: Int) throws -> (ScoredText, MeasurementRequest) {
    var random = SeededGenerator(3)
    var bytes: [UInt8] = []
    let header = "{'descr': '<i4', 'fortran_order': False, 'shape': (\(windows * 32),), }"
    bytes += [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(header.utf8.count + 1), 0] + Array(header.utf8) + [10]
    for _ in 0..<windows * 32 {
      let token = windows == 1 ? 5 : Int32.random(in: 0..<Int32(model.vocabularySize), using: &random)
      withUnsafeBytes(of: token.littleEndian) { bytes += $0 }
    }
    let request = MeasurementRequest(data: folder.write("tokens.npy", bytes), context: 32)
    return (try model.data(request), request)
  }

  private final class Seen {
    var inputs: [Int: [Int: [Float]]] = [:]
  }

  /// Each expert's own outputs' error on its own tokens, summed here from what goes to it, is less than nearest levels';
  /// those to which nothing comes get codes of their grid all the same.
  @Test(arguments: ["mixtral", "qwen3moe-stacked", "olmoe"]) func feedbackHelpsEachExpert(_ name: String) throws {
    let model = try Transformer(try Checkpoint.open(fixture("transformers/\(name)")))
    let weights = try model.loadWeights()
    let (text, request) = try data(model, windows: name == "olmoe" ? 1 : 20)
    let mixtures = model.blocks.compactMap(\.mixture)
    let layers = Set(mixtures.flatMap { $0.experts.flatMap(\.linears) }.map(\.layer))
    // What goes to whom.
    let seen = Seen()
    let texts = try model.calibrationTexts(text, nil, weights, request, { false })
    _ = try model.run(try model.embed(texts, weights: weights), weights: weights) { inputs in
      if layers.contains(inputs.layer) {
        seen.inputs[inputs.layer, default: [:]][inputs.part, default: []] += inputs.values
      }
    }
    let scheme = try Scheme(spec: "int3,channel,by=gptq")
    var (better, worse, empty) = (0, 0, 0)
    var notes: Set<String> = []
    // None is put in place: all are chosen for what the original makes.
    _ = try model.chooseWeights(
      text, samples: nil, original: weights, changed: weights, layers: layers, comparesWithOriginal: false, request,
      progress: { _, _ in }, isCancelled: { false },
      choose: { products in
        let matrix = try model.checkpoint.matrix(layer: products.layer)
        let columns = products.columns
        let source = ArrayWeights(rows: matrix.count / columns, columns: columns, values: matrix)
        let result = try LayerChoice(scheme, of: source).result(products)
        notes.formUnion(result.notes)
        #expect(result.weight.fits(rows: source.rows, columns: columns))
        let nearest = try ChosenWeight(nearestOf: scheme, source).values
        let height = source.rows / products.parts.count
        for part in products.parts.indices {
          let x = seen.inputs[products.layer]?[part] ?? []
          if x.isEmpty { empty += 1 }
          let own = part * height..<(part + 1) * height
          func error(_ values: [Float]) -> Double {
            var sum = 0.0
            for start in stride(from: 0, to: x.count, by: columns) {
              for row in own {
                var output = 0.0
                for column in 0..<columns {
                  output +=
                    Double(values[row * columns + column] - matrix[row * columns + column])
                    * Double(x[start + column])
                }
                sum += output * output
              }
            }
            return sum
          }
          // Enough tokens that the choice is for them, and not for what was borrowed.
          guard x.count / columns >= 2 * columns else { continue }
          if error(result.values) < error(nearest) { better += 1 } else { worse += 1 }
        }
        return nil
      })
    if name == "olmoe" {
      #expect(empty > 0 && notes.contains { $0.contains("fewer tokens came to it") })
    } else {
      #expect(better > 20 || name == "qwen3moe-stacked" && better > 10)
      #expect(worse == 0, "\(better) better, \(worse) worse")
    }
  }
}
