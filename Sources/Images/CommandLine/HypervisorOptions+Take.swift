// SPDX-License-Identifier: Apache-2.0

// One line per option: its value checked, then stored. An impossible value is thrown before anything is stored.

extension HypervisorOptions {
  /// Stores an option's value.
  mutating func take(
    _ option: HypervisorOption, _ value: OptionValue, of line: Span<UInt8>
  ) throws(OptionError) {
    switch option {
    case .availableMemory: availableMemory = try value.size(of: line)
    case .clockSource: try takeClockSource(value, of: line)
    case .com1: com1 = try value.serialSettings(of: line)
    case .com2: com2 = try value.serialSettings(of: line)
    case .console: try takeConsole(value, of: line)
    case .consoleToRing: consoleToRing = try value.boolean(of: line)
    case .consoleRingSize: consoleRingSize = try powerOfTwo(value, of: line, within: limits.consoleRing)
    case .consoleSwitch: try takeConsoleSwitch(value, of: line)
    case .domain0: try takeDomain0(value, of: line)
    case .domain0Maximum: try takeDomain0VCPUs(value, of: line)
    case .domain0Memory: try takeDomain0Memory(value, of: line)
    case .domain0Pin: pinsDomain0 = try value.boolean(of: line)
    case .grantTable: try takeGrantTable(value, of: line)
    case .grantFrames: grantFrames = try count(value, of: line, within: limits.grantFrames)
    case .grantMapFrames: grantMapFrames = try count(value, of: line, within: limits.grantMapFrames)
    case .guestLogLevel: guestLogLevels = try value.logLevels(of: line)
    case .logLevel: logLevels = try value.logLevels(of: line)
    case .maximumCPUs: try takeMaximumCPUs(value, of: line)
    case .memory: memoryLimit = try value.size(of: line)
    case .noReboot: noReboot = try value.boolean(of: line)
    case .noSMP: if try value.boolean(of: line) { maximumCPUs = 1 }
    case .pvL1TF: try checkL1TF(value, of: line)
    case .reboot: try takeReboot(value, of: line)
    case .scheduler: try takeScheduler(value, of: line)
    case .smap: smap = try protection(value, of: line)
    case .smep: smep = try protection(value, of: line)
    case .speculation: try checkSpeculation(value, of: line)
    case .synchronousConsole: synchronousConsole = try value.boolean(of: line)
    case .transmitBuffer: transmitBufferSize = try powerOfTwo(value, of: line, within: limits.transmitBuffer)
    case .tsc: try takeTSC(value, of: line)
    case .transactions: tsx = try value.boolean(of: line)
    case .watchdog: try checkWatchdog(value, of: line)
    case .watchdogTimeout: _ = try value.count(of: line)
    case .xpti: try checkIsolation(value, of: line)
    case .cpuFrequency, .iommu, .microcode: break
    }
  }

  /// A number; one that is not possible here is replaced by the nearest that is, and that is said.
  private mutating func count(
    _ value: OptionValue, of line: Span<UInt8>, within range: ClosedRange<Int>
  ) throws(OptionError) -> Int {
    let wanted = try value.count(of: line)
    let taken = min(max(wanted, range.lowerBound), range.upperBound)
    if taken != wanted { reports.add(.adjusted, value.word, to: UInt64(taken)) }
    return taken
  }

  /// A size of a buffer, which is a power of two of bytes: what is asked for is rounded down, and that is said.
  private mutating func powerOfTwo(
    _ value: OptionValue, of line: Span<UInt8>, within range: ClosedRange<UInt64>
  ) throws(OptionError) -> UInt64 {
    let wanted = try value.size(of: line)
    var taken = range.lowerBound
    while taken &<< 1 <= min(wanted, range.upperBound) { taken &<<= 1 }
    if taken != wanted { reports.add(.adjusted, value.word, to: taken) }
    return taken
  }

  // MARK: Console

  private mutating func takeConsole(_ value: OptionValue, of line: Span<UInt8>) throws(OptionError) {
    var chosen = ConsoleSet.none
    try line.forEachItem(of: value.required) { item throws(OptionError) in
      if line.equals(item, "com1") {
        chosen.insert(.com1)
      } else if line.equals(item, "com2") {
        chosen.insert(.com2)
      } else if line.equals(item, "vga") {
        chosen.insert(.vga)
        reports.add(.withoutEffect, item, "the screen is not driven; the console is on the serial ports only")
      } else if line.equals(item, "com1H") || line.equals(item, "com1L") {
        chosen.insert(.com1)
        reports.add(.withoutEffect, item, "a serial port is not shared by its eighth bit; all of it is used")
      } else if line.equals(item, "com2H") || line.equals(item, "com2L") {
        chosen.insert(.com2)
        reports.add(.withoutEffect, item, "a serial port is not shared by its eighth bit; all of it is used")
      } else if line.equals(item, "pv") || line.equals(item, "dbgp") || line.equals(item, "ehci")
        || line.equals(item, "xhci")
      {
        reports.add(.withoutEffect, item, "this console is not driven; use com1 or com2")
      } else if !line.equals(item, "none") {
        throw OptionError(item: value.word, message: "the consoles are com1, com2, vga and none")
      }
    }
    console = chosen
  }

  private mutating func takeConsoleSwitch(_ value: OptionValue, of line: Span<UInt8>) throws(OptionError) {
    let text = value.required
    guard let first = text.first, text.count <= 2, text.count == 1 || line[first + 1] == UInt8(ascii: "x"),
      line[first] >= UInt8(ascii: "a"), line[first] <= UInt8(ascii: "z")
    else { throw value.error("the value must be a letter a-z, with x after it to keep the input here") }
    consoleSwitch = line[first]
    givesConsoleToDomain0 = text.count == 1
  }

  // MARK: Domain 0

  private mutating func takeDomain0Memory(_ value: OptionValue, of line: Span<UInt8>) throws(OptionError) {
    // Each word sets what it names: `dom0_mem=min:256M dom0_mem=max:512M` is as `dom0_mem=min:256M,max:512M`.
    var memory = domain0Memory
    try line.forEachItem(of: value.required) { item throws(OptionError) in
      let isMinimum = line.hasPrefix(item, "min:")
      let isMaximum = line.hasPrefix(item, "max:")
      let size = isMinimum || isMaximum ? (item.lowerBound + 4)..<item.upperBound : item
      guard let amount = MemoryAmount(size, of: line) else {
        throw value.error("the amounts must be like 512M, -1G, 25% or 1G+25%, alone or after min: or max:")
      }
      if isMinimum {
        memory.minimum = amount
      } else if isMaximum {
        memory.maximum = amount
      } else {
        memory.initial = amount
      }
    }
    domain0Memory = memory
  }

  private mutating func takeDomain0VCPUs(_ value: OptionValue, of line: Span<UInt8>) throws(OptionError) {
    guard let count = VCPUCount(value.required, of: line) else {
      throw value.error("the value must be a number from 1 on, or bounds like 2-4, -4 or 2-")
    }
    let most = limits.domain0VCPUs
    domain0VCPUs = count.limited(to: most)
    // Without a maximum there are as many as there are CPUs, of which no more are used either.
    if count.minimum > most || (count.maximum ?? most) > most { reports.add(.adjusted, value.word, to: UInt64(most)) }
  }

  private mutating func takeDomain0(_ value: OptionValue, of line: Span<UInt8>) throws(OptionError) {
    try line.forEachItem(of: value.required) { item throws(OptionError) in
      if let relaxed = line.boolean(item, named: "msr-relaxed") {
        domain0MSRRelaxed = relaxed
      } else if let shadow = line.boolean(item, named: "shadow") {
        if shadow { throw OptionError(item: item, message: "there is no shadow paging; leave this out") }
      } else if line.boolean(item, named: "verbose") != nil || line.boolean(item, named: "cpuid-faulting") != nil {
        reports.add(.withoutEffect, item)
      } else if line.equals(item, "pvh") {
        throw OptionError(item: item, message: "Domain 0 is always PV; leave this out")
      } else if !line.equals(item, "pv") {
        throw OptionError(item: item, message: "the items are pv, verbose, msr-relaxed, cpuid-faulting and shadow")
      }
    }
  }

  // MARK: Machine

  private mutating func takeMaximumCPUs(_ value: OptionValue, of line: Span<UInt8>) throws(OptionError) {
    guard try value.count(of: line) > 0 else {
      throw value.error("the value must be at least 1: the first CPU is always used")
    }
    maximumCPUs = try count(value, of: line, within: 1...limits.cpus)
  }

  /// `smap` and `smep`: a boolean, or `hvm`, which takes the protection away from PV.
  private func protection(_ value: OptionValue, of line: Span<UInt8>) throws(OptionError) -> Bool {
    if let text = value.text, line.equals(text, "hvm") { return false }
    return try value.boolean(of: line)
  }

  private mutating func takeReboot(_ value: OptionValue, of line: Span<UInt8>) throws(OptionError) {
    var method = rebootMethod
    var isWarm = warmReboot
    var halts = noReboot
    try line.forEachItem(of: value.required) { item throws(OptionError) in
      // The manual names each by its first letter, which is all that counts.
      switch item.first.map({ line[$0] }) {
      case UInt8(ascii: "t"): method = .tripleFault
      case UInt8(ascii: "k"): method = .keyboard
      case UInt8(ascii: "a"): method = .acpi
      case UInt8(ascii: "p"): method = .pci
      case UInt8(ascii: "P"): method = .power
      case UInt8(ascii: "n"): halts = true
      case UInt8(ascii: "w"): isWarm = true
      case UInt8(ascii: "c"): isWarm = false
      case UInt8(ascii: "e"), UInt8(ascii: "x"):
        reports.add(.withoutEffect, item, "there is no such way to reboot here; the usual ones are tried")
      default:
        throw OptionError(
          item: value.word, message: "the ways are triple, kbd, acpi, pci, Power and no, with warm or cold")
      }
    }
    rebootMethod = method
    warmReboot = isWarm
    noReboot = halts
  }

  private mutating func takeScheduler(_ value: OptionValue, of line: Span<UInt8>) throws(OptionError) {
    let name = value.required
    if line.equals(name, "bvt") { return }
    guard
      line.equals(name, "credit") || line.equals(name, "credit2") || line.equals(name, "arinc653")
        || line.equals(name, "rtds") || line.equals(name, "null")
    else { throw value.error("the only scheduler is bvt; leave this out") }
    reports.add(.withoutEffect, value.word, "the scheduler is always bvt (Borrowed Virtual Time)")
  }

  private mutating func takeClockSource(_ value: OptionValue, of line: Span<UInt8>) throws(OptionError) {
    let name = value.required
    if line.equals(name, "pit") {
      clockSource = .pit
    } else if line.equals(name, "hpet") {
      clockSource = .hpet
    } else if line.equals(name, "acpi") {
      clockSource = .acpi
    } else if line.equals(name, "tsc") {
      clockSource = .tsc
    } else {
      throw value.error("the sources are pit, hpet, acpi and tsc")
    }
  }

  private mutating func takeTSC(_ value: OptionValue, of line: Span<UInt8>) throws(OptionError) {
    let name = value.required
    guard line.equals(name, "unstable") || line.equals(name, "skewed") || line.equals(name, "stable:socket") else {
      throw value.error("the value must be unstable, skewed or stable:socket")
    }
    doubtsCounter = !line.equals(name, "stable:socket")
  }

  private func checkWatchdog(_ value: OptionValue, of line: Span<UInt8>) throws(OptionError) {
    if let text = value.text, line.equals(text, "force") { return }
    _ = try value.boolean(of: line)
  }

  private mutating func takeGrantTable(_ value: OptionValue, of line: Span<UInt8>) throws(OptionError) {
    try line.forEachItem(of: value.required) { item throws(OptionError) in
      if line.hasPrefix(item, "max-ver:") || line.hasPrefix(item, "max_ver:") {
        guard let version = line.number((item.lowerBound + 8)..<item.upperBound, upTo: 2), version > 0 else {
          throw OptionError(item: item, message: "the grant table version must be 1 or 2")
        }
        grantTableVersion = Int(version)
      } else if line.boolean(item, named: "transitive") != nil || line.boolean(item, named: "transfer") != nil {
        reports.add(.withoutEffect, item, "transitive grants and transfers are always there")
      } else {
        throw OptionError(item: item, message: "the items are max-ver:1, max-ver:2, transitive and transfer")
      }
    }
  }
}
