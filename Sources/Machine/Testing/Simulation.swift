// SPDX-License-Identifier: Apache-2.0
// Host tests only: the simulated machine under the code that runs on metal. Everything above CMachine is the same code.
#if os(Linux)
  import CMachine

  /// The simulated machine: its memory is the physical window, and each thread that asks for it is one of its CPUs.
  public enum Simulation {
    /// Starts with `frames` frames of cleared memory and nothing else: all records and references from before are gone. The
    /// calling thread is CPU 0. False where the host has no memory for it.
    ///
    /// One simulated machine exists at a time in a process: tests take turns (see Tests/SimulatedMachine).
    public static func start(frames: UInt64) -> Bool {
      guard martlet_simulation_start(frames) else { return false }
      for cpu in 0..<CPUs.limit { CPUs.setOnline(cpu, false) }
      CPUs.setStarted(1)
      becomeCPU(0)
      return true
    }

    /// Makes the calling thread CPU `number`, holding no lock and without a record of its own yet.
    public static func becomeCPU(_ number: Int) {
      precondition(number >= 0 && number < CPUs.limit)
      // SAFETY: 1. This thread's own block.
      let info = unsafe martlet_current_stack_info()
      unsafe info.pointee = martlet_stack_info()
      unsafe info.pointee.cpu_number = UInt64(number)
      CPUs.setOnline(number, true)
      if CPUs.started <= number { CPUs.setStarted(number + 1) }
    }

    /// Has this thread's guest copies go through the page tables under `root`. A flush only if it used others.
    public static func useTables(root: MachineFrame) {
      if martlet_read_cr3() != root.physical { martlet_write_cr3(root.physical) }
    }

    /// What is told of faults of this thread's guest copies: address and error code. It says whether the access runs again.
    public typealias PageFaultHandler = @convention(c) (UInt64, UInt32) -> Bool

    /// Has `handler` told of faults of this thread's guest copies, with `from` as the instruction that faults and `to` as where
    /// it goes on if nobody mends the fault.
    public static func handlePageFaults(from: UInt64, to: UInt64, _ handler: @escaping PageFaultHandler) {
      // SAFETY: 1. This thread's own words.
      martlet_simulated.fixup_from = from
      martlet_simulated.fixup_to = to
      unsafe martlet_simulated.page_fault = handler
    }

    /// Has this thread's CPU remember that the page at `address` cannot be written, until a write faults on it.
    public static func rememberReadOnly(_ address: UInt64) {
      // SAFETY: as above.
      martlet_simulated.read_only_page = address &>> 12 &+ 1
    }

    /// An interrupt for another CPU. Where nobody explores what CPUs may do at once, the others stand still between what one
    /// thread does in their names: a flush is then answered at once, for them.
    static func send(_ vector: HypervisorVector, to cpu: Int) {
      if !martlet_simulated_send(Int32(cpu), vector.rawValue) && vector == .flush {
        FlushMailbox.answerInstead(of: cpu)
      }
    }

    /// Has a UART at an I/O port, of this thread's CPU. One that is instant is always ready; any other sends what its FIFO holds
    /// when `uartSends` is called.
    public static func startUART(base: UInt16, isInstant: Bool = false) {
      martlet_simulated.uart_base = UInt64(base)
      martlet_simulated.uart_instant = isInstant ? 1 : 0
    }

    /// Time passes: the UART's FIFO becomes empty. Gives whether it interrupts now.
    public static func uartSends() -> Bool {
      if martlet_simulated.uart_fifo > 0 { martlet_simulated.uart_reason = 1 }
      martlet_simulated.uart_fifo = 0
      return martlet_simulated.uart_reason != 0 && martlet_simulated.uart_enabled & 2 != 0
    }

    /// How many bytes the UART was given, and how many of them while its FIFO was full.
    public static var uartBytes: (taken: Int, lost: Int) {
      (Int(martlet_simulated.uart_count), Int(martlet_simulated.uart_lost))
    }

    /// A byte that the UART was given, by its place.
    public static func uartByte(_ index: Int) -> UInt8 { martlet_uart_byte(UInt64(index)) }

    /// How many interrupts this thread's CPU has sent to others.
    public static var interruptsSent: UInt64 {
      // SAFETY: 1. This thread's own word.
      martlet_simulated.interrupts_sent
    }

    /// After how many units of work each stretch on this thread's CPU is over; nil for never. (`Stretch`)
    public static var stretchUnits: Int? {
      // SAFETY: 1. This thread's own word.
      get { martlet_simulated.stretch_units == 0 ? nil : Int(martlet_simulated.stretch_units) }
      set { martlet_simulated.stretch_units = Int64(newValue ?? 0) }
    }

    /// Whether a lock of the rank was held when this thread's CPU asked others to flush, since this was last asked.
    public static func takeHeldWhileFlushing(_ rank: LockRank) -> Bool {
      // SAFETY: 1. This thread's own word.
      let bit = UInt64(1) &<< UInt64(rank.rawValue / 10)
      defer { martlet_simulated.locks_at_flush &= ~bit }
      return martlet_simulated.locks_at_flush & bit != 0
    }

    /// How many units this thread's CPU has spent in the stretch at work.
    public static var unitsSpent: Int { Stretch.spent }

    /// How often this thread's CPU has flushed all translations.
    public static var flushes: UInt64 {
      // SAFETY: 1. This thread's own word.
      martlet_simulated.flushes
    }
  }
#endif
