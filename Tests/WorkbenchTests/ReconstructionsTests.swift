import Checkpoints
import Compression
import Support
import Testing

@testable import Workbench

/// Forms of weights that several recipes share.
@Suite struct ReconstructionsTests {
  @Test func whatALaterRecipeAsksForIsMadeOnceAndThenForgotten() throws {
    let session = try Models.digits()
    let items = session.items.filter { $0.kind == .weight }
    let (one, two) = (try Scheme(spec: "int4,channel"), try Scheme(spec: "int8,channel"))
    let asked: [(item: Item, scheme: Scheme)] = [
      (items[0], one), (items[1], one), (items[0], two), (items[0], one), (items[1], one), (items[0], one),
    ]
    var made: [String] = []
    func run(most: Int) throws -> Int {
      made = []
      var forms = Reconstructions(asked)
      var largest = 0
      for (item, scheme) in asked {
        let values = try forms.values(of: item, in: scheme, hasRoom: { $0 <= most }) {
          made.append("\(item.name) \(scheme)")
          return try session.reconstruction(of: item, in: scheme)
        }
        #expect(try values == session.reconstruction(of: item, in: scheme))
        largest = max(largest, forms.count)
      }
      #expect(forms.count == 0)
      return largest
    }
    #expect(try run(most: .max) == items[0].count + items[1].count)
    #expect(made.count == 3 && Set(made).count == 3)
    // Without room every form is made when it is asked for.
    #expect(try run(most: 0) == 0)
    #expect(made.count == asked.count)
    #expect(try run(most: items[0].count) == items[0].count)
    #expect(made.count == 4)
  }
}
