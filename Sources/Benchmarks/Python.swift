#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The peers' side of a comparison, run in Python.
enum Python {
  /// Runs a script that prints lines of `name value`.
  ///
  /// - Returns: the values by name; `nil` where there is no `python3` in PATH, or it printed nothing.
  static func run(_ script: String, _ words: [String]) throws -> [String: Double]? {
    var ends: [CInt] = [-1, -1]
    guard pipe(&ends) == 0 else { throw Failure.system("no pipe") }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    #if canImport(Darwin)
      var actions: posix_spawn_file_actions_t?
    #else
      var actions = posix_spawn_file_actions_t()
    #endif
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
    var arguments: [UnsafeMutablePointer<CChar>?] =
      (["python3", "-c", script] + words).map { (word: String) in strdup(word) } + [nil]
    defer { arguments.forEach { free($0) } }
    var process: pid_t = 0
    let status = posix_spawnp(&process, "python3", &actions, nil, &arguments, environ)
    close(ends[1])
    defer { close(ends[0]) }
    guard status == 0 else { return nil }
    let output = String(decoding: readAll(ends[0]), as: UTF8.self)
    waitpid(process, nil, 0)
    var answers: [String: Double] = [:]
    for line in output.split(separator: "\n") {
      let words = line.split(separator: " ")
      if words.count == 2, let value = Double(words[1]) { answers[String(words[0])] = value }
    }
    return answers.isEmpty ? nil : answers
  }
}
