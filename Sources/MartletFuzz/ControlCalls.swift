// SPDX-License-Identifier: Apache-2.0
// Random domctl and sysctl calls: by the privileged domain about the others, with arguments that come close to what is wanted;
// by the others too, who must not.
import CXenABI
import Domains
import Frames
import Machine
import XenABI

extension Episode {
  /// `domctl`.
  func domainControl(_ guest: Guest) -> Call {
    // A domain that is paused is out of the game until it is unpaused.
    var known: [Int32] = [
      XEN_DOMCTL_pausedomain, XEN_DOMCTL_unpausedomain, XEN_DOMCTL_unpausedomain, XEN_DOMCTL_unpausedomain,
      XEN_DOMCTL_max_mem, XEN_DOMCTL_getpageframeinfo3, XEN_DOMCTL_getpageframeinfo3, XEN_DOMCTL_shadow_op,
      XEN_DOMCTL_iomem_permission, XEN_DOMCTL_ioport_permission, XEN_DOMCTL_irq_permission, XEN_DOMCTL_setvnumainfo,
      XEN_DOMCTL_getdomaininfo, XEN_DOMCTL_setvcpuaffinity, XEN_DOMCTL_getvcpuaffinity, XEN_DOMCTL_setvcpucontext,
      XEN_DOMCTL_getvcpucontext, XEN_DOMCTL_getvcpuinfo, XEN_DOMCTL_scheduler_op, XEN_DOMCTL_max_vcpus,
    ]
    if isWide {
      known += [
        XEN_DOMCTL_createdomain, XEN_DOMCTL_resumedomain, XEN_DOMCTL_hypercall_init, XEN_DOMCTL_setdomainhandle,
        XEN_DOMCTL_settimeoffset, XEN_DOMCTL_set_address_size, XEN_DOMCTL_get_address_size, XEN_DOMCTL_gettscinfo,
        XEN_DOMCTL_settscinfo, XEN_DOMCTL_sendtrigger, XEN_DOMCTL_set_virq_handler, XEN_DOMCTL_set_ext_vcpucontext,
        XEN_DOMCTL_get_ext_vcpucontext, XEN_DOMCTL_setvcpuextstate, XEN_DOMCTL_getvcpuextstate,
        XEN_DOMCTL_get_vcpu_msrs, XEN_DOMCTL_set_vcpu_msrs, XEN_DOMCTL_get_cpu_policy, XEN_DOMCTL_set_cpu_policy,
        XEN_DOMCTL_setnodeaffinity, XEN_DOMCTL_getnodeaffinity, XEN_DOMCTL_setdebugging,
      ]
    }
    var command = UInt32(random.pick(known))
    if isWide && random.chance(10) { command = UInt32(truncatingIfNeeded: random.number()) }
    // The end of one of the guests is the end of much: rarely. Those that the guests make themselves die more often.
    let isEnd = isWide && (command == UInt32(XEN_DOMCTL_destroydomain) || random.chance(3))
    if isEnd { command = UInt32(XEN_DOMCTL_destroydomain) }
    let start = cursor
    let version: UInt64 = random.chance(97) ? UInt64(XEN_DOMCTL_INTERFACE_VERSION) : random.number() & 0xffff_ffff
    put(UInt64(command) | version << 32)
    put(
      UInt64(
        isEnd
          ? UInt16(random.chance(15) ? 2 + random.below(2) : 4 + random.below(8))
          : random.chance(80) ? UInt16(2 + random.below(random.chance(20) ? 8 : 2)) : domainNumber()))
    domainControlBody(guest, Int32(bitPattern: command))
    return Call(36, pointer(cursor - start))
  }

  private func domainControlBody(_ guest: Guest, _ command: Int32) {
    let other = random.pick(guests)
    switch command {
    case XEN_DOMCTL_max_mem: put(random.chance(70) ? UInt64(random.below(1200)) : random.number())
    case XEN_DOMCTL_getpageframeinfo3:
      let list = Guest.argument(4)
      for index in 0..<4 {
        _ = try? GuestMemory.write(LinearAddress(list + UInt64(index) * 8), frame(other, level: random.below(5)).number)
      }
      put(random.chance(85) ? UInt64(random.below(5)) : random.number())
      put(random.chance(90) ? list : linear())
    case XEN_DOMCTL_iomem_permission:
      put(random.chance(50) ? FuzzMachine.frames - UInt64(random.below(24)) : random.number())
      put(random.chance(80) ? UInt64(random.below(6)) : random.number())
      put(UInt64(random.below(2)))
    case XEN_DOMCTL_ioport_permission:
      put((random.chance(80) ? UInt64(random.below(0x100)) : random.number() & 0xffff_ffff) | UInt64(random.below(40)) << 32)
      put(UInt64(random.below(2)))
    case XEN_DOMCTL_irq_permission: put(UInt64(random.below(1100)) | UInt64(random.below(2)) << 32)
    case XEN_DOMCTL_createdomain:
      // ssidref, handle, flags, iommu_opts, max_vcpus, max_evtchn_port, grant and maptrack frames, grant_opts, vmtrace, pool
      put(random.number() & 0xffff_ffff | random.next() << 32)
      put(random.next())
      put(random.next() & 0xffff_ffff | (random.chance(90) ? 0 : random.number() << 32))
      put((random.chance(90) ? 0 : random.number() & 0xffff_ffff) | UInt64(random.below(4)) << 32)
      put(UInt64(random.below(2000)) | UInt64(1 + random.below(4)) << 32)
      put(UInt64(random.below(4)) | UInt64(1 + random.below(2)) << 32)
      put(random.chance(90) ? 0 : random.number())
      put(random.chance(90) ? 0 : random.number())
      put(0)
    case XEN_DOMCTL_setvcpucontext, XEN_DOMCTL_getvcpucontext:
      put(random.chance(90) ? UInt64(random.below(Guest.vcpuCount)) : random.number())
      put(random.chance(90) ? Guest.argument(2) : linear())
    case XEN_DOMCTL_setvcpuaffinity, XEN_DOMCTL_getvcpuaffinity:
      put(UInt64(random.below(Guest.vcpuCount + 1)) | random.number() << 32)
      for _ in 0..<2 {
        put(random.chance(70) ? Guest.argument(4) : linear())
        put(random.chance(80) ? UInt64(random.below(140)) : random.number())
      }
    default:
      for _ in 0..<6 {
        switch random.below(5) {
        case 0: put(Guest.argument(2 + random.below(4)) + UInt64(random.below(512)) * 8)
        case 1: put(UInt64(random.below(8)) | UInt64(random.below(64)) << 32)
        case 2: put(frame(other, level: random.below(2)).number)
        default: put(random.number())
        }
      }
    }
  }

  /// `sysctl`.
  func systemControl(_ guest: Guest) -> Call {
    let start = cursor
    var command = random.chance(90) ? UInt32(1 + random.below(30)) : UInt32(truncatingIfNeeded: random.number())
    // Debug keys can end the machine, as they are meant to.
    if command == UInt32(XEN_SYSCTL_debug_keys) { command = 0 }
    let version: UInt64 = random.chance(97) ? UInt64(XEN_SYSCTL_INTERFACE_VERSION) : random.number() & 0xffff_ffff
    put(UInt64(command) | version << 32)
    for _ in 0..<8 {
      switch random.below(4) {
      case 0: put(Guest.argument(2 + random.below(4)) + UInt64(random.below(512)) * 8)
      case 1: put(UInt64(random.below(64)) | UInt64(random.below(64)) << 32)
      case 2: put(linear())
      default: put(random.number())
      }
    }
    return Call(35, pointer(cursor - start))
  }

  /// The privileged domain does what the tools do to another one's memory: gives it frames, maps them, takes them back.
  func build(_ guest: Guest) {
    let other = random.pick(guests)
    let list = Guest.argument(2)
    let give = random.chance(50)
    let count = 1 + random.below(4)
    for index in 0..<count {
      let word = give ? random.number() : other.data[other.data.count - 1 - random.below(8)].number
      _ = try? GuestMemory.write(LinearAddress(list + UInt64(index) * 8), word)
    }
    let start = cursor
    put(list)
    put(UInt64(count))
    put(give && random.chance(20) ? UInt64(random.below(3)) : 0)
    put(UInt64(other.id))
    make(Call(12, give ? 6 : 1, Guest.argument(0) + UInt64(start)))
    guard give, running?.guest === guest, running?.vcpu[].isKernelMode == true else { return }
    for index in 0..<count {
      if let number = try? GuestMemory.read64(LinearAddress(list + UInt64(index) * 8)) {
        if ledger[].covers(MachineFrame(number)) { other.adopt(MachineFrame(number)) }
      }
    }
    // As privcmd maps it.
    beginArguments()
    let request = cursor
    put(guest.slotTable.physical + UInt64(144 + random.below(8)) * 8)
    put(other.data[other.data.count - 1 - random.below(8)].physical | PTE.present | PTE.user | PTE.writable)
    make(Call(1, Guest.argument(0) + UInt64(request), 1, 0, UInt64(other.id)))
  }
}
