// SPDX-License-Identifier: Apache-2.0
// What every hypercall's handler gets and gives.
//
// A handler reads as four steps: decode (copy in once, raw to typed), authorize, prepare (take counts and locks; may throw; the
// guest sees nothing yet), commit (does not throw). It never touches registers: it returns a value, or `.again` to be called
// once more with its arguments as it has left them, or throws the error that the caller gets.
import Domains
import Frames
import Machine
import XenABI

/// One call: who makes it, and its arguments.
public struct Hypercall {
  /// The calling vCPU, which is the one running on this CPU.
  public let vcpu: Ref<VCPU>
  /// Its domain.
  public let domain: Ref<Domain>
  /// The arguments, as in rdi, rsi, rdx, r10, r8, r9. A handler that returns `.again` first changes them to what is left to do.
  public var arguments: InlineArray<6, UInt64>

  /// A call of a vCPU's that runs here.
  public init(vcpu: Ref<VCPU>, domain: Ref<Domain>, arguments: InlineArray<6, UInt64>) {
    self.vcpu = vcpu
    self.domain = domain
    self.arguments = arguments
  }

  /// Argument `index` as a guest address.
  public func address(_ index: Int) -> LinearAddress { LinearAddress(arguments[index]) }

  /// The domain that a number in an argument means: the caller itself for DOMID_SELF and its own number; another one only if
  /// the caller controls it.
  ///
  /// A domain that is being destroyed is not found: nothing more is to be done to it but its destruction (rule D1).
  ///
  /// - Throws: `noSuchDomain` if there is none; `notPermitted` if the caller does not control it.
  public func target(_ raw: UInt16) throws(XenError) -> Ref<Domain> {
    let id = DomainID(raw)
    if id == .current || id == domain[].id { return domain }
    guard domain[].isPrivileged else { throw .notPermitted }
    guard let other = Hypervisor.domain(id), !other[].isDying else { throw .noSuchDomain }
    return other
  }
}

/// What a handler gives back.
public enum HypercallOutcome {
  /// Done; the caller's result register gets the value.
  case done(UInt64)
  /// Preempted: call again with the arguments as they are now, after whatever else has to run.
  case again
  /// The call was `iret`, in a list: the guest goes on where the frame on its stack says.
  case interruptReturn

  /// Done without a value.
  public static var success: HypercallOutcome { .done(0) }
}

extension GuestMemory {
  /// As `read`, with the error that hypercalls give.
  public static func fetch<T: BitwiseCopyable>(_ from: LinearAddress, initial: T) throws(XenError) -> T {
    do { return try read(from, as: T.self, initial: initial) } catch { throw .fault }
  }
  /// As `readWords2`, with the error that hypercalls give.
  @inline(__always)
  static func fetchWords2(_ from: LinearAddress) throws(XenError) -> GuestWords2 {
    do { return try readWords2(from) } catch { throw .fault }
  }
  /// As `readWords3`, with the error that hypercalls give.
  @inline(__always)
  static func fetchWords3(_ from: LinearAddress) throws(XenError) -> GuestWords3 {
    do { return try readWords3(from) } catch { throw .fault }
  }
  /// As `write`, with the error that hypercalls give.
  public static func put<T: BitwiseCopyable>(_ to: LinearAddress, _ value: T) throws(XenError) {
    do { try write(to, value) } catch { throw .fault }
  }
}
