#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A safetensors file to measure with: named as a llama model's, its numbers a hole in the file or random.
struct GeneratedModel {
  enum Content {
    /// A sparse file: zeros that take no room on the disk.
    case hole
    /// Normally distributed, deviation 0.02; a block of 16 MiB over and over.
    case normal
  }

  enum Number: String, CaseIterable {
    case f32 = "F32"
    case bf16 = "BF16"
    case f16 = "F16"

    var bytes: Int { self == .f32 ? 4 : 2 }
  }

  let number: Number
  let tensors: [(name: String, shape: [Int])]

  var byteCount: Int { tensors.reduce(0) { $0 + $1.shape.reduce(1, *) } * number.bytes }

  /// A llama of `layers` layers with nine tensors each, an embedding, a head and a last norm.
  static func llama(layers: Int, width: Int, hidden: Int, vocabulary: Int) -> GeneratedModel {
    var tensors = [("model.embed_tokens.weight", [vocabulary, width])]
    for layer in 0..<layers {
      let prefix = "model.layers.\(layer)."
      tensors += [
        (prefix + "input_layernorm.weight", [width]),
        (prefix + "self_attn.q_proj.weight", [width, width]),
        (prefix + "self_attn.k_proj.weight", [max(1, width / 4), width]),
        (prefix + "self_attn.v_proj.weight", [max(1, width / 4), width]),
        (prefix + "self_attn.o_proj.weight", [width, width]),
        (prefix + "post_attention_layernorm.weight", [width]),
        (prefix + "mlp.gate_proj.weight", [hidden, width]),
        (prefix + "mlp.up_proj.weight", [hidden, width]),
        (prefix + "mlp.down_proj.weight", [width, hidden]),
      ]
    }
    tensors += [("model.norm.weight", [width]), ("lm_head.weight", [vocabulary, width])]
    return GeneratedModel(number: .bf16, tensors: tensors)
  }

  /// Writes the file: 8 bytes of the header's length, the header, the numbers.
  func write(to path: String, _ content: Content) throws {
    var entries: [String] = []
    var offset = 0
    for tensor in tensors {
      let end = offset + tensor.shape.reduce(1, *) * number.bytes
      let shape = tensor.shape.map(String.init).joined(separator: ",")
      entries.append(
        "\"\(tensor.name)\":{\"dtype\":\"\(number.rawValue)\",\"shape\":[\(shape)],\"data_offsets\":[\(offset),\(end)]}"
      )
      offset = end
    }
    var header = Array("{\(entries.joined(separator: ","))}".utf8)
    header += [UInt8](repeating: 0x20, count: (8 - header.count % 8) % 8)
    let length = withUnsafeBytes(of: UInt64(header.count).littleEndian) { Array($0) }
    let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw Failure.system("cannot write \(path)") }
    defer { close(file) }
    try (length + header).withUnsafeBytes { try writeAll(file, $0) }
    if case .hole = content {
      guard ftruncate(file, off_t(8 + header.count + offset)) == 0 else {
        throw Failure.system("cannot make a sparse file of \(offset) bytes at \(path)")
      }
      return
    }
    let block = normalBlock(min(offset, 16 << 20))
    var left = offset
    while left > 0 {
      let part = min(left, block.count)
      try block.withUnsafeBytes { try writeAll(file, UnsafeRawBufferPointer(rebasing: $0[..<part])) }
      left -= part
    }
  }

  /// Numbers of a normal distribution (Box and Muller), always the same ones.
  private func normalBlock(_ size: Int) -> [UInt8] {
    var random = SplitMix(state: 42)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(size + 8)
    while bytes.count < size {
      let radius = (-2 * log(Double(random.next() >> 11) * 0x1p-53 + 0x1p-54)).squareRoot()
      let angle = Double(random.next() >> 11) * 0x1p-53 * 2 * Double.pi
      for value in [Float(0.02 * radius * cos(angle)), Float(0.02 * radius * sin(angle))] {
        switch number {
        case .f32: withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes += $0 }
        case .bf16: withUnsafeBytes(of: UInt16(value.bitPattern >> 16).littleEndian) { bytes += $0 }
        case .f16: withUnsafeBytes(of: halfBits(value).littleEndian) { bytes += $0 }
        }
      }
    }
    return bytes
  }

  /// binary16 of a small number, cut off rather than rounded; what underflows is zero.
  private func halfBits(_ value: Float) -> UInt16 {
    let bits = value.bitPattern
    let exponent = Int(bits >> 23 & 0xFF) - 112
    guard exponent > 0 else { return 0 }
    return UInt16(bits >> 16 & 0x8000) | UInt16(exponent << 10) | UInt16(bits >> 13 & 0x3FF)
  }
}

/// Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (2014).
struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
