import Dispatch
import Testing

@testable import TerminalUI

/// Counts keys, and runs jobs that answer later from another thread.
private struct Counter: Program {
  enum Message: Sendable { case finished(Int) }
  let mailbox: Mailbox<Message>
  var size = Size(width: 0, height: 0)
  var keys: [Key] = []
  var running = 0
  var sum = 0
  var isDone = false
  var requests: [TerminalRequest] = []
  var isIdle: Bool { running == 0 }

  mutating func handle(_ key: Key) {
    keys.append(key)
    switch key {
    case .resize(let size): self.size = size
    case .character("q"): isDone = true
    case .character("m"): requests.append(.mouse(false))
    case .character(let digit):
      guard let value = digit.wholeNumberValue else { return }
      running += 1
      let mailbox = mailbox
      // Not a task: the tests block the threads that tasks run on.
      DispatchQueue.global().async { mailbox.post(.finished(value)) }
    default: break
    }
  }

  mutating func receive(_ messages: [Message]) {
    for case .finished(let value) in messages {
      running -= 1
      sum += value
      // One job may lead to the next.
      if value == 5 { handle(.character("4")) }
    }
  }

  mutating func takeRequests() -> [TerminalRequest] {
    defer { requests = [] }
    return requests
  }

  func view(_ size: Size) -> Canvas {
    var canvas = Canvas(size)
    canvas.put("sum \(sum) keys \(keys.count) size \(self.size)", x: 0, y: 0)
    return canvas
  }
}

@Suite struct LoopTests {
  private func run(_ keys: String, requests: (TerminalRequest) -> Void = { _ in }) throws -> String {
    let mailbox = Mailbox<Counter.Message>()
    var program = Counter(mailbox: mailbox)
    return try Headless.run(
      &program, script: KeyScript(keys), size: Size(width: 40, height: 1), mailbox: mailbox,
      limit: .seconds(60),
      requests: requests
    ).text()
  }

  @Test func aScriptIsReplayedAndItsJobsAreWaitedForAtTheEnd() throws {
    #expect(try run("123") == "sum 6 keys 4 size 40x1\n")
  }

  @Test func jobsThatLeadToJobsAreWaitedFor() throws {
    #expect(try run("5<Wait>x") == "sum 9 keys 4 size 40x1\n")
  }

  @Test func aScriptEndsWithItsProgram() throws { #expect(try run("xqxxx") == "sum 0 keys 3 size 40x1\n") }

  @Test func aScriptCanResize() throws { #expect(try run("<Resize 30x2>") == "sum 0 keys 2 size 30x2\n\n") }

  @Test func requestsReachTheTerminalOnce() throws {
    var seen: [TerminalRequest] = []
    _ = try run("mx") { seen.append($0) }
    #expect(seen == [.mouse(false)])
  }

  @Test func aJobThatNeverEndsIsAnErrorNotAHang() throws {
    let mailbox = Mailbox<Counter.Message>()
    var program = Counter(mailbox: mailbox)
    program.running = 1
    let script = try KeyScript("x<Wait>y")
    let error = #expect(throws: HeadlessError.self) {
      try Headless.run(
        &program, script: script, size: Size(width: 9, height: 1), mailbox: mailbox, limit: .milliseconds(20))
    }
    #expect(error?.step == 2)
  }

  @Test func nothingPostedFromManyThreadsIsLost() {
    let mailbox = Mailbox<Int>()
    let (threads, each) = (8, 500)
    for thread in 0..<threads {
      DispatchQueue(label: "poster").async {
        for item in 0..<each { mailbox.post(thread * each + item) }
      }
    }
    var all: [Int] = []
    while all.count < threads * each {
      let batch = mailbox.wait(upTo: .seconds(60))
      if batch.isEmpty { break }
      all += batch
    }
    #expect(all.sorted() == Array(0..<threads * each))
    for thread in 0..<threads {
      let own = all.filter { $0 / each == thread }
      #expect(own == own.sorted(), "messages of one thread keep their order")
    }
  }

  @Test func keysAreDrawnAtOnceAndMessagesAtMostOnceAFrame() {
    var pace = Pace()
    let start = ContinuousClock.now
    #expect(pace.isFrameDue(at: start))
    pace.drew(at: start)
    #expect(!pace.isFrameDue(at: start))
    pace.wantsFrame(urgent: false)
    #expect(!pace.isFrameDue(at: start + .milliseconds(5)))
    #expect(pace.nextWake(wantsTick: false, at: start) == start + Loop.frame)
    #expect(pace.isFrameDue(at: start + Loop.frame))
    pace.wantsFrame(urgent: true)
    #expect(pace.isFrameDue(at: start + .milliseconds(5)))
  }

  @Test func whileNothingMovesNothingWakes() {
    var pace = Pace()
    let start = ContinuousClock.now
    pace.drew(at: start)
    // Messages are taken again once a frame could show them; then nothing is due.
    #expect(!pace.isListening(at: start + .milliseconds(5)))
    #expect(pace.nextWake(wantsTick: false, at: start) == start + Loop.frame)
    let free = start + Loop.frame
    #expect(pace.isListening(at: free))
    #expect(pace.nextWake(wantsTick: false, at: free) == nil)
    #expect(pace.nextWake(wantsTick: true, at: free) == free + Loop.tick)
    #expect(pace.takeTick(at: start + .milliseconds(50)) == false)
    // Late by many: one tick, and the next a whole step later.
    let late = start + .seconds(3)
    #expect(pace.takeTick(at: late) == true)
    #expect(pace.nextWake(wantsTick: true, at: late) == late + Loop.tick)
    #expect(pace.nextWake(wantsTick: false, at: late) == nil)
  }

  @Test(arguments: [
    (Duration.zero, Int32(0)), (.microseconds(1), 1), (.milliseconds(16), 16), (.microseconds(16_667), 17),
    (.seconds(-1), 0),
  ])
  func deadlinesAreNotWokenBefore(duration: Duration, milliseconds: Int32) {
    #expect(duration.pollMilliseconds == milliseconds)
  }
}
