/// Runs a program without a terminal: a script for the keyboard, a canvas for the screen. Tests and
/// `--script` use it; the program cannot tell the difference.
enum Headless {
  /// Replays `script` and returns what the screen shows at the end, after a last implied wait.
  ///
  /// Messages are taken only at waits, but for the answers that a key waits for, so that a script has one outcome however
  /// fast the jobs are.
  /// A program that ends itself ends the script; its last screen is returned.
  ///
  /// - Parameters:
  ///   - mailbox: where the program's jobs post.
  ///   - limit: the longest that any one wait may take; nil waits for as long as it takes.
  ///   - requests: is given what the program asked of the terminal.
  /// - Throws: `HeadlessError` when a wait takes longer than `limit`.
  static func run<P: Program>(
    _ program: inout P, script: KeyScript, size: Size, mailbox: Mailbox<P.Message>,
    limit: Duration? = nil, requests: (TerminalRequest) -> Void = { _ in }
  ) throws(HeadlessError) -> Canvas {
    var size = size
    var kept: [P.Message] = []
    program.handle(.resize(size))
    for (index, step) in script.steps.enumerated() where !program.isDone {
      switch step {
      case .key(let key):
        if case .resize(let new) = key { size = new }
        program.handle(key)
        try waitForAnswers(&program, mailbox, &kept, limit: limit, step: index + 1)
      case .wait:
        program.receive(kept)
        kept = []
        try settle(&program, mailbox, limit: limit, step: index + 1)
      }
      program.takeRequests().forEach(requests)
    }
    if !program.isDone {
      program.receive(kept)
      try settle(&program, mailbox, limit: limit, step: script.steps.count)
    }
    program.takeRequests().forEach(requests)
    return program.view(size)
  }

  /// Gives the program the answers that the next key waits for; what else comes is kept for the next wait.
  private static func waitForAnswers<P: Program>(
    _ program: inout P, _ mailbox: Mailbox<P.Message>, _ kept: inout [P.Message], limit: Duration?, step: Int
  ) throws(HeadlessError) {
    let deadline = limit.map { ContinuousClock.now + $0 }
    while program.isAnswering, !program.isDone {
      let messages = mailbox.wait(upTo: deadline.map { ContinuousClock.now.duration(to: $0) })
      guard !messages.isEmpty else { throw HeadlessError(step: step, limit: limit ?? .zero) }
      program.receive(messages.filter(P.isAnswer))
      kept += messages.filter { !P.isAnswer($0) }
    }
  }

  /// Gives the program its messages until it is idle; blocks on the mailbox in between.
  private static func settle<P: Program>(
    _ program: inout P, _ mailbox: Mailbox<P.Message>, limit: Duration?, step: Int
  ) throws(HeadlessError) {
    let deadline = limit.map { ContinuousClock.now + $0 }
    while !program.isDone {
      // Asked before the messages are taken: jobs post first and then end, so that what an idle program has not yet been
      // given is in the mailbox by now.
      let wasIdle = program.isIdle
      let waiting = mailbox.take()
      if !waiting.isEmpty {
        program.receive(waiting)
        continue
      }
      if wasIdle { return }
      let messages = mailbox.wait(upTo: deadline.map { ContinuousClock.now.duration(to: $0) })
      guard !messages.isEmpty else { throw HeadlessError(step: step, limit: limit ?? .zero) }
      program.receive(messages)
    }
  }
}

/// A script waited for jobs that did not end in time.
struct HeadlessError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The step of the script, from 1.
  var step: Int
  var limit: Duration

  var description: String { "keys, step \(step): the jobs had not ended after \(limit)" }
}
