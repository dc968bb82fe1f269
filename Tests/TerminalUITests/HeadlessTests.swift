import Support
import Testing

@testable import TerminalUI

@Suite struct HeadlessTests {
  /// Posts a second message while it is given the first, and is idle from then on: as a job that ends just then.
  private struct Late: Program {
    let mailbox: Mailbox<Int>
    var received: [Int] = []
    var isIdle = true
    var isDone: Bool { false }

    mutating func handle(_ key: Key) {
      guard key == .character("x") else { return }
      isIdle = false
      mailbox.post(1)
    }

    mutating func receive(_ messages: [Int]) {
      received += messages
      if messages.contains(1) { mailbox.post(2) }
      isIdle = true
    }

    func view(_ size: Size) -> Canvas { Canvas(size) }
  }

  @Test func whatWasPostedBeforeTheLastJobEndedIsReceived() throws {
    var program = Late(mailbox: Mailbox())
    _ = try Headless.run(
      &program, script: try KeyScript("x"), size: Size(width: 4, height: 2), mailbox: program.mailbox,
      limit: .seconds(10))
    #expect(program.received == [1, 2])
  }

  /// The figures of all layers are on the screen that a script ends with, run after run.
  @Test func aScriptEndsWithAllFiguresInPlace() throws {
    for _ in 0..<10 {
      #expect(try Shot.digits("", Size(width: 80, height: 24)).status.contains("all 10 weights and biases"))
    }
  }
}
