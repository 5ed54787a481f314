// SPDX-License-Identifier: Apache-2.0
//
// From the table of boots in Integration/Boots to QEMU runs: fetches, builds, makes CDs, disks and kernels.

import BootScenarios
import Foundation

enum BootRuns {
  /// The console on the serial port; what the hypervisor and Domain 0 say in full, for the log.
  static let hypervisorOptions = "com1=115200,8n1 console=com1 loglvl=all"
  static let domain0CommandLine = "console=hvc0 earlyprintk=xen"

  static func prepare(_ boots: [BootScenario], on choice: HypervisorChoice, patience: Double) throws -> [MachineRun] {
    try DebianPackages.ensure([.machine, .staticPrograms])
    try DebianPackages.ensure([.compressors])
    if boots.contains(where: { $0.loader != .qemu }) { try DebianPackages.ensure([.bootableISO]) }
    let kernel = try DebianKernel.ensure()
    let initramfs = try Initramfs.build(kernel: kernel)
    let hypervisor = try choice.ensure()
    let folder = Places.build + "/boots"
    try Places.makeFolder(folder)
    return try boots.map { boot in
      var line = QEMULine()
      line.machine = boot.machine
      line.cpus = boot.cpus
      line.memory = boot.memory
      line.cpuModel = boot.cpuModel
      line.mayReboot = boot.mayReboot
      if boot.hasMonitor { line.serial = .terminal }
      line.hypervisor = hypervisor
      line.hypervisorOptions = [hypervisorOptions, boot.hypervisorOptions, choice == .xen ? boot.xenOptions : ""]
        .filter { !$0.isEmpty }.joined(separator: " ")

      var expectation = MachineExpectation()
      expectation.expected = boot.allExpected
      expectation.forbidden = boot.forbidden
      expectation.typing = boot.typing
      expectation.ending = boot.ending
      // Xen's way to reboot this machine is a triple fault; Martlet has better ones.
      expectation.mustTripleFault = boot.mustTripleFault
      expectation.mayTripleFault = choice != .martlet && boot.mayReboot
      expectation.standstill *= patience

      var settings = boot.settings
      if boot.disk {
        let disk = try TestDisk.make(folder + "/" + boot.name + ".disk")
        line.disks = [DiskImage(path: disk.path)]
        settings.append("disk-sum=" + disk.sum)
        expectation.afterwards = disk.check
      }
      var words = [domain0CommandLine] + settings.map { "martlet." + $0 }
      if let scenario = boot.scenario { words.append("martlet.test=" + scenario) }

      var modules: [BootModule] = []
      if let path = try KernelImages.path(boot.kernel, of: kernel, folder: folder) {
        modules = [BootModule(path: path, commandLine: words.joined(separator: " ")), BootModule(path: initramfs)]
      }
      if boot.loader == .qemu {
        line.medium = .multiboot(modules: modules)
      } else {
        let image = folder + "/" + boot.name + ".iso"
        try GRUBImage.make(image, loader: boot.loader, line: line, modules: modules)
        line.medium = .iso(image)
      }
      return MachineRun(boot.name, line, expectation)
    }
  }
}
