/// The files that data are read from.
package enum DataFiles {
  /// The file itself; of a folder of images or a list of them, all that it names, the list among them.
  ///
  /// - Throws: where a folder holds no images, or a list's line is no path and label.
  package static func all(of path: String) throws(InferenceError) -> [String] {
    guard let images = try ImageFiles(path) else { return [path] }
    return [path] + images.files
  }
}
