// SPDX-License-Identifier: Apache-2.0
//
// The Debian that `./martlet run` boots as Domain 0: systemd, the stock kernel, Xen's tools as Debian packages them.

import Foundation

enum DebianDomain0 {
  static let label = "domain0"

  static let packages = [
    "systemd-sysv", "udev", "dbus", "kmod", "initramfs-tools", "linux-image-amd64", "xen-utils-4.17", "xenstore-utils",
    "grub-xen-host", "iproute2", "bridge-utils", "nftables", "iputils-ping", "iperf3", "e2fsprogs",
    "ca-certificates",
    "less", "nano", "procps", "wget",
  ]

  /// The disk image, and the kernel and initrd that QEMU loads, as any boot loader would from its /boot.
  static func ensure() throws -> DebianImage {
    let kernel = try DebianKernel.ensure()
    let cloud = try DebianKernel.ensureCloud()
    try DebianPackages.ensure([.machine, .compressors])
    var image = DebianImage(
      name: "domain0", label: label, packages: packages, size: 4096,
      overlays: ["domain0-common", "debian-common", "domain0-debian"],
      services: ["systemd-networkd", "network-again", "martlet-configure", "martlet-guests"])
    image.files = [
      ("guests/vmlinuz", kernel.image), ("guests/initrd", try GuestInitramfs.build("initrd", kernel: kernel)),
      ("guests/vmlinuz-cloud", cloud.image),
      ("guests/initrd-cloud", try GuestInitramfs.build("initrd-cloud", kernel: cloud)),
      ("guests/vmlinuz-zstd", try GuestKernels.zstd(kernel)),
    ]
    try image.ensure()
    return image
  }
}

/// The Debian on a guest's disk. It has the kernel for virtual machines on it, for GRUB; xl can give it any other.
enum DebianGuest {
  static let packages = [
    "systemd-sysv", "udev", "dbus", "kmod", "initramfs-tools", "linux-image-cloud-amd64", "iproute2", "iputils-ping",
    "iperf3",
    "ca-certificates", "e2fsprogs", "less", "nano", "procps", "wget",
  ]

  /// The path of the image that guests are copies of.
  static func ensure() throws -> String {
    let image = DebianImage(
      name: "guest", label: "guest", packages: packages, size: 2048, overlays: ["debian-common", "guest-debian"],
      services: ["systemd-networkd", "network-again"])
    try image.ensure()
    return image.disk
  }
}

/// Guest kernels in another wrapping.
enum GuestKernels {
  /// Debian's kernel compressed as Debian 13 does.
  static func zstd(_ kernel: DebianKernel) throws -> String {
    let path = Places.build + "/guest-vmlinuz-\(kernel.release).zstd"
    try BzImage(try Places.read(kernel.image)).repack(path + ".elf", with: "zstd", to: path)
    return path
  }
}
