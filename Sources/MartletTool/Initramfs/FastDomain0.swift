// SPDX-License-Identifier: Apache-2.0
//
// The small Domain 0 with Xen's tools: an initramfs with the unmodified xl, oxenstored, xenconsoled and their kin out of
// Debian's packages, the few programs that their hotplug scripts call, the backends' kernel modules, and guests to start.
// Everything else is busybox, and /init from Integration/domain0-fast is in place of systemd.

import Foundation

enum FastDomain0 {
  /// Packages that are taken whole, but for what `isWanted` leaves out.
  static let whole = ["xen-utils-4.17", "xen-utils-common", "xenstore-utils"]

  /// Programs of other packages, in place of busybox's: what xl's scripts need in full, and what a person expects.
  static let programs = [
    "bash": ["bin/bash"],
    "iproute2": ["bin/ip", "bin/ss", "sbin/bridge", "sbin/tc"],
    "bridge-utils": ["sbin/brctl"],
    "nftables": ["usr/sbin/nft"],
    "kmod": ["bin/kmod", "bin/lsmod", "sbin/modprobe", "sbin/insmod", "sbin/rmmod", "sbin/modinfo"],
    "mount": ["sbin/losetup"],
    "dmsetup": ["sbin/dmsetup"],
    "util-linux": ["usr/bin/flock"],
    "coreutils": ["usr/bin/stat"],
    "ncurses-base": ["lib/terminfo/l/linux", "lib/terminfo/v/vt100", "lib/terminfo/x/xterm"],
    "libgcc-s1": ["lib/x86_64-linux-gnu/libgcc_s.so.1"],
  ]

  /// Of Debian's dependencies these are not followed: the Python programs stay away, and nothing is ever installed.
  static let leftOut = [
    "libpython", "python", "media-types", "debconf", "dpkg", "tar", "passwd", "adduser", "udev", "ucf",
    "sensible-utils",
    "perl", "libpam", "gcc-12-base", "mawk", "libdb5", "libsemanage", "libsqlite", "readline",
  ]

  /// crc32c_generic is what libcrc32c, and so ext4 and nf_tables, ask the kernel's crypto layer for by another name.
  static let modules = [
    "crc32c_generic", "virtio_pci", "virtio_blk", "virtio_net", "xenfs", "xen_evtchn", "xen_gntdev", "xen_gntalloc",
    "xen_privcmd",
    "xen_blkback", "xen_netback", "xen_pciback", "xen_acpi_processor", "bridge", "br_netfilter", "loop", "tun", "dummy",
    "veth", "dm_mod", "ext4", "isofs", "nf_tables", "nft_chain_nat", "nft_masq", "nft_nat", "nft_ct", "nft_limit",
    "nft_log", "nft_reject_inet", "nft_reject_bridge", "nft_meta_bridge", "nft_fib_inet", "nft_numgen", "nft_hash",
    "nf_conntrack_bridge", "nft_fwd_netdev", "nft_dup_netdev", "nf_log_syslog", "sch_tbf", "sch_htb", "sch_ingress",
    "cls_u32", "act_police",
  ]

  /// What a PV framebuffer takes besides: QEMU as xl finds it, which is its backend and the VNC server.
  static let deviceModel = [
    "qemu-system-xen": ["usr/libexec/xen-qemu-system-i386"],
    "qemu-system-data": ["usr/share/qemu/keymaps/en-us"],
  ]

  /// Makes build/domain0-fast.lz4, or with the device model build/domain0-vfb.lz4, which is half as large again, and
  /// returns its path.
  static func build(kernel: DebianKernel, withDeviceModel: Bool = false) throws -> String {
    let title = withDeviceModel ? "domain0-vfb" : "domain0-fast"
    let programs = withDeviceModel ? Self.programs.merging(deviceModel) { $1 } : Self.programs
    try DebianPackages.ensure([.machine, .headers, .toolsInitramfs, .staticPrograms, .compressors])
    let packages = try DebianClosure.unpacked(
      whole + programs.keys.sorted(), title: title, leavingOut: leftOut)
    var tree = FileTree()
    tree["bin/busybox"] = .file(Busybox.path, executable: true)
    for applet in try Busybox.applets() { tree["bin/" + applet] = .link("busybox") }
    for name in whole { try tree.add(try folder(of: name, in: packages), where: isWanted) }
    for (name, wanted) in programs {
      let package = try folder(of: name, in: packages)
      for path in wanted {
        guard Places.exists(package + "/" + path) else { throw ToolError.failed("Debian's \(name) has no \(path)") }
      }
      try tree.add(package) { wanted.contains($0) }
      // busybox may have the same program in the other folder, which comes first on PATH.
      for path in wanted where path.contains("sbin/") {
        let other = "bin/" + (path as NSString).lastPathComponent
        if case .link("busybox")? = tree[other] { tree[other] = nil }
      }
    }
    try SharedLibraries.complete(&tree, from: packages)
    try ModuleTree.add(modules, of: kernel, to: &tree)
    for part in ["domain0-common", "domain0-fast"] { try tree.add(Places.root + "/Integration/" + part) }
    try tree.add(Places.root + "/Integration/router", at: "router/")
    tree["scenarios/common"] = .file(Places.root + "/Integration/scenarios/common", executable: true)
    for program in try StaticPrograms.build("domain0-programs") + StaticPrograms.build("guest-programs") {
      tree["bin/" + (program as NSString).lastPathComponent] = .file(program, executable: true)
    }
    try addGuests(to: &tree, kernel: kernel)
    for folder in ["dev", "proc", "sys", "tmp", "run", "mnt", "root", "var/log/xen/console", "var/lib/xen/dump"] {
      tree[folder] = .folder
    }

    var archive = CpioArchive()
    archive.device("dev/console", major: 5, minor: 1)
    for folder in ["bin", "sbin", "lib", "lib64"] { archive.link(folder, to: "usr/" + folder) }
    archive.link("var/run", to: "/run")
    archive.link("var/lock", to: "/run/lock")
    try tree.write(to: &archive)
    return try archive.finished().compressed(to: Places.build + "/\(title).lz4", by: "lz4 -l -9 -q")
  }

  /// The kernels and the small userland that the configurations in /etc/xen name.
  private static func addGuests(to tree: inout FileTree, kernel: DebianKernel) throws {
    let cloud = try DebianKernel.ensureCloud()
    let zstd = try GuestKernels.zstd(kernel)
    tree["guests/vmlinuz"] = .file(kernel.image, executable: false)
    tree["guests/vmlinuz-zstd"] = .file(zstd, executable: false)
    tree["guests/initrd"] = .file(try GuestInitramfs.build("initrd", kernel: kernel), executable: false)
    tree["guests/vmlinuz-cloud"] = .file(cloud.image, executable: false)
    tree["guests/initrd-cloud"] = .file(try GuestInitramfs.build("initrd-cloud", kernel: cloud), executable: false)
    // Guests that are not Linux, as their packages install them.
    let mach = try DebianArchive.unpacked("gnumach-image-1.8-xen-486") + "/boot/gnumach-1.8-xen-486.gz"
    tree["guests/gnumach.gz"] = .file(mach, executable: false)
    let grub = try DebianArchive.unpacked("grub-xen-host") + "/usr/lib/grub-xen/grub-x86_64-xen.bin"
    tree["guests/grub-x86_64-xen.bin"] = .file(grub, executable: false)
    if Places.exists(Places.guests) { tree["guests/guest.elf"] = .file(Places.guests, executable: false) }
  }

  private static func isWanted(_ path: String) -> Bool {
    let unwanted = [
      "usr/share/", "usr/lib/xen-4.17/boot/", "usr/lib/xen-4.17/lib/", "etc/init.d", "etc/default", "usr/bin/pygrub",
      "usr/lib/xen-4.17/bin/pygrub", "etc/xen/xlexample",
    ]
    return !unwanted.contains { path.hasPrefix($0) }
  }

  private static func folder(of name: String, in packages: [String]) throws -> String {
    guard let folder = packages.first(where: { ($0 as NSString).lastPathComponent.hasPrefix(name + "_") }) else {
      throw ToolError.failed(
        "apt-get does not count \(name) among what is to be installed; is this Debian 12 (bookworm)?")
    }
    return folder
  }
}
