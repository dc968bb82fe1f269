import Compression
import Support
import Testing
import Workbench

@Suite struct SessionTests {
  @Test func undoAndRedoWalkTheChoices() throws {
    var session = try Models.digits()
    let fc1 = try session.item("/fc1/Gemm")
    #expect(!session.history.canUndo && !session.history.canRedo)
    try session.set("*=int8,channel")
    try session.set("/fc1*=int4")
    #expect(session.scheme(of: fc1).description == "int4,group=32")
    session.undo()
    #expect(session.scheme(of: fc1).description == "int8,channel")
    session.undo()
    #expect(session.scheme(of: fc1) == .keep)
    #expect(!session.history.canUndo && session.history.canRedo)
    session.undo()
    session.redo()
    session.redo()
    session.redo()
    #expect(session.scheme(of: fc1).description == "int4,group=32")
    #expect(!session.history.canRedo)
  }

  @Test func aChangeAfterUndoForgetsWhatWasUndone() throws {
    var session = try Models.digits()
    try session.set("*=int8,channel")
    try session.set("*=int4,channel")
    session.undo()
    try session.set("*=int2,channel")
    #expect(!session.history.canRedo)
    session.undo()
    #expect(session.scheme(of: try session.item("/fc1/Gemm")).description == "int8,channel")
  }

  @Test func theSameChoiceAgainIsNoStep() throws {
    var session = try Models.digits()
    try session.set("*=int8,channel")
    try session.set("*=int8,channel")
    session.undo()
    #expect(!session.history.canUndo)
  }

  @Test func aSessionIsSavedUntilItsRecipeDiffersFromWhatWasWritten() throws {
    var session = try Models.digits()
    #expect(session.history.isSaved)
    try session.set("*=int8,channel")
    #expect(!session.history.isSaved)
    session.undo()
    #expect(session.history.isSaved)
    session.redo()
    session.markSaved()
    #expect(session.history.isSaved)
    session.undo()
    #expect(!session.history.isSaved)
    session.redo()
    #expect(session.history.isSaved)
  }

  @Test func aRecipeThatWasOpenedIsSavedAndTheFirstOfTheHistory() throws {
    var session = try Models.digits()
    session.start(from: try session.outcome("*=int8,channel"))
    #expect(session.history.isSaved && !session.history.canUndo)
    try session.set("/fc1*=int4")
    #expect(!session.history.isSaved)
    session.undo()
    #expect(session.history.isSaved && !session.history.canUndo)
    #expect(session.recipe.choices.count == 5)
  }

  @Test func anEditThatDoesNotFitLeavesTheLayerAndSaysWhy() throws {
    var session = try Models.digits()
    let conv1 = try session.item("/conv1/Conv")
    let change = session.change([conv1.id]) { _, _ in Scheme(.uniform(UniformScheme(bits: 4))) }
    #expect(change.changed == 0)
    #expect(change.refused.map(\.name) == ["/conv1/Conv"])
    #expect(session.scheme(of: conv1) == .keep)
    #expect(session.note(on: conv1)?.contains("9 columns") == true)
    #expect(!session.history.canUndo)
  }

  @Test func aNoteGoesWithTheChoiceThatItWasMadeFor() throws {
    var session = try Models.digits()
    let conv1 = try session.item("/conv1/Conv")
    try session.set("*=int4,group=32")
    #expect(session.note(on: conv1) != nil)
    try session.set("/conv1/Conv=int8,channel")
    #expect(session.note(on: conv1) == nil)
    session.undo()
    #expect(session.note(on: conv1) != nil)
    session.undo()
    #expect(session.note(on: conv1) == nil)
    session.redo()
    #expect(session.note(on: conv1) != nil)
  }

  @Test func aChoiceByHandIsTheUsersAndARulesIsARules() throws {
    var session = try Models.digits()
    try session.set("*=int8,channel")
    let fc1 = try session.item("/fc1/Gemm")
    #expect(session.recipe.choices["/fc1/Gemm"]?.by == .rule)
    let change = session.change([fc1.id]) { _, scheme in scheme }
    #expect(change.changed == 0)
    #expect(session.recipe.choices["/fc1/Gemm"]?.by == .user)
    #expect(session.recipe.choices["/fc2/Gemm"]?.by == .rule)
  }

  @Test func aRuleThatFailsChangesNothing() throws {
    var session = try Models.digits()
    try session.set("*=int8,channel")
    let before = session.recipe
    #expect(throws: WorkbenchError.self) { try session.set("*=int2,channel", "nothing=int4") }
    #expect(session.recipe == before)
    session.undo()
    #expect(!session.history.canUndo)
  }
}
