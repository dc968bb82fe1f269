import Checkpoints
import Compression
import FileAccess
import Workbench

/// The commands about the session as a whole: measuring, exporting, opening a recipe, leaving.
extension Command {
  static let sessions: [Command] = [
    Command("export", [.character("e")], "[TARGET PATH]", .session, "write the recipe for a tool, or the weights") {
      state, argument throws(WorkbenchError) in
      let (name, path) = argument.firstWord
      if name.isEmpty {
        state.popup = TargetsPopup(.export, state)
        return [.targets]
      }
      let target = try Target(name: name)
      guard !path.isEmpty || target == .lathe else {
        throw WorkbenchError("export \(name): expected a path after the target")
      }
      guard !target.isCheckpoint || state.exporting == nil else {
        throw WorkbenchError("export: another file is being written (Esc calls it off)")
      }
      return [state.writing(target, path.isEmpty ? state.recipePath : path)]
    },
    Command("write", [], "[PATH]", .session, "write the recipe (:w), as :export lathe does") { state, argument in
      [state.writing(.lathe, argument.isEmpty ? state.recipePath : argument)]
    },
    Command("write-quit", [], "[PATH]", .session, "write the recipe and leave (:wq, ZZ)") { state, argument in
      guard !state.session.history.isSaved else {
        state.isDone = true
        return []
      }
      state.quitsWhenWritten = true
      return [state.writing(.lathe, argument.isEmpty ? state.recipePath : argument)]
    },
    Command(
      "target", [.character("t")], "[NAME|none]", .session, "whom the recipe is for: what it cannot say is dim"
    ) {
      state, argument throws(WorkbenchError) in
      if argument.isEmpty {
        state.popup = TargetsPopup(.aim, state)
        return [.targets]
      }
      return [.aim(argument == "none" ? nil : try Target(name: argument))]
    },
    Command("recipes", [.character("R")], .session, "all recipes that were measured or kept, side by side") {
      state, _ in
      state.popup = RecipesPopup(state)
      return [.appraise(state.session.snapshots.map(\.recipe))]
    },
    Command("keep-as", [], "NAME", .session, "keep the recipe as it stands under a name, for R") {
      state, argument throws(WorkbenchError) in
      guard !argument.isEmpty else { throw WorkbenchError("keep-as: expected a name, as in :keep-as small") }
      state.say("kept as \(state.session.keepSnapshot(of: state.session.recipe, name: printable(argument)))")
      return []
    },
    Command("recipe", [], "PATH", .session, "start from a recipe, another tool's config, or a checkpoint's types") {
      state, argument throws(WorkbenchError) in
      guard !argument.isEmpty else {
        throw WorkbenchError("recipe: expected a path, as in :recipe recipe.json")
      }
      return [.importRecipe(path: Paths.expanded(argument))]
    },
    Command("importance", [], "FILE", .session, "how much inputs matter: an imatrix, or norms (.npz)") {
      state, argument throws(WorkbenchError) in
      guard !argument.isEmpty else {
        throw WorkbenchError("importance: expected a path, as in :importance imatrix.gguf")
      }
      return [.importances(path: Paths.expanded(argument))]
    },
    Command(
      "measure", [.character("m")], "[DATA]", .session, "run the recipe on held-out data: .npz, images, text",
      unless: cannotMeasure
    ) {
      state, argument throws(WorkbenchError) in
      guard let data = argument.isEmpty ? state.dataPath : Paths.expanded(argument) else {
        state.prompt = state.commandPrompt("measure ")
        return []
      }
      state.dataPath = data
      return [.measure(data: data)]
    },
    Command(
      "calibrate", [.character("c")], "[DATA]", .session,
      "measure each layer alone, then some recipes: a calibrated estimate",
      unless: {
        $0.calibrating != nil ? "a calibration is running (Esc calls it off)" : cannotRun($0)
      }
    ) {
      state, argument throws(WorkbenchError) in
      guard let data = argument.isEmpty ? state.calibrationPath : Paths.expanded(argument) else {
        state.prompt = state.commandPrompt("calibrate ")
        return []
      }
      state.calibrationPath = data
      return [.calibrate(data: data)]
    },
    Command(
      "recover", [], "[METHOD [DATA]]", .session, "choose codes by what they do to the outputs: gptq, scales, …",
      unless: cannotRun
    ) {
      state, argument throws(WorkbenchError) in
      let (name, data) = argument.firstWord
      if !data.isEmpty { state.calibrationPath = Paths.expanded(data) }
      guard !name.isEmpty else {
        state.popup = RecoverPopup(state)
        return []
      }
      guard let choice = CodeChoice.methods.first(where: { $0.rawValue == name }) else {
        throw WorkbenchError(
          "recover: \"\(printable(name))\" is no method: \(CodeChoice.methods.map(\.rawValue).joined(separator: ", "))"
        )
      }
      if choice != .nearest, let obstacle = state.recoverObstacle(among: state.recoverable) {
        throw WorkbenchError("recover: \(obstacle)")
      }
      return state.chooseCodes(by: choice)
    },
    Command("sensitivity", [], "FILE", .session, "read what lathe sensitivity measured: a calibrated estimate") {
      state, argument throws(WorkbenchError) in
      guard !argument.isEmpty else {
        throw WorkbenchError("sensitivity: expected a path, as in :sensitivity S.json")
      }
      return [.sensitivities(path: Paths.expanded(argument))]
    },
    Command(
      "keep-sensitivity", [], "FILE", .session, "write what was measured, for --sensitivity",
      unless: { $0.session.sensitivities == nil ? "nothing is calibrated yet (c)" : nil }
    ) {
      state, argument throws(WorkbenchError) in
      guard !argument.isEmpty else {
        throw WorkbenchError("keep-sensitivity: expected a path, as in :keep-sensitivity S.json")
      }
      let path = Paths.expanded(argument)
      return [.save(path: path, what: .sensitivities, replaces: state.ownPaths.contains(path))]
    },
    Command(
      "front", [.character("a")], .session, "the best choice at every size, a layer's step at a time",
      unless: cannotSearch
    ) { state, _ in
      state.popup = FrontPopup(state.session)
      if state.isZoomed, state.pane != .tradeoff { state.isZoomed = false }
      state.pane = .tradeoff
      return [.front]
    },
    Command(
      "why", [.character("A")], .session,
      "why this layer has its bits: what each width harms, and the next one's price",
      unless: { state in
        state.subject.map { $0.kind == .weight ? nil : "it is no weight" } ?? "there is no layer here"
      }
    ) { state, _ in state.subject.map { [.why($0.id)] } ?? [] },
    Command(
      "compare", [.character("C")], .session,
      "mark this recipe, then another beside it: differences, estimates, figures"
    ) { state, _ in
      guard let marked = state.markedRecipe else {
        state.markedRecipe = state.session.recipe
        state.say("marked: change the recipe, and C shows both side by side")
        return []
      }
      let popup = ComparePopup(marked, over: state)
      state.popup = popup
      return [.appraise(popup.recipes)]
    },
    Command("mark-recipe", [], "[none]", .session, "mark the recipe as it stands for C, or forget the mark") {
      state, argument throws(WorkbenchError) in
      guard ["", "none"].contains(argument) else {
        throw WorkbenchError("mark-recipe \(printable(argument)): expected nothing, or none")
      }
      state.markedRecipe = argument.isEmpty ? state.session.recipe : nil
      state.say(argument.isEmpty ? "marked" : "no recipe is marked")
      return []
    },
    Command(
      "metrics", [], .session, "all that was measured, in a table",
      unless: { $0.session.measurements.isEmpty ? "nothing was measured yet (m)" : nil }
    ) { state, _ in
      state.popup = TextPopup(title: "Measured", lines: MeasurementTables.metrics(state.session))
      return []
    },
    Command(
      "confusion", [], .session, "which classes are taken for which, in the last measurement",
      unless: {
        $0.session.measurements.last?.classification == nil ? "no classifier was measured on labels yet (m)" : nil
      }
    ) { state, _ in
      if let classes = state.session.measurements.last?.classification {
        state.popup = TextPopup(
          title: "Confusion: labels down, predictions across", lines: MeasurementTables.confusion(classes))
      }
      return []
    },
    Command("analyse", [], .session, "go on with what was called off") { _, _ in [.analyse] },
    Command("cancel", [], .session, "call off what is running (Esc)") { _, _ in [.cancel] },
    Command("help", [.character("?")], .session, "what works here; Enter runs it") { state, _ in
      state.popup = HelpPopup(over: nil)
      return []
    },
    Command(
      "messages", [.character("!")], .session, "what was said so far, whole, the newest first",
      unless: { $0.messages.isEmpty ? "nothing was said yet" : nil }
    ) { state, _ in
      let lines = state.messages.reversed().flatMap { state.wrapped(($0.kind == .error ? "! " : "  ") + $0.text) }
      state.popup = TextPopup(title: "Messages", lines: lines)
      return []
    },
    Command(
      "device", [], "[NAME]", .session, "what the recipe would take and give on a device, as an estimate"
    ) { state, argument throws(WorkbenchError) in
      let devices = argument.isEmpty ? DeviceProfile.all : [try DeviceProfile(spec: argument)]
      return [.devices(devices)]
    },
    Command("about-estimate", [], .session, "how size and estimate are worked out, and their limits") { state, _ in
      state.popup = TextPopup.aboutEstimate(state.session)
      return []
    },
    Command("command", [.character(":")], .session, "type a command") { state, _ in
      state.prompt = state.commandPrompt("")
      return []
    },
    Command("suspend", [.control("z")], .session, "stop, until the shell continues Lathe") { _, _ in
      [.suspend]
    },
    Command("quit", [.character("q"), .control("c")], .session, "leave; asks if the recipe is not written") {
      state, _ in
      if state.session.history.isSaved {
        state.isDone = true
      } else {
        state.prompt = Prompt(purpose: .confirmQuit, editor: LineEditor(prompt: ""))
      }
      return []
    },
    Command("quit!", [], .session, "leave and lose what is not written") { state, _ in
      state.isDone = true
      return []
    },
  ]

  private static let cannotMeasure: @Sendable (State) -> String? = { state in
    state.measuring != nil ? "a measurement is running (Esc calls it off)" : cannotRun(state)
  }

  private static let cannotSearch: @Sendable (State) -> String? = { state in
    state.session.surveyCount > 0 && state.session.answers.surveys.count == 0
      ? "no layer is read yet" : nil
  }

  private static let cannotRun: @Sendable (State) -> String? = { state in
    switch state.session.checkpoint.format {
    case .onnx: return state.session.checkpoint.graph == nil ? "this ONNX file has no graph to run" : nil
    case .gguf, .safetensors, .pytorch: return nil
    case .npy, .npz: return "arrays alone cannot be run"
    }
  }
}

extension State {
  /// A target's file written; one that was written here before may go.
  func writing(_ target: Target, _ path: String) -> Effect {
    let path = Paths.expanded(path)
    return .write(target, path: path, replaces: ownPaths.contains(path))
  }

  /// Where a recipe is written when no other place is named: the model's name in the working folder.
  var recipePath: String {
    let name = session.checkpoint.path.split(separator: "/").last.map(String.init) ?? "model"
    let stem = name.split(separator: ".").first.map(String.init) ?? name
    return "\(stem).recipe.json"
  }
}
