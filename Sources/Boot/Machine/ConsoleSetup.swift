// SPDX-License-Identifier: Apache-2.0
// The console as the command line wants it, and what the command line said that needs saying.
import Domains
import Images
import Machine

enum ConsoleSetup {
  /// What values on the command line have to keep to.
  static var optionLimits: OptionLimits {
    var limits = OptionLimits()
    limits.grantFrames = 1...GrantLimits.mostFrames
    limits.grantMapFrames = 0...GrantLimits.mostMaptrackFrames
    limits.cpus = CPUs.limit
    limits.domain0VCPUs = Domain.vcpuLimit
    limits.consoleRing = Console.ringSizes
    limits.transmitBuffer = TransmitQueue.sizes
    return limits
  }

  /// Sets the serial port up and publishes the console.
  static func open(_ options: HypervisorOptions, _ memory: inout BootMemory) {
    var port: SerialPort? = nil
    if options.console.contains(.com1) || options.com1 != nil {
      let settings = options.com1
      var candidate = SerialPort(base: settings?.ioBase ?? 0x3f8)
      if candidate.isPresent {
        let format: UInt8 =
          (settings?.dataBits ?? 8) &- 5 | ((settings?.stopBits ?? 1) == 2 ? 4 : 0)
          | (settings?.parity.lineControl ?? 0)
        candidate.configure(divisor: settings?.divisor ?? 0, format: format)
        port = candidate
      }
    }
    let queueBytes = options.transmitBufferSize ?? TransmitQueue.standardSize
    let ringFrames = Int((options.consoleRingSize ?? Console.standardRingSize) &>> 12)
    guard let header = ringPlace(UInt64(ringFrames &+ 1), &memory),
      let place = memory.allocate(frames: Ref<Console>.framesNeeded, limit: 1 &<< 20),
      let queue = memory.allocate(frames: queueBytes &>> 12, limit: 1 &<< 20)
    else { BootFailure.stop("not enough memory for a console; give the machine more") }
    let ring = header + 1
    let preserved = PreservedRing(header: header, first: ring, bytes: ringFrames &* 4096)
    let record = preserved.record()
    if record == nil {
      for index in 0...UInt64(ringFrames) { PhysicalWindow.clear(header + index) }
    }
    let console = Ref<Console>.create(
      in: place,
      Console(
        port: port, ring: ring, frames: ringFrames, header: header, produced: record?.produced ?? 0, queue: queue,
        queueBytes: queueBytes))
    console[].threshold = level(options.logLevels.always)
    console[].keepsDomain0 = options.consoleToRing
    console[].guestOutput =
      options.guestLogLevels.always >= .debug
      ? .shown : options.guestLogLevels.rateLimited >= .debug ? .limited : .hidden
    console.publish()
    if let record {
      console.showPrevious(record)
      preserved.forget()
    }
  }

  /// Where the ring goes: to a place that does not depend on what is loaded, so that it is found again after a warm reboot;
  /// firmware and loaders work near the start and the end of memory. Modules may be in the way of one place, so there are
  /// three. A machine that has none of them free has its ring anywhere.
  private static func ringPlace(_ frames: UInt64, _ memory: inout BootMemory) -> MachineFrame? {
    let megabytes: InlineArray<3, UInt64> = [208, 112, 44]
    for index in megabytes.indices {
      let start = megabytes[index] &<< 8
      if memory.isFree(start: start, end: start &+ frames) {
        memory.reserve(start: start, end: start &+ frames)
        return MachineFrame(start)
      }
    }
    return memory.allocate(frames: frames, limit: 1 &<< 20)
  }

  static func level(_ level: Images.LogLevel) -> Domains.LogLevel {
    switch level {
    case .none, .error: .error
    case .warning: .warning
    case .info: .info
    default: .debug
    }
  }

  /// One line names the options that mean nothing to us; one each says what else is to be said.
  static func report(_ options: HypervisorOptions, _ line: Span<UInt8>) {
    if options.reports.contains(.unknown) {
      Log.write(.error) { text in
        text.put("unknown options, ignored:")
        for index in options.reports.list.indices where options.reports.list[index].kind == .unknown {
          text.put(" ")
          text.put(printable: line.extracting(options.reports.list[index].word))
        }
      }
    }
    for index in options.reports.list.indices {
      let report = options.reports.list[index]
      if report.kind == .withoutEffect {
        Log.write(.warning) {
          $0.put("option ")
          $0.put(printable: line.extracting(report.word))
          $0.put(": accepted, without effect here")
        }
      } else if report.kind == .adjusted {
        Log.write(.error) {
          $0.put("option ")
          $0.put(printable: line.extracting(report.word))
          $0.put(": not possible here; ")
          $0.put(decimal: report.taken)
          $0.put(" is taken instead")
        }
      } else if report.kind == .invalid {
        Log.write(.error) {
          $0.put("option ")
          $0.put(printable: line.extracting(report.word))
          $0.put(": ")
          $0.put(report.message)
        }
      }
    }
    if options.reports.dropped > 0 {
      Log.write(.error) {
        $0.put(decimal: UInt64(options.reports.dropped))
        $0.put(" more remarks on the options are left out")
      }
    }
  }
}

extension SerialSettings.Parity {
  /// The bits of the line control register.
  var lineControl: UInt8 {
    switch self {
    case .none: 0
    case .odd: 0x08
    case .even: 0x18
    case .mark: 0x28
    case .space: 0x38
    }
  }
}
