internal import FileAccess

/// Protocol Buffers' wire format (protobuf.dev/programming-guides/encoding), walked in place: a message is a run
/// of fields, each a varint tag (number · 8 + wire type) and a value.
struct ProtobufField {
  let number: Int
  let wire: Wire

  enum Wire: Int { case varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 }
}

extension FileReader {
  /// The next field of the message that `end` bounds; its value comes next. `nil` at the message's end.
  func nextField() throws(CheckpointError) -> ProtobufField? {
    guard remaining > 0 else { return nil }
    let at = position
    let tag = try varint()
    guard tag >> 3 > 0, tag <= UInt64(UInt32.max), let wire = ProtobufField.Wire(rawValue: Int(tag & 7))
    else {
      throw fail("\(part) has an unknown protobuf tag \(tag) at byte \(at): damaged, or no ONNX")
    }
    return ProtobufField(number: Int(tag >> 3), wire: wire)
  }

  func skip(_ field: ProtobufField) throws(CheckpointError) {
    switch field.wire {
    case .varint: _ = try varint()
    case .fixed64: try skip(8)
    case .fixed32: try skip(4)
    case .bytes: try skip(try fieldLength(field))
    }
  }

  /// The length of a field of bytes, checked against what is left.
  func fieldLength(_ field: ProtobufField) throws(CheckpointError) -> Int {
    try expect(field, .bytes)
    return try length(try varint(), of: "field \(field.number)")
  }

  /// Enters the message that is the field's value; give what comes back to `leave`.
  func beginMessage(_ field: ProtobufField) throws(CheckpointError) -> Int {
    let length = try fieldLength(field)
    return try enter(limit: position + length)
  }

  func text(_ field: ProtobufField, limit: Int = 1 << 16) throws(CheckpointError) -> String {
    try string(try fieldLength(field), limit: limit, of: "field \(field.number)")
  }

  /// A text of which only the beginning matters.
  func shortText(_ field: ProtobufField, limit: Int = 2000) throws(CheckpointError) -> String {
    let length = try fieldLength(field)
    let held = try bytesCopied(min(length, limit))
    try skip(length - held.count)
    return String(decoding: held, as: UTF8.self)
  }

  /// An int32, int64 or enum.
  func int(_ field: ProtobufField) throws(CheckpointError) -> Int {
    try expect(field, .varint)
    return Int(truncatingIfNeeded: try varint())
  }

  func float(_ field: ProtobufField) throws(CheckpointError) -> Float {
    try expect(field, .fixed32)
    return Float(bitPattern: try integer())
  }

  /// Integers that may come packed or one by one.
  func ints(_ field: ProtobufField, into list: inout [Int]) throws(CheckpointError) {
    guard field.wire == .bytes else { return list.append(try int(field)) }
    let outer = try beginMessage(field)
    while remaining > 0 { list.append(Int(truncatingIfNeeded: try varint())) }
    leave(outer)
  }

  /// Floats that may come packed or one by one.
  func floats(_ field: ProtobufField, into list: inout [Float]) throws(CheckpointError) {
    guard field.wire == .bytes else { return list.append(try float(field)) }
    let outer = try beginMessage(field)
    while remaining > 0 { list.append(Float(bitPattern: try integer())) }
    leave(outer)
  }

  private func expect(_ field: ProtobufField, _ wire: ProtobufField.Wire) throws(CheckpointError) {
    guard field.wire == wire else {
      throw fail(
        "\(part) has field \(field.number) as \(field.wire) before byte \(position), \(wire) expected: damaged, or no ONNX"
      )
    }
  }
}
