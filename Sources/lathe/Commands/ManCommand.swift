import ArgumentParser

/// `lathe man`: the manual page.
struct ManCommand: ParsableCommand, Explained {
  static let configuration = CommandConfiguration(
    commandName: "man", abstract: "Print the manual page.", discussion: discussion)

  static let explanation = """
    The page is for man(1), in mdoc. It is read with man ./lathe.1 where it was written, and with man lathe once it lies \
    in a folder man1 of the manual's path, as in ~/.local/share/man/man1.
    """
  static let examples = ["lathe man > lathe.1"]

  func run() throws { try emit(raw: ManualPage().text) }
}
