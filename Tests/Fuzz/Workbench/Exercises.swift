import Checkpoints
import FileAccess
import Foundation
import Inference
import Workbench

/// What a person may give beside a model, read as the commands read it: whatever the bytes are, an error in one line or a
/// result, no trap, no standstill, no memory by a number in them.

public typealias Bytes = UnsafePointer<UInt8>

private let samples = "Samples/"
private let llama: Session? = try? Session(Checkpoint.open(samples + "shakespeare-llama"))
private let digits: Network? = try? Network(Checkpoint.open(samples + "digits-cnn.onnx"))

private let digitsSession: Session? = try? Session(Checkpoint.open(samples + "digits-cnn.onnx"))

/// A folder of this process in memory; the file to be read lies in it under its kind's name.
private let scratch: String = {
  let path = "/dev/shm/lathe-fuzz-\(ProcessInfo.processInfo.processIdentifier)"
  try? FileManager.default.createDirectory(atPath: path + "/images/one", withIntermediateDirectories: true)
  try? FileManager.default.createDirectory(atPath: path + "/llama", withIntermediateDirectories: true)
  try? FileManager.default.copyItem(
    atPath: samples + "shakespeare-llama/model.safetensors", toPath: path + "/llama/model.safetensors")
  return path
}()

private func file(_ start: Bytes?, _ count: Int, _ name: String) -> String {
  let path = "\(scratch)/\(name)"
  let data = start.map { Data(bytes: $0, count: count) } ?? Data()
  // Names of one length, replaced in place: nothing else may be read.
  guard (try? data.write(to: URL(fileURLWithPath: path))) != nil else { fatalError("\(path) cannot be written") }
  return path
}

/// A message is safe on a screen.
private func check(_ body: () throws -> Void) {
  do { try body() } catch {
    let text = "\(error)"
    precondition(!text.isEmpty && !text.unicodeScalars.contains("\u{1b}"))
  }
}

package func exerciseRecipe(_ start: Bytes?, _ count: Int) {
  let path = file(start, count, "recipe")
  check {
    let choice = try llama?.choice(from: path)
    _ = choice?.mismatches.count
  }
}

package func exerciseSession(_ start: Bytes?, _ count: Int) {
  let path = file(start, count, "session")
  check {
    guard var session = digitsSession else { fatalError("no sample") }
    session.restore(try session.opened(path))
    _ = session.estimate.bytes
    while session.history.canUndo { session.undo() }
    while session.history.canRedo { session.redo() }
    // What was read is written and read again.
    let bytes = SessionWriter.bytes(of: session.draft())
    _ = bytes.withUnsafeBufferPointer { file($0.baseAddress, $0.count, "session") }
    var again = session
    again.restore(try again.opened(path))
    precondition(again.recipe == session.recipe)
  }
}

package func exerciseSheet(_ start: Bytes?, _ count: Int) {
  let text = String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
  check {
    let target = try ConfigTarget(sheet: text, path: "sheet")
    _ = try llama?.export(to: target, path: "out").files.count
  }
}

package func exerciseImportances(_ start: Bytes?, _ count: Int) {
  let path = file(start, count, "importances")
  check {
    var session = llama
    let file = try ImportanceFile(path: path)
    _ = try session?.weigh(by: file, path: path)
  }
}

package func exerciseDataset(_ start: Bytes?, _ count: Int) {
  guard let digits else { fatalError("no sample") }
  let path = file(start, count, "data.npz")
  check {
    let data = try Dataset(path, for: digits)
    _ = try data.batch(0..<min(data.count, 2))
    _ = try data.batch(data.count - 1..<data.count)
  }
}

package func exerciseTokenizer(_ start: Bytes?, _ count: Int) {
  _ = file(start, count, "tokenizer.json")
  check {
    let config = try JSONValue(text: "{}", path: "config.json")
    let isPieces = count % 3 == 0
    let vocabulary = try Vocabulary.huggingFace(
      folder: scratch, config: config, style: isPieces ? .wordPiece : count % 3 == 1 ? .llama : .bytePairs)
    let tokenizer = try Tokenizer(vocabulary)
    let text = "<s><|end|> It's  1234 e\u{301}te\u{301}\n\tcafé aaaaaaaaaaaaaaaa"
    let ids = tokenizer.encode(text)
    precondition(ids.allSatisfy { vocabulary.tokens.indices.contains($0) })
    _ = tokenizer.decode(ids)
  }
}

package func exerciseConfig(_ start: Bytes?, _ count: Int) {
  _ = file(start, count, "llama/config.json")
  check {
    let checkpoint = try Checkpoint.open(scratch + "/llama")
    let session = Session(checkpoint)
    _ = session.items.count
    _ = try Transformer(checkpoint)
  }
}

package func exerciseList(_ start: Bytes?, _ count: Int) {
  guard let digits else { fatalError("no sample") }
  let path = file(start, count, "list.csv")
  check { _ = try Dataset(path, for: digits).labels.count }
}

package func exerciseImage(_ start: Bytes?, _ count: Int) {
  guard let digits else { fatalError("no sample") }
  _ = file(start, count, "images/one/one.png")
  check { _ = try Dataset(scratch + "/images", for: digits).batch(0..<1) }
}
