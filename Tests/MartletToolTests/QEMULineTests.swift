// SPDX-License-Identifier: Apache-2.0
//
// QEMU command lines, word by word where a mistake would be silent.

import BootScenarios
import Testing

@testable import MartletTool

@Suite struct QEMULineTests {
  func value(_ option: String, in line: QEMULine) throws -> String? {
    let words = try line.arguments()
    return words.firstIndex(of: option).map { words[$0 + 1] }
  }

  @Test func modulesAreSeparatedByCommasAndTheirOwnAreDoubled() throws {
    var line = QEMULine()
    line.medium = .multiboot(modules: [
      BootModule(path: "/k", commandLine: "console=hvc0 a=1,2"), BootModule(path: "/i,n"),
    ])
    #expect(try value("-initrd", in: line) == "/k console=hvc0 a=1,,2,/i,,n")
  }

  @Test func aModuleWithASpaceInItsPathIsRefused() {
    var line = QEMULine()
    line.medium = .multiboot(modules: [BootModule(path: "/my kernel")])
    #expect(throws: ToolError.self) { try line.arguments() }
  }

  @Test func severalCPUsRunInThreadsButNotWhenInstructionsAreCounted() throws {
    var line = QEMULine()
    line.cpus = 2
    #expect(try value("-accel", in: line) == "tcg,thread=multi")
    line.playsOnOneThread = true
    #expect(try value("-accel", in: line) == "tcg,thread=single")
    line.countsInstructions = true
    #expect(try value("-accel", in: line) == "tcg")
    #expect(try value("-icount", in: line) == "shift=0,sleep=off")
    line.accelerator = "kvm"
    #expect(try value("-accel", in: line) == "kvm")
  }

  @Test func disksComeInOrderEachWithItsOwnNameAndFate() throws {
    var line = QEMULine()
    line.disks = [
      DiskImage(path: "/d,1"), DiskImage(path: "/b.qcow2", format: "qcow2", name: "guest1", forgetsWrites: true),
    ]
    let words = try line.arguments()
    #expect(words.contains("if=none,id=disk0,format=raw,file=/d,,1"))
    #expect(words.contains("virtio-blk-pci,drive=disk0"))
    #expect(words.contains("if=none,id=disk1,format=qcow2,snapshot=on,file=/b.qcow2"))
    #expect(words.contains("virtio-blk-pci,drive=disk1,serial=guest1"))
  }

  @Test func memoryIsWhatDomain0AndItsGuestsNeed() {
    let guests = GuestsWanted(count: 3, memory: 200)
    #expect(guests.machineMemory(domain0: 512) == 512 + 600 + GuestsWanted.spare)
    #expect(guests.words == ["martlet.guests=3", "martlet.start=3", "martlet.guest-memory=200"])
    let setup = Domain0Setup(kernel: "k", initrd: "i", words: [], memory: 512)
    #expect(setup.hypervisorWords == ["dom0_mem=512M,max:512M"])
    #expect(Domain0Setup(kernel: "k", initrd: "i", words: []).hypervisorWords == [])
  }

  @Test(arguments: [
    ("web", true), ("a-2", true), ("twenty-letters-is-all", false), ("twenty-letters-is-ok", true), ("", false),
    ("-a", false),
    ("Web", false), ("a/b", false), ("a b", false), ("disk", false), ("grub", false), ("guest1", true),
    ("cloud", false),
  ])
  func guestNamesAreFitForDomainsDisksAndHosts(_ name: String, _ good: Bool) {
    #expect(GuestDisk.isGoodName(name) == good)
  }

  @Test func rebootEndsQEMUUnlessAllowed() throws {
    var line = QEMULine()
    #expect(try line.arguments().contains("-no-reboot"))
    line.mayReboot = true
    #expect(try !line.arguments().contains("-no-reboot"))
  }

  @Test func shellTextQuotesWhatNeedsIt() throws {
    var line = QEMULine()
    line.hypervisorOptions = "loglvl=all it's"
    #expect(try line.shellText().contains("-append 'loglvl=all it'\\''s'"))
  }

  @Test(arguments: [
    ("flags\t\t: fpu vmx sse", true, "kvm"), ("flags\t\t: fpu svm", true, "kvm"), ("flags\t\t: fpu svm", false, "tcg"),
    ("flags\t\t: fpu svm_lock sse", true, "tcg"), ("", true, "tcg"),
  ])
  func acceleratorFollowsTheFlags(_ flags: String, _ writable: Bool, _ expected: String) {
    #expect(Accelerator.best(cpuInformation: "model name : x\n" + flags + "\n", deviceIsWritable: writable) == expected)
  }

  @Test func grubPutsAWordBeforeEachString() {
    let modules = [BootModule(path: "/k", commandLine: "console=hvc0"), BootModule(path: "/i")]
    let first = GRUBImage.configuration(loader: .grubMultiboot, options: "loglvl=all", modules: modules)
    #expect(first.contains("  multiboot /boot/hypervisor placeholder loglvl=all\n"))
    #expect(first.contains("  module /boot/module0 placeholder console=hvc0\n  module /boot/module1\n"))
    let second = GRUBImage.configuration(loader: .grubMultiboot2, options: "", modules: modules)
    #expect(second.contains("  multiboot2 /boot/hypervisor") && second.contains("  module2 /boot/module0"))
  }
}
