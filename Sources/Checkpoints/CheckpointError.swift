public import FileAccess

/// What is wrong with a model file: a file's error, which names the tensor where it is about one.
public typealias CheckpointError = FileError
