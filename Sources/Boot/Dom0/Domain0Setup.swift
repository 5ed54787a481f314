// SPDX-License-Identifier: Apache-2.0
// Domain 0 from the boot modules to a vCPU that is ready to run, and the hand-over of all memory to the ledger.
import Domains
import Frames
import Images
import Machine
import XenABI

/// Domain 0, built, before it runs.
struct Domain0Setup {
  private let vcpu: Ref<VCPU>

  /// Builds it and hands all memory over.
  static func perform(
    _ boot: BootInformation, _ options: HypervisorOptions, cpus: Int, total: UInt64,
    _ memory: inout BootMemory
  ) -> Domain0Setup {
    let reader = PhysicalReader()
    let module = boot.modules[0]
    let image = KernelImage.open(module.range, &memory)
    let (elf, kernel) = inspect(image)
    // Everything that is free goes to the ledger now; scratch and modules follow when they have been used.
    for index in 0..<memory.count {
      let range = memory.range(index)
      ledger[].addMemory(start: range.start, end: range.end)
    }
    let later = (image.scratch.map { $0.end &- $0.start } ?? 0) &+ moduleFrames(boot)
    let free = ledger[].freeFrames
    // What a domain of this size takes besides its pages, generously: vCPUs, grant and event tables. And what is nobody's.
    let own = UInt64(64 &+ 8 &* 32) &+ Ref<MachineMemory>.shared[].reserve
    guard free &+ later > own &+ 4096 else { BootFailure.stop("not enough memory for Domain 0; give the machine more") }
    let available = (free &+ later &- own) &<< 12
    if let wanted = options.domain0Memory.initial, !wanted.isNegative, wanted.percent == 0, wanted.bytes > total {
      BootFailure.stop("dom0_mem asks for more memory than the machine has; lower it")
    }
    let memoryPlan = options.domain0Memory.resolve(available: available, total: total)
    guard memoryPlan.initial <= available else {
      BootFailure.stop("dom0_mem asks for more memory than there is; lower it")
    }
    let pages = memoryPlan.initial &>> 12
    let plan = Domain0Plan(
      kernel: kernel, image: image, ramDisk: boot.modules.count > 1 ? boot.modules[1].range : nil,
      commandLine: boot.arguments(of: module.commandLine, in: reader), appended: appended(boot, options), pages: pages,
      limit: max(memoryPlan.maximum.map { $0 &>> 12 } ?? UInt64.max &>> 16, pages),
      vcpus: options.domain0VCPUs.resolve(cpus: cpus))
    return Domain0Setup(vcpu: build(plan, elf, boot, options))
  }

  /// Lets its first vCPU run, once somebody decides who does: not before every CPU is on its own stack.
  func start() {
    vcpu[].holds.fetchAnd(~VCPUHold.down)
    Scheduler.settle(vcpu)
  }

  /// What stands on the hypervisor's command line after a word `--`.
  private static func appended(_ boot: BootInformation, _ options: HypervisorOptions) -> PhysicalText {
    guard let range = options.domain0Arguments else { return .empty }
    return PhysicalText(address: boot.commandLine.address &+ UInt64(range.lowerBound), length: range.count)
  }

  private static func moduleFrames(_ boot: BootInformation) -> UInt64 {
    var sum: UInt64 = 0
    for index in boot.modules.indices where index < 2 {
      let range = boot.modules[index].range
      let (start, end) = ((range.start &+ 4095) &>> 12, range.end &>> 12)
      if end > start { sum &+= end &- start }
    }
    return sum
  }

  private static func inspect(_ image: KernelImage) -> (ELFImage, KernelLayout) {
    let result: Result<(ELFImage, KernelLayout), KernelError> = PhysicalWindow.withHypervisorOwned(
      physical: image.physical, count: image.count
    ) { file in
      do throws(KernelError) {
        let elf = try ELFImage(file)
        let notes = try XenNotes.read(from: elf, file: file)
        guard notes.mayBeDomain0 else {
          BootFailure.stop("this kernel says that it cannot be Domain 0; use one that can")
        }
        return .success((elf, try KernelLayout(elf, notes)))
      } catch {
        return .failure(error)
      }
    }
    switch result {
    case .success(let found): return found
    case .failure(let error): BootFailure.stop("Domain 0's kernel: ", error.message)
    }
  }

  private static func build(_ plan: Domain0Plan, _ elf: ELFImage, _ boot: BootInformation, _ options: HypervisorOptions)
    -> Ref<VCPU>
  {
    var specification = DomainSpecification(
      id: DomainID(0), isPrivileged: true, mayUseHardware: true, vcpus: plan.vcpus, frameLimit: plan.limit &+ 4096)
    specification.grantLimits = Ref<Hypervisor>.shared[].grantLimits
    specification.relaxesModelSpecific = options.domain0MSRRelaxed
    let domain: Ref<Domain>
    do throws(XenError) { domain = try DomainCreation.create(specification) } catch {
      BootFailure.stop("not enough memory for Domain 0's records; give the machine more")
    }
    var builder = Domain0Builder(domain: domain, plan: plan)
    builder.allocateStart()
    builder.loadImages(elf)
    if let scratch = plan.image.scratch { ledger[].addMemory(start: scratch.start, end: scratch.end) }
    releaseModules(boot)
    builder.allocateRest()
    let root = builder.makeTables()
    builder.writeStartInfo()
    guard let vcpu = domain[].vcpu(index: 0) else { preconditionFailure("Domain 0 has no vCPU") }
    builder.adopt(root, vcpu)
    builder.startVCPU(vcpu)
    ledger[].accounts.setLimit(domain[].id, plan.limit)
    Log.write(.info) {
      $0.put("Domain 0: ")
      $0.put(decimal: plan.pages &>> 8)
      $0.put(" MiB, ")
      $0.put(decimal: UInt64(plan.vcpus))
      $0.put(" vCPUs; ")
      $0.put(decimal: ledger[].freeFrames &>> 8)
      $0.put(" MiB free")
    }
    if options.pinsDomain0 { Scheduler.pinByNumber(domain) }
    return vcpu
  }

  private static func releaseModules(_ boot: BootInformation) {
    for index in boot.modules.indices where index < 2 {
      let range = boot.modules[index].range
      let (start, end) = ((range.start &+ 4095) &>> 12, range.end &>> 12)
      if end > start { ledger[].addMemory(start: max(start, 256), end: end) }
    }
  }
}
