/// The program's version: the one place that says it.
public enum Version {
  public static let number = "0.1.0"
  /// The day of the version, as a manual page shows it.
  public static let day = "November 21, 2026"
  /// What `--version` prints.
  public static let line = "lathe \(number)"
}
