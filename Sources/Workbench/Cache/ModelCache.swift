import Checkpoints
import Compression
import FileAccess
import Synchronization

/// What is known of one model from earlier runs, and what this one finds out for later ones.
///
/// Any thread may ask but the one that draws: the first question reads what is kept. No failure of the disk is an error
/// here: what cannot be read is found out anew, and what cannot be written is not kept.
public final class ModelCache: Sendable {
  public let folder: CacheFolder
  private let checkpoint: Checkpoint
  private let state = Mutex(State())
  private let isTidying = Atomic<Bool>(false)
  /// Whether something may wait to be written: a screen that ends at once need not wait for what is being read.
  private let hasNews = Atomic<Bool>(false)

  private struct State {
    var isOpen = false
    /// `nil` where the model's files cannot be read.
    var store: AnswerStore?
    /// Whether answers may be added.
    var isWritable = false
    var lastFlush = 0
    /// Nanoseconds between two writings: more of them the longer a run takes, so that segments stay few.
    var interval = 3_000_000_000
  }

  /// Costs nothing: the first question opens what is kept.
  public init(_ folder: CacheFolder, of checkpoint: Checkpoint) {
    (self.folder, self.checkpoint) = (folder, checkpoint)
  }

  /// Histograms are kept in models of so many tensors: of more they would take more than they are worth.
  static let mostBinned = 1 << 14
  /// Bytes that wait at most to be written.
  private static let mostWaiting = 4 << 20

  private func withStore<Result>(_ body: (inout AnswerStore?, _ isWritable: Bool) -> Result?) -> Result? {
    state.withLock { state in
      if !state.isOpen {
        state.isOpen = true
        state.lastFlush = nanosecondsNow()
        if let key = try? ModelKey(checkpoint) {
          state.store = AnswerStore(folder.model(key.content), stamp: key.stamp)
          state.isWritable = key.isSettled
        }
      }
      return body(&state.store, state.isWritable)
    }
  }

  /// The content that is kept under a key.
  func content(_ key: Digest) -> [UInt8]? {
    // The disk is read without the lock.
    guard let place = withStore({ store, _ in store?.content(key) }) else { return nil }
    return try? place.0.copy(offset: place.offset, count: place.length)
  }

  /// All contents of a kind, in no order.
  func contents(_ kind: Segment.Kind) -> [(key: Digest, content: [UInt8])] {
    let keys = withStore { store, _ in Set(store?.listed[kind] ?? []) } ?? []
    return keys.compactMap { key in content(key).map { (key, $0) } }
  }

  func keep(_ content: [UInt8], under key: Digest, as kind: Segment.Kind) {
    let isDue = withStore { store, isWritable -> Bool? in
      guard isWritable else { return nil }
      store?.add(key, kind, content)
      hasNews.store(true, ordering: .releasing)
      return store?.waitingBytes ?? 0 > Self.mostWaiting
    }
    guard let isDue else { return }
    let isTime = state.withLock { nanosecondsNow() - $0.lastFlush > $0.interval }
    if isDue || isTime { flush() }
  }

  /// Writes what was found out; called now and then by itself, and at the end by whoever owns it.
  public func flush() {
    // Until all is written, whoever ends the process waits here.
    guard hasNews.load(ordering: .acquiring) else { return }
    let written = state.withLock { state -> String? in
      defer { hasNews.store(false, ordering: .releasing) }
      guard state.store?.flush() == true else { return nil }
      state.lastFlush = nanosecondsNow()
      state.interval = min(60_000_000_000, state.interval * 3 / 2)
      return state.store?.path
    }
    guard let written, !isTidying.exchange(true, ordering: .acquiring) else { return }
    AnswerStore.merge(in: written)
    folder.evict(except: written)
    isTidying.store(false, ordering: .releasing)
  }
}

extension ModelCache {
  /// What is kept of a question's answer: of a survey the figures and, where it is there, the histogram; of an assessment
  /// no histograms.
  func answer(to question: Question, about item: Item) -> Answer? {
    guard let (key, kind) = question.key(of: item), let content = content(key) else { return nil }
    var reader = KeptReader(content)
    do {
      switch kind {
      case .survey: return .survey(try reader.survey(of: item.count))
      case .assessment: return .assessment(try reader.assessment(of: item.count))
      case .table:
        let table = try reader.table()
        try reader.finish()
        return .table(table)
      case .measurement, .sensitivities: return nil
      }
    } catch {
      return nil
    }
  }

  func keep(_ answer: Answer, to question: Question, about item: Item) {
    guard let (key, kind) = question.key(of: item), withStore({ store, _ in store?.has(key) }) == false else { return }
    var writer = KeptWriter()
    switch answer {
    case .survey(let survey): writer.put(survey, withBins: checkpoint.tensors.count <= Self.mostBinned)
    case .table(let table): writer.put(table)
    case .assessment(let assessment): writer.put(assessment)
    case .tiles, .corner, .failure: return
    }
    keep(writer.bytes, under: key, as: kind)
  }
}
