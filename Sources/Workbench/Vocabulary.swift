// The front ends speak of schemes, layers and number formats. They find these words here, at the door of the
// Workbench, and import no room behind it.
@_exported import Checkpoints
@_exported import Compression
@_exported import FileAccess
@_exported import Numerics
@_exported import Inference
