// swift-tools-version: 6.2
import PackageDescription

// One target per module; the floors of the house from the ground up. A target depends only on floors below it.
let package = Package(
  name: "VDCSim",
  products: [
    .executable(name: "vdcsim", targets: ["vdcsim"]),
    .executable(name: "vdcsim-probe", targets: ["ProbeRunner"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser.git", exact: "1.8.2"),
    .package(url: "https://github.com/apple/swift-collections.git", exact: "1.6.0"),
    .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift.git", exact: "0.2.0"),
    .package(url: "https://github.com/jpsim/Yams.git", exact: "6.2.2"),
    .package(url: "https://github.com/ordo-one/TextTable.git", exact: "0.0.2"),
  ],
  targets: [
    // Floor 0: C libraries.
    .systemLibrary(name: "CGSL", pkgConfig: "gsl", providers: [.apt(["libgsl-dev"])]),
    .systemLibrary(name: "CDigest", pkgConfig: "libmd", providers: [.apt(["libmd-dev"])]),
    .systemLibrary(name: "CArchive", pkgConfig: "libarchive", providers: [.apt(["libarchive-dev"])]),
    // The KVM API with guest payloads in assembly, and the plain C executable that measures with them.
    .target(name: "CKVM"),
    .executableTarget(name: "ProbeRunner", dependencies: ["CKVM"]),
    // Floor 1: quantities, statistics, tables.
    .target(name: "Quantities"),
    .target(name: "Statistics", dependencies: ["CGSL"]),
    .target(name: "Tables"),
    // Floor 2: clock, pending events, random streams, observation.
    .target(name: "EventKernel", dependencies: ["CGSL", "Quantities", "Statistics"]),
    // Floor 3: the vocabulary and the cost model.
    .target(name: "Virtualization", dependencies: ["Quantities", "Statistics", "EventKernel"]),
    // Floor 4: what both engines take and give.
    .target(name: "Model", dependencies: ["Quantities", "Statistics", "Tables", "EventKernel", "Virtualization"]),
    // Floor 5: the two engines.
    .target(
      name: "Machine",
      dependencies: [
        "Quantities", "Statistics", "EventKernel", "Virtualization", "Model",
        .product(name: "Histogram", package: "hdrhistogram-swift"),
      ]),
    .target(
      name: "Datacenter", dependencies: ["Quantities", "Statistics", "EventKernel", "Virtualization", "Model"]),
    // Floor 6: documents.
    .target(
      name: "Documents",
      dependencies: [
        "CArchive", "Quantities", "Statistics", "EventKernel", "Virtualization", "Model",
        .product(name: "Yams", package: "Yams"),
      ]),
    // Floor 6: calibration: probes, and from their timings a cost profile.
    .target(
      name: "Calibration",
      dependencies: ["Quantities", "Statistics", "Tables", "EventKernel", "Virtualization", "Model"]),
    // Floor 7: experiments.
    .target(
      name: "Experiments",
      dependencies: [
        "CDigest", "Quantities", "Statistics", "Tables", "Virtualization", "Model", "Machine", "Datacenter",
        "Documents",
      ]),
    // Floor 9: the command line.
    .executableTarget(
      name: "vdcsim",
      dependencies: [
        "Quantities", "Tables", "Virtualization", "Model", "Machine", "Documents", "Calibration", "Experiments",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "TextTable", package: "TextTable"),
      ]),
    .testTarget(name: "QuantitiesTests", dependencies: ["Quantities"]),
    .testTarget(name: "StatisticsTests", dependencies: ["Statistics"]),
    .testTarget(name: "TablesTests", dependencies: ["Tables"]),
    .testTarget(
      name: "EventKernelTests",
      dependencies: [
        "CGSL",
        "EventKernel", "Quantities", "Statistics", .product(name: "HeapModule", package: "swift-collections"),
      ]),
    .testTarget(
      name: "VirtualizationTests", dependencies: ["Virtualization", "Quantities", "EventKernel", "Statistics"]),
    .testTarget(
      name: "DocumentsTests", dependencies: ["CArchive", "Documents", "Model", "Virtualization", "Quantities"]),
    .testTarget(
      name: "EngineTests",
      dependencies: [
        "Machine", "Datacenter", "Documents", "Model", "Statistics", "Virtualization", "Quantities", "Experiments",
      ]),
    .testTarget(
      name: "CalibrationTests",
      dependencies: [
        "Calibration", "Documents", "EventKernel", "Model", "Quantities", "Statistics", "Tables", "Virtualization",
      ]),
    .testTarget(name: "CommandTests", dependencies: ["vdcsim"]),
    .testTarget(name: "ProbeRunnerTests", dependencies: ["ProbeRunner"]),
  ],
  swiftLanguageModes: [.v6])

// Benchmarks come in only when asked for (`make bench`), so that ordinary builds never see them.
if Context.environment["VDCSIM_BENCHMARKS"] != nil {
  package.targets += [
    .target(
      name: "ReferenceQueues", path: "Tests/Benchmarks/ReferenceQueues", cxxSettings: [.unsafeFlags(["-O3"])]),
    .executableTarget(
      name: "KernelBenchmarks", dependencies: ["EventKernel", "ReferenceQueues"],
      path: "Tests/Benchmarks/KernelBenchmarks"),
    .executableTarget(
      name: "EngineBenchmarks", dependencies: ["Documents", "Machine", "Model", "Virtualization"],
      path: "Tests/Benchmarks/EngineBenchmarks"),
    .executableTarget(
      name: "TraceBenchmarks", dependencies: ["Documents", "Model", "Quantities", "Virtualization"],
      path: "Tests/Benchmarks/TraceBenchmarks"),
    .executableTarget(
      name: "FleetBenchmarks", dependencies: ["Datacenter", "Documents", "Experiments", "Model", "Virtualization"],
      path: "Tests/Benchmarks/FleetBenchmarks"),
  ]
}
