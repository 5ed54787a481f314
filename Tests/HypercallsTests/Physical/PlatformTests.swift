// SPDX-License-Identifier: Apache-2.0
// platform_op: each sub-operation, its rights and errors.
import CXenABI
import Frames
import Machine
import SimulatedMachine
import Testing
import XenABI

@testable import Domains
@testable import Hypercalls

@Suite struct PlatformTests {
  static func call(_ guest: SimulatedGuest, _ command: Int32, version: UInt32 = UInt32(XENPF_INTERFACE_VERSION))
    -> Int64
  {
    guest.set32(0, UInt32(command))
    guest.set32(4, version)
    return guest.call(__HYPERVISOR_platform_op, guest.address(0))
  }

  @Test func `the caller must be privileged and speak the right version`() {
    DeviceMachine.run { world in
      let (control, guest) = (world.guest(0, isPrivileged: true), world.guest(3))
      #expect(Self.call(guest, XENPF_get_cpuinfo) == XenError.notPermitted.code)
      #expect(Self.call(control, XENPF_get_cpuinfo, version: 0x1234) == XenError.accessDenied.code)
      #expect(Self.call(control, 999) == XenError.notImplemented.code)
      for command in [XENPF_efi_runtime_call, XENPF_set_processor_pminfo, XENPF_change_freq, XENPF_getidletime] {
        #expect(Self.call(control, command) == XenError.notImplemented.code)
      }
      for command in [XENPF_microcode_update, XENPF_cpu_hotadd, XENPF_mem_hotadd, XENPF_add_memtype] {
        #expect(Self.call(control, command) == XenError.notSupported.code)
      }
      #expect(control.call(__HYPERVISOR_platform_op, 0xffff_8000_0000_0000) == XenError.fault.code)
    }
  }

  @Test func `the time of day reaches every domain`() {
    DeviceMachine.run { world in
      let (control, guest) = (world.guest(0, isPrivileged: true), world.guest(3))
      // struct xenpf_settime64: seconds, nanoseconds, zero, system time
      control.set64(8, 1_700_000_000)
      control.set32(16, 500)
      control.set32(20, 0)
      control.set64(24, 3_000_000_200)
      #expect(Self.call(control, XENPF_settime64) == 0)
      for domain in [control.domain, guest.domain] {
        let page = domain[].sharedInfo
        #expect(PhysicalWindow.load32(page, word: SharedInfoLayout.wallClockSeconds >> 2) == 1_699_999_997)
        #expect(PhysicalWindow.load32(page, word: SharedInfoLayout.wallClockNanoseconds >> 2) == 300)
        #expect(PhysicalWindow.load32(page, word: SharedInfoLayout.wallClockVersion >> 2) & 1 == 0)
      }
      control.set32(20, 1)
      #expect(Self.call(control, XENPF_settime64) == XenError.invalid.code)
      control.set32(20, 0)
      control.set64(8, UInt64.max)
      #expect(Self.call(control, XENPF_settime64) == XenError.invalid.code)
    }
  }

  @Test func `times that make no sense have no base`() {
    #expect(wallClockBase(seconds: 5, nanoseconds: 7, systemTime: 5_000_000_007) == 0)
    #expect(wallClockBase(seconds: 5, nanoseconds: 7, systemTime: 5_000_000_008) == nil)
    #expect(wallClockBase(seconds: 5, nanoseconds: 1_000_000_000, systemTime: 0) == nil)
    #expect(wallClockBase(seconds: 18_446_744_073, nanoseconds: 709_551_615, systemTime: 0) == UInt64.max)
    #expect(wallClockBase(seconds: 18_446_744_073, nanoseconds: 709_551_616, systemTime: 0) == nil)
    #expect(wallClockBase(seconds: UInt64.max, nanoseconds: 0, systemTime: 0) == nil)
  }

  @Test func `processors are told apart from those that are not there`() {
    DeviceMachine.run { world in
      let control = world.guest(0, isPrivileged: true)
      control.clear(8..<64)
      #expect(Self.call(control, XENPF_get_cpuinfo) == 0)
      #expect(control.get32(16) == UInt32(XEN_PCPU_FLAGS_ONLINE) && control.get32(20) == 5)
      let highest = control.get32(12)
      control.set32(8, highest + 1)
      #expect(Self.call(control, XENPF_get_cpuinfo) == 0)
      #expect(control.get32(16) == UInt32(XEN_PCPU_FLAGS_INVALID))
      control.set32(8, UInt32.max)
      #expect(Self.call(control, XENPF_get_cpuinfo) == 0)
      for command in [XENPF_cpu_online, XENPF_cpu_offline] {
        #expect(Self.call(control, command) == XenError.invalid.code)
      }
      control.set32(8, 0)
      #expect(Self.call(control, XENPF_cpu_online) == 0)
      #expect(Self.call(control, XENPF_cpu_offline) == XenError.notSupported.code)
      #expect(Self.call(control, XENPF_get_cpu_version) == 0)
      let here = Registers.cpuid(0)
      #expect([control.get32(16), control.get32(20), control.get32(24)] == [here.ebx, here.edx, here.ecx])
    }
  }

  @Test func `family and model are unpacked`() {
    let skylake = ProcessorVersion(leaf1: 0x506e3)
    #expect([skylake.family, skylake.model, skylake.stepping] == [6, 0x5e, 3])
    let zen = ProcessorVersion(leaf1: 0x0087_0f10)
    #expect([zen.family, zen.model, zen.stepping] == [0x17, 0x71, 0])
    let old = ProcessorVersion(leaf1: 0x543)
    #expect([old.family, old.model, old.stepping] == [5, 4, 3])
  }

  @Test func `firmware has little to say`() {
    DeviceMachine.run { world in
      let control = world.guest(0, isPrivileged: true)
      func ask(_ type: Int32, _ index: UInt32 = 0) -> Int64 {
        control.set32(8, UInt32(type))
        control.set32(12, index)
        return Self.call(control, XENPF_firmware_info)
      }
      for type in [XEN_FW_DISK_INFO, XEN_FW_DISK_MBR_SIGNATURE, XEN_FW_VBEDDC_INFO] {
        #expect(ask(type) == XenError.noSuchDomain.code)
      }
      #expect(ask(XEN_FW_EFI_INFO) == XenError.notImplemented.code)
      #expect(ask(99) == XenError.invalid.code)
      #expect(ask(XEN_FW_KBD_SHIFT_FLAGS, 1) == XenError.noSuchDomain.code)
      #expect(ask(XEN_FW_KBD_SHIFT_FLAGS) == 0)
      // Without known registers there is no way to switch off.
      control.set32(12, 5)
      #expect(Self.call(control, XENPF_enter_acpi_sleep) == XenError.notSupported.code)
    }
  }

  @Test func `a memory type range is as large as its mask says`() {
    let range = MemoryTypeRange(base: 0xc000_0000, mask: 0xff_c000_0800, physicalBits: 40)
    #expect(range.start == 0xc0000 && range.frames == 0x40000 && range.type == 0)
    #expect(MemoryTypeRange(base: 6, mask: 0xff_c000_0000, physicalBits: 40).frames == 0)
    #expect(MemoryTypeRange(base: 6, mask: 0x800, physicalBits: 40).frames == 1 << 28)
    #expect(MemoryTypeRange(base: UInt64.max, mask: UInt64.max, physicalBits: 255).frames == 1)
  }

  @Test func `system time is the one resource to be read`() {
    DeviceMachine.run { world in
      let control = world.guest(0, isPrivileged: true)
      // struct xenpf_resource_op; two entries of 24 bytes: the time-stamp counter, and another register.
      control.set32(8, 2)
      control.set32(12, 0)
      control.set64(16, control.address(0x100))
      control.clear(0x100..<0x140)
      control.set64(0x108, 0x10)
      control.set64(0x120, 0xc000_0080)
      let before = Hypervisor.now
      #expect(Self.call(control, XENPF_resource_op) == 1)
      #expect(control.get64(0x110) >= before && control.get64(0x110) <= Hypervisor.now)
      #expect(Int32(bitPattern: control.get32(0x118)) == -13)
      control.set32(8, 9)
      #expect(Self.call(control, XENPF_resource_op) == XenError.invalid.code)
      control.set32(8, 1)
      control.set32(12, 77)
      #expect(Self.call(control, XENPF_resource_op) == XenError.noDevice.code)
      // No symbols in this build: the first is beyond the last.
      control.clear(8..<64)
      #expect(Self.call(control, XENPF_get_symbol) == 0)
      #expect(control.get32(12) == 0)
    }
  }
}
