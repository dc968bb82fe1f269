import ArgumentParser

/// `lathe completions`: the script that makes a shell complete Lathe's command line.
struct CompletionsCommand: ParsableCommand, Explained {
  static let configuration = CommandConfiguration(
    commandName: "completions", abstract: "Print a shell's completion script: bash, zsh or fish.",
    discussion: discussion)

  static let explanation = """
    The script completes commands, options, files of models, targets, and after --set the model's layers, schemes and \
    their options. In bash, eval "$(lathe completions bash)" tries it at once. To keep it, write it where the shell looks:
    bash  ~/.local/share/bash-completion/completions/lathe (with bash-completion)
    zsh   a file _lathe in a folder of $fpath, before compinit
    fish  ~/.config/fish/completions/lathe.fish
    """
  static let examples = [
    "lathe completions bash > lathe.bash", "lathe completions zsh > _lathe", "lathe completions fish > lathe.fish",
  ]

  @Argument(help: "The shell.") var shell: Shell

  func run() throws { try emit(raw: shell.script + "\n") }
}
