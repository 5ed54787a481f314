// SPDX-License-Identifier: Apache-2.0
// Domain 0's kernel from the boot module to a plain ELF image in memory.
import Decompression
import Domains
import Images
import Machine

/// A plain ELF image in memory that belongs to boot.
struct KernelImage {
  /// Where the image lies and how long it is.
  var physical: UInt64
  var count: Int
  /// The frames that hold it when it had to be decompressed; they are free once the kernel has been loaded.
  var scratch: (start: UInt64, end: UInt64)?

  /// Finds or makes the ELF image of the kernel in `module`.
  static func open(_ module: PhysicalRange, _ memory: inout BootMemory) -> KernelImage {
    let length = Int(module.length)
    let plan: Plan = PhysicalWindow.withHypervisorOwned(physical: module.start, count: length) { file in
      inspect(file)
    }
    switch plan {
    case .failed(let why): BootFailure.stop("Domain 0's kernel: ", why)
    case .plain: return KernelImage(physical: module.start, count: length, scratch: nil)
    case .packed(let offset, let count, let size):
      return unpack(module.start &+ UInt64(offset), count, size, &memory)
    }
  }

  private enum Plan {
    case failed(StaticString)
    case plain
    case packed(offset: Int, count: Int, size: Int)
  }

  private static func inspect(_ file: Span<UInt8>) -> Plan {
    do throws(KernelError) {
      switch try KernelFormat.detect(file) {
      case .elf: return .plain
      case .bzImage:
        let image = try BzImage(file)
        return .packed(offset: image.payload.offset, count: image.payload.length, size: image.uncompressedLength)
      case .compressed:
        // Nothing says how long it becomes: eight times is more than any kernel does.
        return .packed(offset: 0, count: file.count, size: min(file.count &* 8, 1 &<< 29))
      }
    } catch {
      return .failed(error.message)
    }
  }

  private static func unpack(_ from: UInt64, _ count: Int, _ size: Int, _ memory: inout BootMemory) -> KernelImage {
    let words = UInt64(Workspace.byteCount &+ Workspace.halfwordCount &* 2 &+ Workspace.wordCount &* 4)
    let frames = (UInt64(size) &+ 4095) &>> 12
    let extra = (words &+ 4095) &>> 12
    guard let place = memory.allocate(frames: frames &+ extra) else {
      BootFailure.stop("not enough memory to unpack Domain 0's kernel; give the machine more")
    }
    let start = place.physical
    let workspace = (place + frames).physical
    let result: Result = PhysicalWindow.withHypervisorOwned(physical: from, count: count) { input in
      PhysicalWindow.withMutableHypervisorOwned(physical: start, count: size, as: UInt8.self) { output in
        run(input, &output, workspace)
      }
    }
    switch result {
    case .failed(let why): BootFailure.stop("Domain 0's kernel: ", why)
    case .done(let length):
      return KernelImage(
        physical: start, count: length, scratch: (place.number, place.number &+ frames &+ extra))
    }
  }

  private enum Result {
    case failed(StaticString)
    case done(Int)
  }

  private static func run(_ input: Span<UInt8>, _ output: inout MutableSpan<UInt8>, _ workspace: UInt64) -> Result {
    let halfwords = workspace &+ UInt64(Workspace.byteCount)
    let words = halfwords &+ UInt64(Workspace.halfwordCount &* 2)
    return PhysicalWindow.withMutableHypervisorOwned(physical: workspace, count: Workspace.byteCount, as: UInt8.self) {
      a in
      PhysicalWindow.withMutableHypervisorOwned(physical: halfwords, count: Workspace.halfwordCount, as: UInt16.self) {
        b in
        PhysicalWindow.withMutableHypervisorOwned(physical: words, count: Workspace.wordCount, as: UInt32.self) { c in
          let bytes = a._mutatingExtracting(...)
          let halves = b._mutatingExtracting(...)
          let whole = c._mutatingExtracting(...)
          var space = Workspace(bytes: bytes, halfwords: halves, words: whole)
          do throws(DecompressionError) {
            return .done(try decompress(input, into: &output, workspace: &space).outputCount)
          } catch {
            return .failed(error.message)
          }
        }
      }
    }
  }
}
