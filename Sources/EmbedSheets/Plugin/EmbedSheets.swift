import Foundation
import PackagePlugin

/// Puts what is in a target's folder `Sheets` into the target, as `EmbeddedSheets.texts`, sorted by the files' names: a sheet
/// is there as soon as its file is.
@main struct EmbedSheets: BuildToolPlugin {
  func createBuildCommands(context: PluginContext, target: any Target) throws -> [Command] {
    let folder = target.directoryURL.appending(path: "Sheets")
    let sheets = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
      .filter { !$0.lastPathComponent.hasPrefix(".") }
      .sorted { $0.lastPathComponent < $1.lastPathComponent }
    let output = context.pluginWorkDirectoryURL.appending(path: "EmbeddedSheets.swift")
    return [
      .buildCommand(
        displayName: "Embedding \(sheets.count) sheets of \(target.name)",
        executable: try context.tool(named: "embed-sheets").url, arguments: [output.path] + sheets.map(\.path),
        inputFiles: sheets, outputFiles: [output])
    ]
  }
}
