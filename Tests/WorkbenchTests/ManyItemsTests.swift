import Checkpoints
import Compression
import Support
import Testing

@testable import Workbench

/// Sessions of hundreds of thousands of items hold what totals need, and the rest of what somebody looks at.
@Suite(.serialized) struct ManyItemsTests {
  @Test func itemsQuestionsAndPartsAreSmall() {
    #expect(MemoryLayout<Item>.stride <= 40)
    #expect(MemoryLayout<Question>.stride <= 16)
    #expect(MemoryLayout<EstimatePart>.stride <= 32)
  }

  private func session(_ count: Int, in folder: ScratchFolder) throws -> Session {
    Session(try Checkpoint.open(try folder.write(manyTensors(count), to: "many.safetensors")))
  }

  @Test func itemsSayWhatTheirTensorsDo() throws {
    let session = try Models.llama()
    for item in session.items {
      let (layer, tensor) = (session.checkpoint.layers[item.layerIndex], session.checkpoint.tensors[item.id])
      #expect(item.layer == layer && item.tensorName == tensor.name && item.type == tensor.type)
      #expect(item.shape == tensor.shape && item.count == tensor.count && item.bytes == tensor.byteCount)
      #expect(item.name == (item.id == layer.weight ? layer.name : tensor.name))
      #expect(session.item(id: item.id)?.id == item.id && session.item(named: item.name)?.id == item.id)
    }
    #expect(session.item(id: -1) == nil && session.item(id: .max) == nil)
  }

  /// The whole surveys of all would take 17 KiB each; totals are as exact without them.
  @Test func surveysKeepTheirFiguresWhereThereIsNoRoomForMore() throws {
    let folder = try ScratchFolder()
    var whole = try session(50, in: folder)
    var bare = whole
    whole.settle(whole.opening)
    #expect(bare.survey(room: 0).isEmpty)
    #expect(bare.isSurveyed && bare.answers.surveys.count == 50)
    for item in whole.items {
      let (a, b) = (try #require(whole.survey(of: item)), try #require(bare.survey(of: item)))
      #expect(a.isWhole && a.histogram.total == 16)
      #expect(!b.isWhole && b.summary == nil && b.channelMinima.isEmpty)
      #expect(a.statistics == b.statistics && a.errors == b.errors)
    }
    #expect(whole.uniformPoints == bare.uniformPoints)
    #expect(whole.estimate == bare.estimate)
  }

  @Test func theLatestLargeValuesStay() {
    var recent = Recent<Int, String>(most: 100)
    for key in 0..<10 { recent.keep("\(key)", for: key, bytes: 30) }
    #expect(recent.values == [7: "7", 8: "8", 9: "9"])
    // One that comes again is the latest; the newest stays whatever it takes.
    recent.keep("seven", for: 7, bytes: 30)
    recent.keep("ten", for: 10, bytes: 30)
    #expect(recent.values == [7: "seven", 9: "9", 10: "ten"])
    recent.keep("eleven", for: 11, bytes: 1000)
    #expect(recent.values == [11: "eleven"])
    recent.remove(11)
    for key in 0..<5000 { recent.keep("", for: key, bytes: 1) }
    #expect(recent.values.count == 100 && recent[4999] != nil && recent[4899] == nil)
  }

  @Test func assessmentsKeepTheirFiguresWhereThereIsNoRoomForMore() throws {
    let folder = try ScratchFolder()
    let session = try session(3, in: folder)
    let schemes = try ["int4,channel", "int8,channel,sparsity=0.5"].map { try Scheme(spec: $0) }
    var (wide, narrow) = (Assessments(tensors: 3, room: 1 << 20), Assessments(tensors: 3, room: 1))
    for item in session.items {
      for scheme in schemes {
        let weights = CheckpointWeights(checkpoint: session.checkpoint, item: item)
        let found = try Assessment.of(weights, scheme: scheme)
        wide.keep(found, for: item.id, in: scheme)
        narrow.keep(found, for: item.id, in: scheme)
        #expect(wide[item.id, scheme] == found)
      }
    }
    for item in session.items {
      for scheme in schemes {
        let (a, b) = (try #require(wide[item.id, scheme]), try #require(narrow[item.id, scheme]))
        #expect(a.relativeError == b.relativeError && a.sparsity == b.sparsity && a.nonFinite == b.nonFinite)
        #expect(a.size.bytes == b.size.bytes && a.size.form == b.size.form && a.size.dense == b.size.dense)
        #expect(wide.relativeError(item.id, scheme) == a.relativeError)
      }
    }
    #expect(narrow[0, schemes[0]]?.levels == nil && narrow.count == 3)
    narrow.remove(0)
    #expect(narrow[0, schemes[0]] == nil && narrow.count == 2 && narrow[5, schemes[0]] == nil)
  }

  @Test func rowsOfATableOfErrorsAreThoseThatItHas() throws {
    let folder = try ScratchFolder()
    var session = try Models.matrices(columns: [32, 6], in: folder)
    session.settle(session.opening)
    for item in session.items {
      let errors = try #require(session.survey(of: item)?.errors)
      #expect(errors.rows.map { $0 != nil } == ErrorTable.granularities.map { $0.fits(columns: item.matrix.columns) })
      for (granularity, row) in zip(ErrorTable.granularities, errors.rows) {
        #expect(errors[4, .symmetric, granularity] == row?[2] && errors[8, .affine, granularity] == row?[13])
      }
    }
  }
}
