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
  private let check: ContentCheck
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
    check = ContentCheck(checkpoint)
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

  /// What is kept under a key of something that is about the model as a whole.
  func content(_ key: Digest) -> [UInt8]? {
    kept(key) ?? earlier(key, about: ContentCheck.wholeKey) { check.whole() }
  }

  /// All contents of a kind that is about the model as a whole, in no order.
  func contents(_ kind: Segment.Kind) -> [(key: Digest, content: [UInt8])] {
    let own = withStore { store, _ in store?.listed(kind) } ?? []
    let earlier = withStore { store, _ in store?.listedEarlier(kind) } ?? []
    let found = own.union(earlier).compactMap { key in content(key).map { (key, $0) } }
    for (key, content) in found where !own.contains(key) { keep(content, under: key, as: kind) }
    return found
  }

  /// What is kept under a key since the files have the times that they have.
  private func kept(_ key: Digest) -> [UInt8]? {
    // The disk is read without the lock.
    withStore { store, _ in store?.content(key) }.flatMap(read)
  }

  private func read(_ content: AnswerStore.Content) -> [UInt8]? {
    try? content.file.copy(offset: content.offset, count: content.length)
  }

  /// What was kept under a key when the files had other times, where the bytes that it is about are the same now.
  ///
  /// - Parameters:
  ///   - bytes: what the digest of the bytes is kept under.
  ///   - now: their digest; asked for only where something was kept.
  private func earlier(_ key: Digest, about bytes: Digest, now: () -> Digest?) -> [UInt8]? {
    let candidates = withStore { store, _ in store?.earlier(key, about: bytes) } ?? []
    guard !candidates.isEmpty, let now = now()?.content else { return nil }
    return candidates.lazy.filter { self.read($0.bytes) == now }.compactMap { self.read($0.content) }.first
  }

  /// Keeps something, and the digest of the bytes that it is about.
  func keep(_ content: [UInt8], under key: Digest, as kind: Segment.Kind, about item: Item? = nil) {
    let bytes = item?.bytesKey ?? ContentCheck.wholeKey
    guard withStore({ store, isWritable in isWritable ? store?.has(bytes) : nil }) == false,
      let digest = item.map(check.bytes) ?? check.whole()
    else { return put(content, under: key, as: kind) }
    put(digest.content, under: bytes, as: .bytes)
    put(content, under: key, as: kind)
  }

  private func put(_ content: [UInt8], under key: Digest, as kind: Segment.Kind) {
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
    guard let (key, kind) = question.key(of: item) else { return nil }
    var content = kept(key)
    if content == nil {
      content = earlier(key, about: item.bytesKey) { check.bytes(of: item) }
      if let content { keep(content, under: key, as: kind, about: item) }
    }
    guard let content else { return nil }
    var reader = KeptReader(content)
    do {
      switch kind {
      case .survey: return .survey(try reader.survey(of: item.count))
      case .assessment: return .assessment(try reader.assessment(of: item.count))
      case .table:
        let table = try reader.table()
        try reader.finish()
        return .table(table)
      case .measurement, .sensitivities, .bytes: return nil
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
    case .tiles, .corner, .closeUp, .ridge, .failure: return
    }
    keep(writer.bytes, under: key, as: kind, about: item)
  }
}
