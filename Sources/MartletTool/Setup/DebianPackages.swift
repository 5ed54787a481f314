// SPDX-License-Identifier: Apache-2.0
//
// Debian packages that the verbs need on this machine: each verb names its own, and only the missing ones are installed.

import Foundation

/// A purpose, and the packages that serve it.
enum Need {
  /// Booting anything in QEMU.
  case machine
  /// The public headers of the ABI, which host and metal builds import.
  case headers
  /// A GRUB rescue ISO.
  case bootableISO
  /// Static C programs inside the initramfs.
  case staticPrograms
  /// The initramfs Domain 0 with Xen's tools: index files for its kernel modules, its libraries' names, its compression.
  case toolsInitramfs
  /// Disk images with a whole Debian on them.
  case debianImages
  /// The virtual firewall-router on this machine's own namespaces.
  case firewall
  /// Compressors that the decompressors' host tests take their files from.
  case compressors

  var packages: [String] {
    switch self {
    case .machine: return ["qemu-system-x86", "busybox-static", "gzip"]
    case .headers: return ["libxen-dev"]
    case .bootableISO: return ["grub-common", "grub-pc-bin", "xorriso", "mtools"]
    case .staticPrograms: return ["gcc", "libc6-dev"]
    case .toolsInitramfs: return ["kmod", "binutils", "lz4"]
    case .debianImages: return ["mmdebstrap", "e2fsprogs"]
    case .firewall: return ["nftables", "iproute2", "util-linux"]
    case .compressors: return ["xz-utils", "zstd", "lz4", "gzip"]
    }
  }
}

enum DebianPackages {
  /// Installs what is missing of the named needs.
  static func ensure(_ needs: [Need]) throws {
    var wanted: [String] = []
    for package in needs.flatMap(\.packages) where !wanted.contains(package) { wanted.append(package) }
    let missing = try wanted.filter { try !isInstalled($0) }
    guard !missing.isEmpty else { return }
    Report.step("installing \(missing.joined(separator: " ")) (apt-get, as root)")
    let advice = "read apt-get's message above; as root, 'apt-get install \(missing.joined(separator: " "))' must work"
    var (status, text) = try install(missing)
    if status != 0 {
      // Package lists may be absent or stale: refresh them once, then what apt-get says counts.
      Report.step("refreshing the package lists (apt-get update)")
      _ = try Shell.result(asRoot(["apt-get", "-q", "update"]))
      (status, text) = try install(missing)
    }
    guard status == 0 else { throw ToolError.failed("\(text)\napt-get install failed: \(advice)") }
  }

  private static func install(_ packages: [String]) throws -> (status: Int32, text: String) {
    let command = [
      "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=300",
      "--no-install-recommends", "install",
    ]
    return try Shell.result(asRoot(command + packages))
  }

  static func isInstalled(_ package: String) throws -> Bool {
    let (status, text) = try Shell.result(["dpkg-query", "-W", "-f", "${db:Status-Status}", package])
    return status == 0 && text == "installed"
  }

  /// Puts sudo in front unless we are root already.
  static func asRoot(_ command: [String]) -> [String] { geteuid() == 0 ? command : ["sudo"] + command }
}
