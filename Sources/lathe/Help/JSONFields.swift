/// The fields that `--json` prints, for the manual page.
extension InspectCommand {
  static var fields: [(path: String, meaning: String)] {
    [
      ("format", "safetensors, gguf, onnx, pytorch, npy or npz."),
      ("parameters", "Numbers in weights and biases; tied ones once; no buffers, scales or zero points."),
      ("metadata.NAME", "What the file's header or the folder's config says, as text."),
      ("tensors[].name", "The name in the file."), ("tensors[].dtype", "How its numbers are stored: F16, Q4_K."),
      ("tensors[].shape", "The extents, outermost first."), ("tensors[].bytes", "Bytes as stored."),
      ("tensors[].crc32", "With --checksums: of the numbers as 32-bit floats, little-endian."),
      ("tensors[].storedCrc32", "With --checksums: of the bytes as stored."),
      ("layers[].name", "The module's name: its weight's without .weight, or the ONNX node's."),
      ("layers[].weight", "The name of the weight's tensor."), ("layers[].bias", "That of the bias."),
      ("layers[].operator", "The ONNX operator that takes the weight."),
      ("layers[].role", "What it does in the network, as its name and shape suggest."),
      ("layers[].block", "The number of the block that it stands in."),
      ("layers[].companions", "Other tensors of the layer: scales, zero points, running statistics."),
      ("layers[].ties", "Other modules that use the same weight."),
      ("layers[].packing.method", "How a quantised checkpoint packs the weight: GPTQ, AWQ, MLX."),
      ("layers[].packing.code", "What a code is: int4, nf4, f8_e4m3."), ("layers[].packing.bits", "Bits of a code."),
      ("layers[].packing.symmetric", "Whether there are no zero points."),
      ("layers[].packing.granularity", "Which weights share a scale: tensor, channel, group, block."),
      ("layers[].packing.group", "Inputs of a group."), ("layers[].packing.block", "Rows and columns of a block."),
      ("layers[].crc32", "With --checksums: of a packed weight's numbers as 32-bit floats."),
      ("layers[].dtype", "How the weight is stored, packing included."),
      ("layers[].shape", "The weight's extents; a packed one's are those of the matrix that it stands for."),
      ("layers[].outputs", "Rows of the weight as a matrix: its outputs, those of all experts of a stack."),
      ("layers[].inputs", "Its columns, along which groups run."),
      ("layers[].inputsFirst", "Whether the file stores inputs before outputs."),
      ("layers[].bytes", "Bytes as stored, with scales and zero points."),
      ("layers[].note", "What is worth knowing about it: numbers that are not finite, why nothing can be chosen."),
      ("layers[].statistics.count", "Numbers."), ("layers[].statistics.zeros", "Those that are zero."),
      ("layers[].statistics.outliers", "Those farther from the mean than outlierDeviations."),
      ("layers[].statistics.nans", "Those that are NaN."),
      ("layers[].statistics.infinities", "Those that are infinite."),
      ("layers[].statistics.min", "The least."), ("layers[].statistics.max", "The greatest."),
      ("layers[].statistics.mean", "The mean."), ("layers[].statistics.std", "The standard deviation."),
      ("layers[].statistics.skewness", "The third standardised moment."),
      ("layers[].statistics.kurtosis", "The fourth: 3 for a normal distribution."),
      ("layers[].statistics.squaredNorm", "The sum of squares."),
      ("layers[].statistics.outlierDeviations", "Standard deviations beyond which a number counts as an outlier."),
      (
        "layers[].statistics.relativeErrors.NAME",
        "t² (squared error over squared norm) at 2 to 8 bits, by granularity and symmetry."
      ),
    ]
  }
}

extension EstimateCommand {
  static var fields: [(path: String, meaning: String)] {
    [
      ("bytes", "The model's size after the choice: packed, or as the target's tool stores it."),
      ("fileBytes", "With --to: the size of the file that export writes."),
      ("originalBytes", "The model's size as it is."), ("bitsPerWeight", "8 bytes / weights, over all that is stored."),
      (
        "estimate.metric",
        "What is estimated: kl, cosine (1 - cosine), mse; relative damage where nothing was calibrated."
      ),
      ("estimate.value", "The estimate; of the relative damage, int4,group=32 everywhere is 1."),
      ("estimate.low", "The lower end of the 90 % interval."), ("estimate.high", "Its upper end."),
      ("estimate.method", "uncalibrated, anchors, gradients or fitted."),
      ("estimate.measured", "With --sensitivity: measured recipes that it is fitted to."),
      ("estimates[].metric", "The same of each metric that was measured: agreement, top-1, loss, perplexity (ratio)."),
      ("estimates[].value", "Its estimate."), ("estimates[].low", "The lower end of its 90 % interval."),
      ("estimates[].high", "Its upper end."), ("estimates[].method", "As above."),
      ("estimates[].measured", "As above."), ("warnings", "What is to be known of the estimate, a line each."),
      ("device.name", "With --device: the device."),
      ("device.memoryBytes", "Bytes in its memory: weights, keys and values."),
      ("device.cacheBytes", "Of these keys and values of the context."),
      ("device.activeBytes", "Bytes of weights that a token or an image reads."),
      ("device.fits", "Whether its memory holds them."), ("device.unit", "tokens or images."),
      ("device.perSecond", "So many a second, by the formula; null where it is not known what one computes."),
      ("device.joules", "Energy of one."), ("layers[].effect", "What the layer alone does to the outputs."),
      ("layers[].name", "The layer, or the tensor of a bias or norm."),
      ("layers[].scheme", "The SPEC that was chosen."),
      ("layers[].made", "The SPEC that the target's tool makes of it."),
      ("layers[].relativeError", "t²: the squared error over the squared norm."),
      ("layers[].sqnr", "The same in decibels."),
      ("layers[].weightedError", "t² weighted by importances, where a file gave them."),
      ("layers[].sparsity", "The part of the weights that become zero."),
      ("layers[].bytes", "The layer's bytes after it."),
      ("layers[].form", "How zeros are stored: dense, bitmask, runs."),
      ("layers[].note", "Why a layer was left as it is, and what else is worth knowing."),
    ]
  }
}

extension EvaluateCommand {
  static var fields: [(path: String, meaning: String)] {
    [
      ("metrics[].name", "The metric: perplexity, top-1, KL divergence, cosine."),
      ("metrics[].value", "What the choice measured."), ("metrics[].standardError", "Its standard error."),
      ("metrics[].baseline", "What the uncompressed model measured."),
      ("metrics[].note", "Why a figure is null."), ("samples", "Samples, or tokens, that were scored."),
      ("perSecond", "Samples, or tokens, a second."), ("peakBytes", "Memory that the run held at most."),
      ("classNames", "The folders of images, in the order of the classes."),
      ("confusion", "Rows: the label; columns: the answer. Left out where there are very many classes."),
      ("classes[].support", "Samples of the class."),
      ("classes[].precision", "Of the answers, the part that is right."),
      ("classes[].recall", "Of the samples, the part that was found."), ("classes[].f1", "Their harmonic mean."),
    ]
  }
}

extension TuneCommand {
  static var fields: [(path: String, meaning: String)] {
    [
      ("budgets", "What was asked for."), ("bytes", "Of the answer: the target's file where it is one, else packed."),
      ("gap", "How much less another choice's sum could be, as a share; 0 for the proven best."),
      ("candidates[].name", "search and its kin; one scheme everywhere; the tool's own mix."),
      ("candidates[].bytes", "As bytes above."), ("candidates[].bitsPerWeight", "As bitsPerWeight above."),
      ("candidates[].sum", "What its layers' effects come to; n·t² without sensitivities."),
      ("candidates[].estimate.metric", "As estimate.metric; so are the fields beside it."),
      ("candidates[].estimate.value", "The estimate."), ("candidates[].estimate.low", "The interval's lower end."),
      ("candidates[].estimate.high", "Its upper end."), ("candidates[].estimate.method", "How it came about."),
      ("candidates[].estimate.measured", "Measured recipes that it is fitted to."),
      ("candidates[].metrics[].name", "A metric that it was measured in."),
      ("candidates[].metrics[].value", "What it measured."),
      ("candidates[].metrics[].standardError", "Its standard error."),
      ("candidates[].metrics[].baseline", "What the uncompressed model measured."),
      ("candidates[].metrics[].note", "Why a figure is null."),
      ("candidates[].keepsBudgets", "Whether it keeps all budgets, by measurement where there is one."),
      ("layers[].by", "Who chose: search, rule or user; null for what stays."),
    ]
  }
}

extension CacheCommand {
  static var fields: [(path: String, meaning: String)] {
    [
      ("folder", "Where answers are kept."), ("bytes", "What they take."),
      ("models", "How many models they are about."),
      ("limit", "Bytes that all of them may take."),
    ]
  }
}
