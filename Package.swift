// swift-tools-version: 6.2
//
// One manifest, two builds. `swift build` on the host gives the libraries, the tests and the command behind `./martlet`.
// With MARTLET_METAL=1 (what `./martlet build` sets) the same libraries are built for x86_64-unknown-none-elf in Embedded
// Swift, together with the bare-metal executables; they cannot link on the host, so the host build does not list them.

import PackageDescription

let metal = Context.environment["MARTLET_METAL"] == "1"

let safe: [SwiftSetting] = [
  .swiftLanguageMode(.v5),
  .strictMemorySafety(),
  .treatWarning("StrictMemorySafety", as: .error),
  .enableExperimentalFeature("Lifetimes"),
]

/// What tests and the fuzzer see of the hypervisor.
let hypervisor: [Target.Dependency] = [
  "CMachine", "CXenABI", "XenABI", "Machine", "Frames", "Instructions", "Scheduling", "Domains", "Hypercalls",
]

var targets: [Target] = [
  .target(name: "CXenABI"),
  .target(name: "XenABI", dependencies: ["CXenABI"], swiftSettings: safe),
  .target(name: "CMachine"),
  .target(name: "Machine", dependencies: ["CMachine"], swiftSettings: safe),
  .target(name: "Decompression", swiftSettings: safe),
  .target(name: "Instructions", dependencies: ["Machine"], swiftSettings: safe),
  .target(name: "Scheduling", swiftSettings: safe),
  .target(name: "Images", dependencies: ["Machine"], swiftSettings: safe),
  .target(name: "Frames", dependencies: ["XenABI", "Machine"], swiftSettings: safe),
  .target(
    name: "Domains", dependencies: ["XenABI", "Machine", "Frames", "Scheduling", "Instructions"], swiftSettings: safe),
  .target(
    name: "Hypercalls",
    dependencies: ["XenABI", "Machine", "Frames", "Scheduling", "Instructions", "Domains"], swiftSettings: safe),
]
var products: [Product] = []

if metal {
  targets += [
    .target(
      name: "Boot",
      dependencies: ["XenABI", "Machine", "Frames", "Domains", "Hypercalls", "Decompression", "Images"],
      swiftSettings: safe),
    .executableTarget(
      name: "Martlet",
      dependencies: ["XenABI", "Machine", "Frames", "Domains", "Hypercalls", "Boot", "Images"], exclude: ["link.ld"],
      swiftSettings: safe),
    .target(name: "CGuestKit"),
    .target(name: "GuestKit", dependencies: ["CGuestKit"], swiftSettings: safe),
    .executableTarget(
      name: "GuestTests", dependencies: ["GuestKit", "CGuestKit"], exclude: ["README.md", "link.ld"],
      swiftSettings: safe),
  ]
  products += [
    .executable(name: "Martlet", targets: ["Martlet"]), .executable(name: "GuestTests", targets: ["GuestTests"]),
  ]
} else {
  targets += [
    .target(name: "BootScenarios", path: "Integration/Boots", swiftSettings: safe),
    .executableTarget(name: "MartletTool", dependencies: ["BootScenarios"], swiftSettings: safe),
    .testTarget(name: "MartletToolTests", dependencies: ["MartletTool", "BootScenarios"]),
    .testTarget(name: "DecompressionTests", dependencies: ["Decompression"]),
    .testTarget(name: "SchedulingTests", dependencies: ["Scheduling"]),
    .target(name: "CTraps", path: "Tests/CTraps"),
    .target(name: "CInstructionOracle", dependencies: ["CTraps"], path: "Tests/CInstructionOracle"),
    .target(
      name: "CToolstack", path: "Tests/CToolstack",
      linkerSettings: [
        .linkedLibrary("xenguest"), .linkedLibrary("xenctrl"),
        // Debian's libraries are to find the functions of that name in the executable.
        .unsafeFlags(
          [
            "xencall1", "xencall_alloc_buffer", "xencall_free_buffer", "xencall_alloc_buffer_pages",
            "xencall_free_buffer_pages",
          ].flatMap { ["-Xlinker", "--export-dynamic-symbol=" + $0] }),
      ]),
    .testTarget(
      name: "InstructionsTests", dependencies: ["Instructions", "CInstructionOracle", "CToolstack"],
      exclude: ["Fixtures"]),
    .testTarget(name: "ImagesTests", dependencies: ["Images"], exclude: ["Fixtures"]),
    .target(
      name: "SimulatedMachine",
      dependencies: ["CXenABI", "XenABI", "Machine", "Frames", "Instructions", "Scheduling", "Domains", "Hypercalls"],
      path: "Tests/SimulatedMachine", swiftSettings: [.swiftLanguageMode(.v5)]),
    .executableTarget(
      name: "MartletFuzz", dependencies: hypervisor + ["SimulatedMachine"], swiftSettings: safe),
    .target(name: "CExploration", dependencies: ["CMachine", "CTraps"], path: "Tests/CExploration"),
    .target(
      name: "Exploration", dependencies: ["CExploration", "XenABI", "Machine", "Frames"], path: "Tests/Exploration"),
    .testTarget(name: "FramesTests", dependencies: hypervisor + ["SimulatedMachine", "Exploration"]),
  ]
  // The folders of these mirror Sources: Tests/DomainsTests/Events tests Sources/Domains/Events.
  let machineTests: [(name: String, path: String, more: [Target.Dependency])] = [
    ("MachineTests", "MachineTests", ["MartletFuzz"]),
    ("ExplorationTests", "ExplorationTests", []),
    ("MartletFuzzTests", "MartletFuzzTests", ["MartletFuzz"]),
    ("ConsoleTests", "DomainsTests/Console", []),
    ("DestructionTests", "DomainsTests/Destruction", []),
    ("EventsTests", "DomainsTests/Events", []),
    ("GrantsTests", "DomainsTests/Grants", []),
    ("RunningTests", "DomainsTests/Running", []),
    ("TimeTests", "DomainsTests/Time", []),
    ("TrapsTests", "DomainsTests/Traps", ["MartletFuzz"]),
    ("ControlTests", "HypercallsTests/Control", []),
    ("MemoryTests", "HypercallsTests/Memory", []),
    ("MMUTests", "HypercallsTests/MMU", []),
    ("PhysicalTests", "HypercallsTests/Physical", []),
    ("SchedulingControlTests", "HypercallsTests/Scheduling", []),
  ]
  for (name, path, more) in machineTests {
    targets.append(
      .testTarget(
        name: name, dependencies: hypervisor + ["SimulatedMachine", "Exploration"] + more, path: "Tests/" + path,
        swiftSettings: [.swiftLanguageMode(.v5)]))
  }
  products += [
    .executable(name: "MartletTool", targets: ["MartletTool"]),
    .executable(name: "MartletFuzz", targets: ["MartletFuzz"]),
  ]
}

let package = Package(name: "Martlet", products: products, targets: targets)
