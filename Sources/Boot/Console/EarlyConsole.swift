// SPDX-License-Identifier: Apache-2.0
// Saying something before there is a console: on the first serial port, as the firmware left it.
import Machine

enum EarlyConsole {
  static var port: SerialPort { SerialPort(base: 0x3f8) }

  static func say(_ text: StaticString) {
    var line = TextLine()
    line.put(text)
    write(line)
  }

  static func write(_ line: borrowing TextLine) {
    let port = port
    var prefix = TextLine()
    prefix.put("(XEN) ")
    prefix.forEach { port.send($0) }
    line.forEach { port.send($0) }
    port.send(13)
    port.send(10)
  }

  /// Waits by the old interval timer, which needs no setting up; not for ever if it stands still.
  static func wait(seconds: Int) {
    let timer = PlatformTimer.startInterval()
    var left = seconds &* 1_193_182
    var last = timer.read().count
    var patience = seconds &* 2_000_000
    while left > 0 && patience > 0 {
      let now = timer.read().count
      left &-= Int(timer.ticks(from: last, to: now))
      last = now
      patience &-= 1
    }
  }
}
