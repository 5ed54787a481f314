// SPDX-License-Identifier: Apache-2.0
// The hypervisor's options: each form, each mistake and what is said of it.

import Testing

@testable import Images

private func parse(_ line: String) -> HypervisorOptions { HypervisorOptions.parse(Array(line.utf8).span) }

/// The reports as "kind word", the word taken from the line.
private func reports(_ line: String) -> [String] {
  let list = parse(line).reports.list
  let bytes = Array(line.utf8)
  return list.indices.map { "\(list[$0].kind) \(String(decoding: bytes[list[$0].word], as: UTF8.self))" }
}

@Suite struct CommandLineTests {
  @Test func theReferenceLine() throws {
    let options = parse("/build/martlet loglvl=all com1=115200,8n1 console=com1 dom0_mem=512M noreboot")
    #expect(options.imageName == 0..<14)
    #expect(options.logLevels == LogLevels(always: .debug, rateLimited: .debug))
    let com1 = try #require(options.com1)
    #expect(
      com1.baud == 115_200 && com1.divisor == 1 && com1.dataBits == 8 && com1.parity == .none && com1.stopBits == 1)
    #expect(options.console == .com1 && options.noReboot)
    #expect(options.domain0Memory.resolve(available: 2 << 30, total: 2 << 30) == (512 << 20, nil))
    #expect(options.reports.list.isEmpty)
  }

  @Test func defaults() {
    let options = parse("")
    #expect(
      options.com1 == nil && options.console == [.com1, .vga] && options.maximumCPUs == nil && options.smap == nil
        && options.smep)
    #expect(options.logLevels.always == .warning && options.guestLogLevels.always == .none)
    #expect(options.guestLogLevels.rateLimited == .warning && options.domain0VCPUs == .asCPUs && !options.noReboot)
    #expect(options.domain0Arguments == nil && options.imageName == nil && options.reports.list.isEmpty)
  }

  @Test(arguments: [
    ("noreboot", true), ("noreboot=yes", true), ("noreboot=on", true), ("noreboot=true", true),
    ("noreboot=enable", true),
    ("noreboot=1", true), ("noreboot=no", false), ("noreboot=off", false), ("noreboot=false", false),
    ("noreboot=disable", false), ("noreboot=0", false), ("no-noreboot", false), ("noreboot no-noreboot", false),
    ("no-noreboot noreboot", true), ("noreboot=maybe", false), ("noreboot noreboot=maybe", true), ("reboot=no", true),
    ("reboot=k,warm", false), ("no-noreboot=1", false), ("noreboot=", false), ("Noreboot=1", false),
  ])
  func booleans(line: String, expected: Bool) {
    #expect(parse(line).noReboot == expected)
  }

  @Test(
    arguments: [
      ("smep=maybe", ["invalid smep=maybe"]), ("no-smep=1", ["invalid no-smep=1"]), ("loglvl", ["invalid loglvl"]),
      ("no-loglvl=all", ["unknown no-loglvl=all"]), ("x frobnicate=7", ["unknown frobnicate=7"]),
      ("frobnicate=7", ["unknown frobnicate=7"]), ("x frob nicate", ["unknown frob", "unknown nicate"]),
      ("martlet", []),
      ("iommu=no", ["withoutEffect iommu=no"]), ("no-iommu", ["withoutEffect no-iommu"]),
      ("ucode=scan", ["withoutEffect ucode=scan"]), ("vga=keep", ["withoutEffect vga=keep"]),
      ("no-x2apic x2apic=off", ["withoutEffect no-x2apic", "withoutEffect x2apic=off"]),
      ("no-real-mode", ["withoutEffect no-real-mode"]), ("x2api", []), ("a x2api", ["unknown x2api"]),
      ("noapic", ["withoutEffect noapic"]), ("x =5", ["unknown =5"]), ("x no-", ["unknown no-"]),
      ("console=vga,com1", ["withoutEffect vga"]), ("console=com1H", ["withoutEffect com1H"]), ("console=none", []),
      ("console=tty0", ["invalid console=tty0"]), ("sched=bvt", []), ("sched=credit2", ["withoutEffect sched=credit2"]),
      ("sched=fifo", ["invalid sched=fifo"]), ("clocksource=moon", ["invalid clocksource=moon"]),
      ("maxcpus=0", ["invalid maxcpus=0"]), ("maxcpus=x", ["invalid maxcpus=x"]),
      ("maxcpus=-1", ["invalid maxcpus=-1"]),
      ("dom0=pvh", ["invalid pvh"]), ("dom0=pv,verbose", ["withoutEffect verbose"]),
      ("dom0=shadow=0", []),
      ("dom0=shadow", ["invalid shadow"]),
      ("dom0=cpuid-faulting=0", ["withoutEffect cpuid-faulting=0"]),
      ("dom0=verbose,msr-relaxed", ["withoutEffect verbose"]),
      ("gnttab=no-transitive,transfer", ["withoutEffect no-transitive", "withoutEffect transfer"]),
      ("reboot=zap", ["invalid reboot=zap"]),
      ("reboot=efi", ["withoutEffect efi"]), ("mem=1G availmem=512M reboot=w,k", []),
      ("conswitch=A", ["invalid conswitch=A"]),
      ("tsc=odd", ["invalid tsc=odd"]),
      ("spec-ctrl=no", ["withoutEffect spec-ctrl=no"]), ("spec-ctrl=yes", ["invalid yes"]),
      ("spec-ctrl=no-xen,rsb=no-pv,bti-thunk=jmp", ["withoutEffect spec-ctrl=no-xen,rsb=no-pv,bti-thunk=jmp"]),
      ("spec-ctrl=magic", ["invalid magic"]), ("xpti=dom0=no,domu", ["withoutEffect xpti=dom0=no,domu"]),
      ("xpti=some", ["invalid some"]), ("pv-l1tf=domu", ["withoutEffect pv-l1tf=domu"]),
      ("pv-l1tf=all", ["invalid all"]),
      ("watchdog=force", ["withoutEffect watchdog=force"]), ("gnttab=max-ver:3", ["invalid max-ver:3"]),
      ("mem=lots", ["invalid mem=lots"]), ("dom0_mem=1Q", ["invalid dom0_mem=1Q"]),
      ("dom0_mem=100%", ["invalid dom0_mem=100%"]),
      ("dom0_mem=", ["invalid dom0_mem="]), ("dom0_mem=1G,,", ["invalid dom0_mem=1G,,"]),
      ("dom0_mem=99999999999T", ["invalid dom0_mem=99999999999T"]),
      ("dom0_max_vcpus=4-2", ["invalid dom0_max_vcpus=4-2"]),
      ("dom0_max_vcpus=0", ["invalid dom0_max_vcpus=0"]), ("dom0_max_vcpus=-", ["invalid dom0_max_vcpus=-"]),
      ("dom0_max_vcpus=1-2-3", ["invalid dom0_max_vcpus=1-2-3"]), ("loglvl=loud", ["invalid loglvl=loud"]),
      ("guest_loglvl=all/", ["invalid guest_loglvl=all/"]), ("guest_loglvl=all", []),
      ("com2=115200", ["withoutEffect com2=115200"]), ("tsx=on", []), ("no-tsx", []), ("tsx=hle", ["invalid tsx=hle"]),
    ] as [(String, [String])])
  func everyRemark(line: String, expected: [String]) {
    #expect(reports(line) == expected)
  }

  @Test(
    arguments: [
      ("512M", 512, nil), ("524288", 512, nil), ("0x20000000B0", 3072, nil), ("1g", 1024, nil),
      ("-512M", 3072 - 512, nil),
      ("max:1G", 1024, 1024), ("512M,max:1G", 512, 1024), ("min:4G", 3072, nil), ("2G,min:512M,max:1G", 1024, 1024),
      ("256M,min:512M", 512, nil), ("256M,min:2G,max:1G", 1024, 1024), ("25%", 1024, nil), ("1G+25%", 2048, nil),
      ("max:50%", 2048, 2048), ("-4G", 0, nil), ("9G", 3072, nil), ("1T", 3072, nil), ("256M,512M", 512, nil),
      ("1024b", 0, nil), ("0100M", 64, nil), ("-1G+50%", 1024, nil),
    ] as [(String, UInt64, UInt64?)])
  func domain0Memory(value: String, initial: UInt64, maximum: UInt64?) {
    let options = parse("dom0_mem=\(value)")
    #expect(options.reports.list.isEmpty)
    let amounts = options.domain0Memory.resolve(available: 3072 << 20, total: 4096 << 20)
    #expect(amounts.initial == initial << 20)
    #expect(amounts.maximum == maximum.map { $0 << 20 })
  }

  /// Each word of `dom0_mem=` sets what it names, as in one word.
  @Test func domain0MemoryInSeveralWords() {
    func amounts(_ line: String) -> (UInt64, UInt64?) {
      let options = parse(line)
      #expect(options.reports.list.isEmpty)
      let found = options.domain0Memory.resolve(available: 3072 << 20, total: 4096 << 20)
      return (found.initial >> 20, found.maximum.map { $0 >> 20 })
    }
    #expect(amounts("dom0_mem=2G,max:512M dom0_mem=1G") == (512, 512))
    #expect(amounts("dom0_mem=min:1G dom0_mem=256M,max:2G") == (1024, 2048))
    #expect(amounts("dom0_mem=max:512M dom0_mem=max:768M") == (768, 768))
    #expect(amounts("dom0_mem=256M dom0_mem=512M") == (512, nil))
  }

  /// What cannot be as large as it is wanted is as large as it can be, and that is said.
  @Test(
    arguments: [
      ("gnttab_max_frames=2048", "gnttab_max_frames=2048", 256), ("gnttab_max_frames=0", "gnttab_max_frames=0", 1),
      ("gnttab_max_frames=256", nil, 256), ("gnttab_max_maptrack_frames=5000", "gnttab_max_maptrack_frames=5000", 1024),
      ("maxcpus=4096", "maxcpus=4096", 128), ("maxcpus=2", nil, 2), ("maxcpus=7 nosmp=no", nil, 7),
      ("conring_size=128K", nil, 128 << 10), ("conring_size=100K", "conring_size=100K", 64 << 10),
      ("conring_size=4K", "conring_size=4K", 16 << 10), ("conring_size=64M", "conring_size=64M", 16 << 20),
      ("conring_size=99999T", "conring_size=99999T", 16 << 20),
      ("dom0_max_vcpus=500", "dom0_max_vcpus=500", 128), ("dom0_max_vcpus=4-500", "dom0_max_vcpus=4-500", 4),
      ("dom0_max_vcpus=128-", nil, 128),
    ] as [(String, String?, UInt64)])
  func nothingIsCutSilently(line: String, said: String?, taken: UInt64) {
    var limits = OptionLimits()
    (limits.grantFrames, limits.grantMapFrames) = (1...256, 0...1024)
    (limits.cpus, limits.domain0VCPUs, limits.consoleRing) = (128, 128, (16 << 10)...(16 << 20))
    let bytes = Array(line.utf8)
    let options = HypervisorOptions.parse(bytes.span, limits: limits)
    #expect(
      options.reports.list.indices.map { "\(options.reports.list[$0].kind)" } == (said == nil ? [] : ["adjusted"]))
    if let said {
      let report = options.reports.list[0]
      #expect(String(decoding: bytes[report.word], as: UTF8.self) == said)
    }
    let name = line.prefix { $0 != "=" }
    switch name {
    case "gnttab_max_frames": #expect(options.grantFrames == Int(taken))
    case "gnttab_max_maptrack_frames": #expect(options.grantMapFrames == Int(taken))
    case "maxcpus": #expect(options.maximumCPUs == Int(taken))
    case "conring_size": #expect(options.consoleRingSize == taken)
    default: #expect(options.domain0VCPUs.resolve(cpus: 2) == Int(taken))
    }
  }

  @Test(
    arguments: [("0x1b", 0x1b << 10), ("27b", 27), ("010k", 8 << 10), ("0x2M", 2 << 20), ("0", 0), ("3t", 3 << 40)]
      as [(String, UInt64)])
  func sizes(value: String, bytes: UInt64) {
    #expect(parse("mem=\(value)").memoryLimit == bytes)
  }

  @Test func withoutDom0MemAReserveIsKept() {
    let options = parse("")
    #expect(options.domain0Memory.resolve(available: 1 << 30, total: 1 << 30).initial == 1 << 30 - 1 << 26)
    #expect(options.domain0Memory.resolve(available: 8 << 30, total: 8 << 30).initial == 8 << 30 - 128 << 20)
    #expect(options.domain0Memory.resolve(available: 0, total: 0).initial == 0)
    let extreme = parse("dom0_mem=16777215T+99%,max:16777215T").domain0Memory
    #expect(extreme.resolve(available: UInt64.max, total: UInt64.max).initial == (16_777_215 as UInt64) << 40)
  }

  @Test(arguments: [
    ("4", 2, 4), ("4-8", 2, 4), ("4-8", 4, 4), ("4-8", 6, 6), ("4-8", 10, 8), ("-3", 8, 3), ("-3", 2, 2), ("3-", 1, 3),
    ("3-", 5, 5), ("0x10", 1, 16),
  ])
  func domain0VCPUs(value: String, cpus: Int, expected: Int) {
    #expect(parse("dom0_max_vcpus=\(value)").domain0VCPUs.resolve(cpus: cpus) == expected)
  }

  @Test(arguments: [
    ("none", LogLevel.none, LogLevel.none), ("error", .error, .error), ("warning/info", .warning, .info),
    ("all", .debug, .debug),
    ("none/all", .none, .debug), ("info/error", .info, .info), ("debug", .debug, .debug),
  ])
  func logLevels(value: String, always: LogLevel, limited: LogLevel) {
    let options = parse("loglvl=\(value) guest_loglvl=\(value)")
    #expect(options.logLevels.always == always && options.logLevels.rateLimited == limited)
    #expect(options.guestLogLevels == options.logLevels)
  }

  @Test func serialPorts() throws {
    var com1 = try #require(parse("com1=38400/230400,7e2,0x2e8,11").com1)
    #expect(com1.baud == 38400 && com1.baseBaud == 230_400 && com1.divisor == 6)
    #expect(
      com1.dataBits == 7 && com1.parity == .even && com1.stopBits == 2 && com1.ioBase == 0x2e8 && com1.interrupt == 11)
    com1 = try #require(parse("com1=auto,,0x3f8,0").com1)
    #expect(com1.baud == nil && com1.divisor == nil && com1.ioBase == 0x3f8 && com1.interrupt == 0)
    com1 = try #require(
      parse("com1=baud=9600,parity=n,stop-bits=2,io-base=0x3f8,data-bits=7,irq=4,clock-hz=1843200").com1)
    #expect(
      com1.divisor == 12 && com1.stopBits == 2 && com1.dataBits == 7 && com1.ioBase == 0x3f8 && com1.interrupt == 4)
    let com2 = try #require(parse("com2=19200,5").com2)
    #expect(com2.baud == 19200 && com2.dataBits == 5 && com2.ioBase == nil)
    // A later option wins, an impossible one does not.
    #expect(parse("com1=9600 com1=19200 com1=fast").com1?.baud == 19200)
  }

  @Test(arguments: [
    "0", "fast", "115201", "230400", "1", "9600,9n1", "9600,8x1", "9600,8n3", "9600,8n11", "9600,8n1,pci",
    "9600,8n1,0xfff9",
    "9600,8n1,0x3f8,16", "9600,8n1,0x3f8,msi", "9600,8n1,0x3f8,4,01:02.0", "reg-shift=2", "reg-width=4", "dev=pci",
    "frob=1",
    "9600/0", "clock-hz=1", "parity=none", "stop-bits=0", "99999999999999999999",
  ])
  func impossibleSerialPorts(value: String) {
    let options = parse("com1=\(value)")
    #expect(options.com1 == nil)
    #expect(options.reports.contains(.invalid))
  }

  @Test func theRest() {
    let options = parse(
      "console=com2,com1 conring_size=64k console_to_ring conswitch=bx dom0_vcpus_pin mem=4G "
        + "availmem=1G nosmp smap=hvm no-smep "
        + "clocksource=hpet gnttab=max-ver:1,no-transitive,transfer=off "
        + "gnttab_max_frames=32 gnttab_max_maptrack_frames=0x100 "
        + "xpti=no,dom0 watchdog watchdog_timeout=9 reboot=a,warm dom0=verbose,msr-relaxed spec-ctrl=no sync_console")
    #expect(options.console == [.com1, .com2] && options.consoleRingSize == 65536 && options.consoleToRing)
    #expect(options.consoleSwitch == UInt8(ascii: "b") && !options.givesConsoleToDomain0 && options.pinsDomain0)
    #expect(options.memoryLimit == 4 << 30 && options.availableMemory == 1 << 30 && options.maximumCPUs == 1)
    #expect(options.smap == false && !options.smep && options.clockSource == .hpet && options.grantTableVersion == 1)
    #expect(options.grantFrames == 32 && options.grantMapFrames == 256)
    #expect(options.rebootMethod == .acpi && options.warmReboot)
    #expect(options.domain0MSRRelaxed && options.synchronousConsole)
    #expect(!options.reports.contains(.invalid) && !options.reports.contains(.unknown))
  }

  @Test func wordsAndSeparator() {
    let line = "  \t noreboot\tmaxcpus=2  --  root=/dev/xvda quiet -- x \0"
    let options = parse(line)
    #expect(options.imageName == nil && options.noReboot && options.maximumCPUs == 2)
    #expect(
      options.domain0Arguments.map { String(decoding: Array(line.utf8)[$0], as: UTF8.self) }
        == "root=/dev/xvda quiet -- x")
    #expect(options.reports.list.isEmpty)
    #expect(parse("noreboot --").domain0Arguments?.isEmpty == true)
    #expect(parse("boot/x=y noreboot").imageName == 0..<8)
    #expect(reports("noreboot martlet") == ["unknown martlet"])
  }

  @Test func theFileNameMayBeKnown() {
    let line = Array("noreboot maxcpus=2".utf8)
    let named = HypervisorOptions.parse(line.span, startsWithFileName: true)
    #expect(!named.noReboot && named.imageName == 0..<8 && named.maximumCPUs == 2)
    let other = Array("frobnicate maxcpus=2".utf8)
    let unnamed = HypervisorOptions.parse(other.span, startsWithFileName: false)
    #expect(unnamed.imageName == nil && unnamed.reports.contains(.unknown))
  }

  @Test func reportsAreBounded() {
    let options = parse("x " + (0..<50).map { "frob\($0)=1" }.joined(separator: " "))
    #expect(options.reports.list.count == 32 && options.reports.dropped == 18)
  }

  /// The table itself: each name finds its option, and no name stands in both lists.
  @Test func theOptionTable() {
    var number: UInt8 = 0
    while let option = HypervisorOption(rawValue: number) {
      let name = option.name.withUTF8Buffer { Array($0) }
      let found = HypervisorOption.named(0..<name.count, in: name.span)
      let isOther = name.span.isOtherOption(0..<name.count)
      #expect(found == option && !isOther)
      number += 1
    }
    #expect(number == 37)
  }

  @Test func noiseNeverTraps() {
    var random = Random(state: 11)
    let pieces = [
      "com1=", "console=", "loglvl=", "dom0_mem=", "dom0_max_vcpus=", "min:", "max:", "no-", "smap", "xpti=",
      "spec-ctrl=", "reboot=",
      "gnttab=", "max-ver:", "conswitch=", "115200", "8n1", "0x", "-", "%", "+", ",", "=", "/", " ", "--", "a", "0",
      "9", "G",
      "99999999999999999999", "pv-l1tf=", "dom0=", "verbose", "hvm", "com1H", "\0", "\u{ff}", "true",
    ]
    for _ in 0..<4000 {
      var line = ""
      for _ in 0..<Int.random(in: 0...14, using: &random) { line += pieces.randomElement(using: &random)! }
      let options = parse(line)
      _ = options.domain0Memory.resolve(
        available: .random(in: 0...UInt64.max, using: &random), total: .random(in: 0...UInt64.max, using: &random))
      _ = options.domain0VCPUs.resolve(cpus: 4)
      _ = options.com1?.divisor
    }
  }
}
