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
    guard Root.finds("dpkg-query"), Root.finds("apt-get") else {
      throw ToolError.failed("this is no Debian system (there is no dpkg-query or no apt-get): Martlet needs Debian 12")
    }
    var wanted: [String] = []
    for package in needs.flatMap(\.packages) where !wanted.contains(package) { wanted.append(package) }
    let missing = try wanted.filter { try !isInstalled($0) }
    guard !missing.isEmpty else { return }
    let names = missing.joined(separator: " ")
    let byHand = "apt-get update && apt-get install --no-install-recommends \(names)"
    guard Root.isReachable else {
      throw ToolError.failed(
        "Debian packages are missing, only root can install them, and there is no sudo here: as root, run: \(byHand)")
    }
    Report.step("installing \(names) (apt-get, as root)")
    var (status, text) = try install(missing)
    if status != 0 {
      // Package lists may be absent or stale: refresh them once, then what apt-get says counts.
      refreshLists()
      (status, text) = try install(missing)
    }
    guard status == 0 else {
      throw ToolError.failed("\(text)\napt-get could not install \(names): its message above says why; then: \(byHand)")
    }
  }

  private static func install(_ packages: [String]) throws -> (status: Int32, text: String) {
    let command = [
      "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=300",
      "--no-install-recommends", "install",
    ]
    return try Shell.result(Root.command(command + packages))
  }

  /// apt-get update. That it fails is no end: the lists that are there may do, and else what needs them says so.
  static func refreshLists() {
    Report.step("refreshing the package lists (apt-get update)")
    do {
      let (status, text) = try Shell.result(
        Root.command(["apt-get", "-q", "-o", "DPkg::Lock::Timeout=300", "update"]))
      guard status != 0 else { return }
      Report.step("apt-get update failed, going on with the lists that are there; it said:\n\(text)")
    } catch {
      Report.step("no refresh: \((error as? ToolError)?.message ?? "\(error)")")
    }
  }

  static func isInstalled(_ package: String) throws -> Bool {
    let (status, text) = try Shell.result(["dpkg-query", "-W", "-f", "${db:Status-Status}", package])
    return status == 0 && text == "installed"
  }
}
