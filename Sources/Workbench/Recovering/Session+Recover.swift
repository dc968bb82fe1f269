import Checkpoints
import Compression
import FileAccess
import Inference
import Recovery

extension Session {
  /// Chooses codes for the layers whose schemes ask for it, on data: layer by layer in the order of the model, each with
  /// what the changed layers before it make of the samples; what is learnt begins with that.
  ///
  /// - Parameters:
  ///   - progress: `false` calls it off.
  ///   - isCancelled: asked many times a batch.
  /// - Returns: `nil` where it was called off.
  /// - Throws: `WorkbenchError`: nothing asks for it, no model to run, data that do not fit.
  public func recover(
    _ request: RecoveryRequest, progress: (RecoveryProgress) -> Bool = { _ in true },
    isCancelled: @escaping () -> Bool = { false }
  ) throws -> Recovered? {
    guard items.contains(where: { recipe[$0].by != .nearest }) else {
      throw WorkbenchError("no layer's scheme says how its codes are chosen: by=gptq, as in int4,by=gptq")
    }
    let start = ContinuousClock.now
    do {
      var found = try recovered(by: try checkpoint.model(), request, progress, isCancelled)
      let took = (ContinuousClock.now - start).components
      found.seconds = Double(took.seconds) + Double(took.attoseconds) * 1e-18
      return found
    } catch let error as InferenceError {
      if error.isCancellation { return nil }
      throw WorkbenchError(error.description)
    } catch is Cancelled {
      return nil
    } catch let error as RecoveryError {
      throw WorkbenchError(error.description)
    } catch let error as CheckpointError {
      throw WorkbenchError("\(error)")
    }
  }

  private func recovered<Runnable: Model>(
    by model: Runnable, _ request: RecoveryRequest, _ progress: (RecoveryProgress) -> Bool,
    _ isCancelled: @escaping () -> Bool
  ) throws -> Recovered {
    guard request.measurement.activations == nil || Runnable.codesActivations else {
      throw WorkbenchError("integer activations are simulated in ONNX models alone")
    }
    let data = try model.data(request.measurement)
    let memory = request.measurement.options.memory
    let changes = items.filter { !recipe[$0].isKeep && !$0.isShared }
    let wanted = changes.filter { recipe[$0].by != .nearest && $0.kind == .weight }
    var original = try model.loadWeights(
      for: data, beside: changes.reduce(0) { $0 + 4 * $1.count }, memory: memory)
    // Where factors move between layers, what they become is what is aimed at: the network is the same.
    let source = try RecoverySource(self, model, all: request.equalises)
    for (layer, matrix) in source.matrices { original = try original.replacing(layer: layer, withMatrix: matrix) }
    for (bias, numbers) in source.biases { original = original.replacing(tensor: bias, with: numbers) }
    var changed = original
    // Until it is its turn, a layer has its nearest levels; a table that is looked up keeps them, and those after it make
    // that good.
    for item in changes where item.kind == .weight || recipe[item].by == .nearest {
      guard !isCancelled() else { throw InferenceError.cancelled }
      if source.matrices[item.layerIndex] != nil, item.kind == .weight {
        changed = try changed.replacing(
          layer: item.layerIndex, withMatrix: try source.choice(recipe[item], item).nearest())
        continue
      }
      let scheme = recipe[item].by == .nearest ? nil : made(recipe[item].withNearestLevels, of: item)
      changed = try replaced(item, in: changed, by: scheme)
    }
    var found = Recovered()
    var goesOn = true
    let byLayer = Dictionary(wanted.map { ($0.layerIndex, $0) }) { first, _ in first }
    let corrected = correctedBiases(of: model)
    var notes: [String: [String]] = [:]
    let chosen = try model.chooseWeights(
      data, samples: request.samples, original: original, changed: changed,
      layers: Set(byLayer.keys).union(corrected.keys), comparesWithOriginal: request.comparesWithOriginal,
      request.measurement,
      progress: { goesOn = progress(RecoveryProgress(what: "layers", done: $0, of: $1)) && goesOn },
      isCancelled: { !goesOn || isCancelled() },
      choose: { products in
        var change = LayerChange()
        if let item = byLayer[products.layer] {
          let result: LayerChoice.Result
          do { result = try source.choice(recipe[item], item).result(products) } catch let error as RecoveryError {
            throw WorkbenchError("\(printable(item.name)): \(error)")
          }
          for note in result.notes { notes[note, default: []].append(item.name) }
          found.chosen[item.name] = result.weight
          change.matrix = result.values
        }
        guard let (weight, bias) = corrected[products.layer] else { return change }
        let own = try source.matrices[products.layer] ?? checkpoint.matrix(layer: products.layer)
        let values = try change.matrix ?? reconstruction(of: weight, in: made(recipe[weight], of: weight))
        if let shift = BiasCorrection.shift(original: own, changed: values, products) {
          let numbers = zip(try source.bias(bias), shift).map { $0 + $1 }
          found.chosen[bias.name] = ChosenWeight(bias: numbers, recipe[bias])
          change.bias = numbers
        }
        return change
      })
    for (note, names) in notes.sorted(by: { $0.key < $1.key }) {
      found.notes.append(
        names.count == 1 ? "\(names[0]): \(note)" : "\(names[0]) and \(names.count - 1) more: \(note)")
    }
    // What is given no rows of numbers (a table that is looked up) takes the nearest levels.
    for item in changes where recipe[item].by != .nearest && found.chosen[item.name] == nil {
      if item.kind != .weight {
        found.chosen[item.name] = ChosenWeight(bias: try source.bias(item), recipe[item])
        if recipe[item].by == .corrected {
          found.notes.append("\(item.name): is the bias of no layer whose inputs were seen: it stays as it is")
        }
        continue
      }
      found.chosen[item.name] = try nearest(item)
      found.notes.append("\(item.name): is multiplied by nothing that was seen: nearest levels")
    }
    try learn(
      source, wanted.filter { recipe[$0].by.needsGradients }, model, data, original: original, changed: chosen, request,
      &found,
      progress: { goesOn = progress($0) && goesOn }, isCancelled: { !goesOn || isCancelled() })
    for item in changes {
      found.chosen[item.name]?.moved = source.group(of: item)
    }
    return found
  }

  /// By layer: the weight, and the bias that its scheme has corrected.
  private func correctedBiases(of model: some Model) -> [Int: (weight: Item, bias: Item)] {
    guard items.contains(where: { recipe[$0].by == .corrected }) else { return [:] }
    let (weights, vectors) = itemsByPlace
    let biases = model.correctableBiases
    var found: [Int: (weight: Item, bias: Item)] = [:]
    for (layer, weight) in weights where !recipe[weight].isKeep && !weight.isShared {
      guard let bias = biases[layer].flatMap({ vectors[$0] }), recipe[bias].by == .corrected else {
        continue
      }
      found[layer] = (weight, bias)
    }
    return found
  }

  /// The nearest levels as chosen codes.
  private func nearest(_ item: Item) throws -> ChosenWeight {
    let scheme = recipe[item]
    let source = CheckpointWeights(checkpoint: checkpoint, item: item)
    return try ChosenWeight(nearestOf: scheme, source)
  }
}
