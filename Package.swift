// swift-tools-version: 6.1
import PackageDescription

// The rooms of the house, in the order in which the data goes through them:
// bytes (FileAccess) -> tensors (Checkpoints) -> numbers (Numerics; Coding for packed ones)
// -> codes and errors (Compression) -> accuracy (Inference) -> what wins it back (Recovery) -> the session (Workbench) -> the screen (TerminalUI).

let strict: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

/// With LATHE_FUZZ, what reads files is built to be fuzzed (Tests/Fuzz/run): the plain build knows nothing of it.
/// LATHE_FUZZ=long leaves out what libFuzzer wants to know of each step: many more inputs, made blindly.
let isFuzzing = Context.environment["LATHE_FUZZ"] != nil
let isLong = Context.environment["LATHE_FUZZ"] == "long"
let sanitizers = isLong ? "-sanitize=address" : "-sanitize=fuzzer,address"
let fuzzed: [SwiftSetting] = isFuzzing ? [.unsafeFlags([sanitizers])] + (isLong ? [.define("LONG")] : []) : []

/// The C rooms are optimised in debug builds too: tests run the hot loops on real weights. Where they are fuzzed, what
/// they write outside of a buffer is seen.
let optimised: [CSetting] = [
  .unsafeFlags(
    ["-O3", "-fno-math-errno", "-Wall", "-Wextra", "-Wno-psabi"]
      + (isFuzzing
        ? ["-fsanitize=address\(isLong ? "" : ",fuzzer-no-link")", "-fsanitize=bounds", "-fsanitize-trap=bounds"] : []))
]

func room(_ name: String, _ dependencies: [Target.Dependency], _ settings: [SwiftSetting] = []) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: strict + settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(name: name, dependencies: dependencies + ["Support"], swiftSettings: strict)
}

let package = Package(
  name: "lathe",
  platforms: [.macOS(.v15)],
  products: [.executable(name: "lathe", targets: ["lathe"])],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.0.0"),
  ],
  targets: [
    .target(name: "CKernels", cSettings: optimised + [.headerSearchPath(".")]),
    .target(name: "CFileAccess", cSettings: optimised),
    .target(
      name: "CNcurses", dependencies: ["CText"], cSettings: [.unsafeFlags(["-O2", "-Wall", "-Wextra", "-Wno-psabi"])],
      linkerSettings: [
        .linkedLibrary("ncursesw", .when(platforms: [.linux])), .linkedLibrary("ncurses", .when(platforms: [.macOS])),
      ]),
    .target(name: "CText", cSettings: optimised),
    .systemLibrary(name: "CZlib", providers: [.apt(["zlib1g-dev"])]),
    .target(name: "CBLAS", cSettings: optimised, linkerSettings: [.linkedLibrary("dl", .when(platforms: [.linux]))]),
    .target(
      name: "CImages", cSettings: optimised, linkerSettings: [.linkedLibrary("png"), .linkedLibrary("jpeg")]),

    // A file in Sheets is a family of models: the build lists them.
    .executableTarget(name: "embed-sheets", path: "Sources/EmbedSheets/Tool", swiftSettings: strict),
    .plugin(
      name: "EmbedSheets", capability: .buildTool(), dependencies: ["embed-sheets"],
      path: "Sources/EmbedSheets/Plugin"),
    .target(name: "Architectures", exclude: ["Sheets"], swiftSettings: strict + fuzzed, plugins: ["EmbedSheets"]),
    room("FileAccess", ["CFileAccess"], fuzzed),
    room("Numerics", ["CKernels"], fuzzed),
    room("Coding", ["CKernels"], fuzzed),
    room("Checkpoints", ["Coding", "FileAccess", "Numerics", "CZlib"], fuzzed),
    room("Compression", ["Coding", "Numerics", "CKernels"], fuzzed),
    room(
      "Inference",
      ["Architectures", "Checkpoints", "Compression", "FileAccess", "Numerics", "CBLAS", "CKernels", "CImages"], fuzzed),
    room(
      "Recovery", ["Checkpoints", "CKernels", "Compression", "FileAccess", "Inference", "Numerics"], fuzzed),
    .target(
      name: "Workbench",
      dependencies: [
        "Architectures", "Checkpoints", "Compression", "CText", "FileAccess", "Inference", "Numerics", "Recovery",
        .product(name: "Mustache", package: "swift-mustache"),
      ],
      resources: [.embedInCode("Export/Configs/Targets")], swiftSettings: strict + fuzzed),
    room(
      "TerminalUI",
      ["CNcurses", "CText", "Checkpoints", "Compression", "FileAccess", "Inference", "Numerics", "Workbench"]),
    .executableTarget(
      name: "lathe",
      dependencies: [
        "CFileAccess", "Checkpoints", "Compression", "FileAccess", "Inference", "Numerics", "Recovery", "TerminalUI",
        "Workbench",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ], swiftSettings: strict),
    .executableTarget(
      name: "benchmarks",
      dependencies: [
        "Coding", "Compression", "Checkpoints", "FileAccess", "Inference", "Numerics", "CKernels", "Workbench", "lathe",
      ],
      path: "Sources/Benchmarks", swiftSettings: strict),

    .target(name: "Support", dependencies: ["CKernels"], path: "Tests/Support", swiftSettings: strict),
    tests("FileAccessTests", ["FileAccess", "CFileAccess"]),
    tests("NumericsTests", ["Numerics", "Checkpoints"]),
    tests("CheckpointsTests", ["Checkpoints", "FileAccess", "Numerics"]),
    tests("CodingTests", ["Coding", "CKernels"]),
    tests("CompressionTests", ["Compression", "Checkpoints", "Coding", "Numerics", "CKernels"]),
    tests("InferenceTests", ["Inference", "Architectures", "Checkpoints", "FileAccess", "Numerics", "CKernels"]),
    tests(
      "RecoveryTests", ["Recovery", "Checkpoints", "CKernels", "Compression", "FileAccess", "Inference", "Numerics"]),
    tests(
      "WorkbenchTests", ["Workbench", "Checkpoints", "Compression", "FileAccess", "Inference", "Numerics", "Recovery"]),
    tests(
      "TerminalUITests",
      ["TerminalUI", "Workbench", "Checkpoints", "Compression", "FileAccess", "Inference", "Numerics"]),
    tests(
      "CommandLineTests", ["lathe", "Checkpoints", "Compression", "FileAccess", "Inference", "Numerics", "Workbench"]),
  ],
  swiftLanguageModes: [.v6]
)

// A libFuzzer program a format, one for what is made of numbers, one for networks, and one for each thing that is given
// beside a model.
if isFuzzing {
  package.targets.append(
    .target(
      name: "FuzzSupport", dependencies: ["Checkpoints", "FileAccess", "Numerics"], path: "Tests/Fuzz/Support",
      swiftSettings: strict + fuzzed))
  package.targets.append(
    .target(
      name: "FuzzWorkbench", dependencies: ["Checkpoints", "FileAccess", "Inference", "Workbench"],
      path: "Tests/Fuzz/Workbench",
      swiftSettings: strict + fuzzed))
  let beside = ["Recipes", "Sessions", "Sheets", "Importances", "Datasets", "Tokenizers", "Configs", "CSV", "Images"]
  for format in ["Safetensors", "ShardIndex", "GGUF", "ONNX", "PyTorch", "NumPy", "Compression", "Operators"] + beside {
    let own: [Target.Dependency] =
      beside.contains(format)
      ? ["FuzzWorkbench"] : ["Checkpoints", "Coding", "Compression", "FileAccess", "Inference", "Numerics"]
    package.targets.append(
      .executableTarget(
        name: "Fuzz\(format)", dependencies: ["FuzzSupport"] + own,
        path: "Tests/Fuzz/\(format)",
        swiftSettings: strict + fuzzed + [.unsafeFlags(["-parse-as-library"])],
        linkerSettings: [.unsafeFlags([sanitizers])]))
  }
}
