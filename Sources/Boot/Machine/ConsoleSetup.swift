// SPDX-License-Identifier: Apache-2.0
// The console as the command line wants it, and what the command line said that needs saying.
import Domains
import Images
import Machine

enum ConsoleSetup {
  /// Sets the serial port up and publishes the console.
  static func open(_ options: HypervisorOptions, _ memory: inout BootMemory) {
    var port: SerialPort? = nil
    if options.console.contains(.com1) || options.com1 != nil {
      let settings = options.com1
      let candidate = SerialPort(base: settings?.ioBase ?? 0x3f8)
      if candidate.isPresent {
        let format: UInt8 =
          (settings?.dataBits ?? 8) &- 5 | ((settings?.stopBits ?? 1) == 2 ? 4 : 0) | (settings?.parity.lineControl ?? 0)
        candidate.configure(divisor: settings?.divisor ?? 0, format: format)
        port = candidate
      }
    }
    let frames = 8
    guard let ring = memory.allocate(frames: UInt64(frames), limit: 1 &<< 20),
      let place = memory.allocate(frames: Ref<Console>.framesNeeded, limit: 1 &<< 20)
    else { BootFailure.stop("not enough memory for a console; give the machine more") }
    for index in 0..<UInt64(frames) { PhysicalWindow.clear(ring + index) }
    let console = Ref<Console>.create(in: place, Console(port: port, ring: ring, frames: frames))
    console[].threshold = level(options.logLevels.always)
    console[].guestThreshold = level(options.guestLogLevels.always)
    console.publish()
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
      } else if report.kind == .invalid {
        Log.write(.error) {
          $0.put("option ")
          $0.put(printable: line.extracting(report.word))
          $0.put(": ")
          $0.put(report.message)
        }
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
