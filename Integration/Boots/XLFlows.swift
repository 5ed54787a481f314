// SPDX-License-Identifier: Apache-2.0
//
// The flows of xl: what the small Domain 0 with Debian's tools does with guests, one machine each. The scripts are in
// Integration/domain0-fast/scenarios; each of their steps leaves a line of its own in the log.

/// One flow, and the machine for it. Pure data, as `BootScenario` is.
public struct XLFlow: Sendable {
  /// The name on which `--filter` matches.
  public let name: String
  /// The script in Integration/domain0-fast/scenarios.
  public let script: String
  public var cpus = 2
  /// QEMU's name of the processor; nil for the usual one.
  public var cpuModel: String?
  /// MiB of the machine.
  public var memory = 2048
  /// What Domain 0 gets of it; nil for all, of which xl then takes what guests need (autoballoon).
  public var domain0Memory: Int? = 512
  /// Added to the hypervisor's command line.
  public var hypervisorOptions = ""
  /// Words martlet.NAME=VALUE for the script.
  public var settings: [String] = []
  /// MiB of an empty disk for the script, seen by Domain 0 as /dev/vda; 0 for none.
  public var disk = 0
  /// Whether Domain 0 has the device model, which is the backend of PV framebuffers.
  public var hasDeviceModel = false
  /// Whether what it looks for needs CPUs that run at the same time. The others have one thread of the host for all CPUs, except
  /// with `--all`: that takes half the host's time, and where the host is busy with other things as well, a tenth, because one
  /// emulated CPU never waits for another that the host does not run.
  public var needsConcurrency = false
  /// Whether the script can ask for this host's time.
  public var tellsHostTime = false
  /// Whether only `--all` runs it.
  public var onlyWithAll = false

  public init(_ name: String, script: String? = nil, change: (inout XLFlow) -> Void = { _ in }) {
    self.name = name
    self.script = script ?? name
    change(&self)
  }

  /// Every flow; the longest first, so that they do not trail behind the others.
  public static let all = ofCommands + ofProcessors

  private static let ofCommands = [
    XLFlow("xl-cycles") {
      $0.cpus = 1
    },
    XLFlow("xl-commands") {
      $0.hypervisorOptions = "dom0_vcpus_pin gnttab_max_frames=48 guest_loglvl=all -- martlet.appended=one two"
      $0.settings = ["boot-options=yes"]
    },
    XLFlow("xl-devices") {
      $0.domain0Memory = nil
      $0.memory = 1536
      $0.disk = 64
    },
    XLFlow("xl-stages") { $0.cpus = 1 },
    XLFlow("xl-weights") { $0.needsConcurrency = true },
    XLFlow("xl-guests"),
    XLFlow("xl-router"),
    XLFlow("xl-vfb") {
      $0.onlyWithAll = true
      $0.hasDeviceModel = true
    },
    XLFlow("xl-router-checks") {
      $0.onlyWithAll = true
    },
    XLFlow("xl-hundred") {
      $0.onlyWithAll = true
      $0.memory = 8192
    },
    XLFlow("attacks-beats", script: "attacks") {
      $0.onlyWithAll = true
      $0.needsConcurrency = true
      $0.cpus = 4
      $0.domain0Memory = 768
      $0.hypervisorOptions = "guest_loglvl=none dom0_max_vcpus=1"
      $0.settings = ["only=attack-pin-lists", "seconds=60", "latest=50000"]
    },
    XLFlow("xl-clock") {
      $0.onlyWithAll = true
      $0.tellsHostTime = true
      $0.settings = ["seconds=600"]
    },
    // The same scripts with more of everything.
    XLFlow("xl-many-cycles", script: "xl-cycles") {
      $0.onlyWithAll = true
      $0.cpus = 1
      $0.settings = ["cycles=200"]
    },
    XLFlow("xl-stress", script: "xl-devices") {
      $0.onlyWithAll = true
      $0.domain0Memory = nil
      $0.memory = 4096
      $0.disk = 2500
      $0.settings = ["size=1024"]
    },
    XLFlow("xl-every-stage", script: "xl-stages") {
      $0.onlyWithAll = true
      $0.cpus = 1
      $0.settings = ["every=1"]
    },
  ]

  /// Guests on every kind of processor.
  private static let ofProcessors = EmulatedProcessor.all.filter { $0.use == .guests }.map { processor in
    XLFlow("cpu-" + processor.names[0], script: "xl-processor") {
      $0.cpus = 1
      $0.memory = 1024
      $0.cpuModel = processor.names[0]
      $0.onlyWithAll = !processor.isAlwaysTested
    }
  }
}
