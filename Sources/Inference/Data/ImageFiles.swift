internal import CImages

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

#if canImport(FoundationEssentials)
  internal import FoundationEssentials
#else
  internal import Foundation
#endif

/// Images in files with their labels: a folder of folders, each a class in the order of their names; a plain folder, of
/// no labels; or a CSV of lines `path,label`, paths relative to it.
struct ImageFiles: Sendable {
  let path: String
  let files: [String]
  /// Empty where nothing says them.
  let labels: [Int]
  /// Names of the classes, where they have some.
  let classes: [String]

  private static let endings = [".png", ".jpg", ".jpeg", ".PNG", ".JPG", ".JPEG"]

  /// - Returns: `nil` where the path is neither a folder nor a `.csv`.
  /// - Throws: where there are no images, or a line is no path and label.
  init?(_ path: String) throws(InferenceError) {
    var isFolder = false
    #if canImport(FoundationEssentials)
      _ = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
    #else
      var flag: ObjCBool = false
      _ = FileManager.default.fileExists(atPath: path, isDirectory: &flag)
      isFolder = flag.boolValue
    #endif
    self.path = path
    if isFolder {
      let names = Self.names(path)
      let folders = names.filter { !$0.hasPrefix(".") && !Self.names("\(path)/\($0)").isEmpty }
      let images = names.filter(Self.isImage)
      if !images.isEmpty {
        (files, labels, classes) = (images.map { "\(path)/\($0)" }, [], [])
      } else {
        var (files, labels): ([String], [Int]) = ([], [])
        for (label, folder) in folders.enumerated() {
          let images = Self.names("\(path)/\(folder)").filter(Self.isImage)
          files += images.map { "\(path)/\(folder)/\($0)" }
          labels += images.map { _ in label }
        }
        (self.files, self.labels, classes) = (files, labels, folders)
      }
    } else if path.hasSuffix(".csv") {
      (files, labels, classes) = try Self.list(path)
    } else {
      return nil
    }
    guard !files.isEmpty else {
      throw InferenceError(
        path, "holds no images: PNG or JPEG files, or folders of them named after their classes, expected")
    }
  }

  /// Photographs and lists of them are not longer.
  private static let mostBytes = 64 << 20
  private static let mostLines = 1 << 21

  /// A file's bytes; `nil` where it cannot be read or is longer.
  private static func contents(_ path: String, most: Int) -> Data? {
    guard let size = (try? FileManager.default.attributesOfItem(atPath: resolved(path)))?[.size] as? Int, size <= most
    else { return nil }
    return FileManager.default.contents(atPath: path)
  }

  private static func resolved(_ path: String) -> String {
    guard let target = realpath(path, nil) else { return path }
    defer { free(target) }
    return String(cString: target)
  }

  private static func names(_ folder: String) -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted(by: isBefore)
  }

  /// The order of names that people expect: runs of digits by their number (`2` before `10`), the rest by its characters.
  static func isBefore(_ one: String, _ other: String) -> Bool {
    var (a, b) = (one.utf8[...], other.utf8[...])
    func digits(_ text: inout Substring.UTF8View) -> Substring.UTF8View {
      let run = text.prefix { (48...57).contains($0) }
      text = text.dropFirst(run.count)
      return run.drop { $0 == 48 }
    }
    while let x = a.first, let y = b.first {
      if (48...57).contains(x), (48...57).contains(y) {
        let (m, n) = (digits(&a), digits(&b))
        if m.count != n.count { return m.count < n.count }
        if !m.elementsEqual(n) { return m.lexicographicallyPrecedes(n) }
      } else {
        if x != y { return x < y }
        (a, b) = (a.dropFirst(), b.dropFirst())
      }
    }
    return a.isEmpty && b.isEmpty ? one < other : a.isEmpty
  }

  private static func isImage(_ name: String) -> Bool {
    !name.hasPrefix(".") && endings.contains { name.hasSuffix($0) }
  }

  private static func list(_ path: String) throws(InferenceError) -> ([String], [Int], [String]) {
    guard let data = contents(path, most: mostBytes), let text = String(validating: data, as: UTF8.self)
    else { throw InferenceError(path, "cannot be read as text in UTF-8 of at most \(mostBytes >> 20) MiB") }
    let folder = path.lastIndex(of: "/").map { path[...$0] } ?? ""
    var (files, words): ([String], [String]) = ([], [])
    var rest = text[...]
    var number = -1
    while !rest.isEmpty {
      let line = rest.prefix { !$0.isNewline }
      rest = rest.dropFirst(line.count + 1)
      guard !line.isEmpty else { continue }
      number += 1
      guard files.count < mostLines else { throw InferenceError(path, "lists more than \(mostLines) images") }
      let fields = line.split(separator: ",", omittingEmptySubsequences: false).map { field in
        String(field.drop { $0 == " " || $0 == "\"" }.reversed().drop { $0 == " " || $0 == "\"" }.reversed())
      }
      guard fields.count >= 2, !fields[0].isEmpty, !fields[1].isEmpty else {
        throw InferenceError(path, "line \(number + 1) is no \"path,label\"")
      }
      // A header names the columns.
      if number == 0, !isImage(fields[0]) { continue }
      files.append(fields[0].hasPrefix("/") ? fields[0] : folder + fields[0])
      words.append(fields[1])
    }
    let numbers = words.map { Int($0) }
    if !numbers.contains(nil) {
      if let bad = numbers.firstIndex(where: { ($0 ?? 0) < 0 }) {
        throw InferenceError(path, "\(files[bad]) has the label \(words[bad]); 0 or more expected")
      }
      return (files, numbers.compactMap { $0 }, [])
    }
    let classes = Set(words).sorted(by: isBefore)
    let order = Dictionary(uniqueKeysWithValues: classes.enumerated().map { ($1, $0) })
    return (files, words.map { order[$0]! }, classes)
  }

  /// An image as rows of RGB bytes.
  ///
  /// - Throws: `InferenceError` that names the file.
  static func decode(_ file: String) throws(InferenceError) -> Pixels {
    guard let data = contents(file, most: mostBytes) else {
      throw InferenceError(file, "cannot be read, or is longer than \(mostBytes >> 20) MiB")
    }
    var image = lathe_image()
    var reason = [CChar](repeating: 0, count: 256)
    let bytes = [UInt8](data)
    guard lathe_decode_image(bytes, bytes.count, &image, &reason, reason.count) == 0, let pixels = image.pixels else {
      let text = String(decoding: reason.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      throw InferenceError(file, "does not decode: \(text)")
    }
    defer { free(pixels) }
    let (width, height) = (Int(image.width), Int(image.height))
    return Pixels(
      width: width, height: height, bytes: Array(UnsafeBufferPointer(start: pixels, count: 3 * width * height)))
  }
}
