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

var targets: [Target] = [
  .target(name: "CXenABI"),
  .target(name: "XenABI", dependencies: ["CXenABI"], swiftSettings: safe),
  .target(name: "CMachine"),
  .target(name: "Machine", dependencies: ["CMachine"], swiftSettings: safe),
  .target(name: "Decompression", swiftSettings: safe),
  .target(name: "Instructions", swiftSettings: safe),
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
    .target(name: "CInstructionOracle", path: "Tests/CInstructionOracle"),
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
      name: "MachineTurn", path: "Tests/MachineTurn"),
    .executableTarget(
      name: "MartletFuzz",
      dependencies: ["CXenABI", "XenABI", "Machine", "Frames", "Scheduling", "Instructions", "Domains", "Hypercalls"],
      swiftSettings: safe),
    .testTarget(
      name: "MachineTests",
      dependencies: ["MachineTurn", "Machine", "Frames", "Scheduling", "Instructions", "Domains", "MartletFuzz"]),
    .testTarget(name: "FramesTests", dependencies: ["MachineTurn", "XenABI", "Machine", "Frames"]),
    .testTarget(
      name: "MartletFuzzTests",
      dependencies: ["MachineTurn", "XenABI", "Machine", "Frames", "Domains", "Hypercalls", "MartletFuzz"],
      path: "Tests/MartletFuzzTests",
      swiftSettings: [.swiftLanguageMode(.v5)]),
    .target(
      name: "Support", dependencies: ["MachineTurn", "XenABI", "Machine", "Frames", "Domains", "Hypercalls"],
      path: "Tests/Support",
      swiftSettings: [.swiftLanguageMode(.v5)]),
    .testTarget(
      name: "MMUTests",
      dependencies: ["Support", "CXenABI", "XenABI", "Machine", "Frames", "Domains", "Hypercalls"],
      path: "Tests/HypercallsTests/MMU",
      swiftSettings: [.swiftLanguageMode(.v5)]),
    .testTarget(
      name: "SchedulingControlTests",
      dependencies: ["CXenABI", "Support", "XenABI", "Machine", "Frames", "Scheduling", "Domains", "Hypercalls"],
      path: "Tests/HypercallsTests/Scheduling",
      swiftSettings: [.swiftLanguageMode(.v5)]),
    .testTarget(
      name: "EventsTests", dependencies: ["Support", "XenABI", "Machine", "Frames", "Domains", "Hypercalls"],
      path: "Tests/DomainsTests/Events",
      swiftSettings: [.swiftLanguageMode(.v5)]),
    .testTarget(
      name: "TrapsTests",
      dependencies: ["MachineTurn", "XenABI", "Machine", "Frames", "Domains", "Hypercalls", "MartletFuzz"],
      path: "Tests/DomainsTests/Traps", swiftSettings: [.swiftLanguageMode(.v5)]),
    .testTarget(
      name: "DestructionTests",
      dependencies: ["Support", "CXenABI", "XenABI", "Machine", "Frames", "Domains", "Hypercalls"],
      path: "Tests/DomainsTests/Destruction",
      swiftSettings: [.swiftLanguageMode(.v5)]),
    .testTarget(
      name: "MemoryPhysicalTests",
      dependencies: [
        "MachineTurn",
        "CXenABI", "CMachine", "XenABI", "Machine", "Frames", "Instructions", "Scheduling", "Domains", "Hypercalls",
      ], path: "Tests/HypercallsTests", sources: ["Memory", "Physical"],
      swiftSettings: [.swiftLanguageMode(.v5)]),
    .testTarget(
      name: "ControlTests",
      dependencies: ["Support", "CXenABI", "XenABI", "Machine", "Frames", "Instructions", "Domains", "Hypercalls"],
      path: "Tests/HypercallsTests/Control",
      swiftSettings: [.swiftLanguageMode(.v5)]),
    .testTarget(
      name: "ConsoleTests", dependencies: ["MachineTurn", "Machine", "Domains"], path: "Tests/DomainsTests/Console",
      swiftSettings: [.swiftLanguageMode(.v5)]),
    .testTarget(
      name: "GrantsTests",
      dependencies: [
        "MachineTurn", "CMachine", "XenABI", "Machine", "Frames", "Instructions", "Scheduling", "Domains", "Hypercalls",
      ], path: "Tests/DomainsTests/Grants",
      swiftSettings: [.swiftLanguageMode(.v5)]),
  ]
  products += [
    .executable(name: "MartletTool", targets: ["MartletTool"]),
    .executable(name: "MartletFuzz", targets: ["MartletFuzz"]),
  ]
}

let package = Package(name: "Martlet", products: products, targets: targets)
