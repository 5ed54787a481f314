// SPDX-License-Identifier: Apache-2.0
// Giving interrupts to domains, and taking them back: lines by their number, messages by the function that sends them.
import Frames
import Machine
import XenABI

extension InterruptRouting {
  /// Gives a line to a domain (MAP_PIRQ_TYPE_GSI), with a vector. Giving it to the domain that has it changes nothing.
  ///
  /// - Throws: `invalid` if there is no such line; `busy` if another domain has it; `noSpace` without a vector.
  public static func mapLine(_ gsi: UInt32, for domain: Ref<Domain>) throws(XenError) {
    let refusal: XenError?? = withState { state in
      guard let record = state.record(gsi), record.source == .line else { return .some(.invalid) }
      guard record.owner == domain[].id || record.owner == .invalid else { return .some(.busy) }
      guard state.giveVector(gsi) != nil else { return .some(.noSpace) }
      state.records[Int(gsi)].owner = domain[].id
      state.program(gsi)
      return .some(nil)
    }
    guard let refusal else { throw .invalid }
    if let refusal { throw refusal }
  }

  /// Gives a line a vector if it has none (PHYSDEVOP_alloc_irq_vector).
  ///
  /// - Throws: `invalid` if there is no such line; `noSpace` without a vector.
  public static func vector(ofLine gsi: UInt32) throws(XenError) -> UInt8 {
    let vector: UInt8?? = withState { state in
      guard let record = state.record(gsi), record.source == .line else { return nil }
      return .some(state.giveVector(gsi))
    }
    guard let vector else { throw .invalid }
    guard let vector else { throw .noSpace }
    return vector
  }

  /// Reserves a free number for a message to come (PHYSDEVOP_get_free_pirq).
  ///
  /// - Throws: `noSpace` if all are in use.
  public static func reserve(for domain: Ref<Domain>) throws(XenError) -> UInt32 {
    let pirq: UInt32? = withState { state in
      guard let pirq = state.freeNumbers(1) else { return nil }
      state.records[Int(pirq)].owner = domain[].id
      return pirq
    }
    guard let pirq else { throw .noSpace }
    return pirq
  }

  /// Gives messages of a function to a domain, and has the function send them; masked until they are bound.
  ///
  /// - Parameters:
  ///   - wanted: The number that the caller has reserved for it; nil for any.
  /// - Returns: The number of the first one; the others follow.
  /// - Throws: `noDevice` if the function has no such messages; `busy` if they are given away already; `invalid` if `wanted`
  ///   is not reserved for the domain; `noSpace` without numbers or vectors.
  public static func mapMessages(
    _ request: MessageRequest, for domain: Ref<Domain>, wanted: UInt32? = nil
  ) throws(XenError) -> UInt32 {
    let registers = try request.find()
    var refusal = XenError.noSpace
    let first: UInt32? = withState { state in
      guard !state.isGiven(registers, count: request.count) else {
        refusal = .busy
        return nil
      }
      var number = state.freeNumbers(request.count)
      if let wanted {
        guard request.count == 1, let record = state.record(wanted), record.source == .none, wanted >= state.lineCount,
          record.owner == domain[].id || record.owner == .invalid
        else {
          refusal = .invalid
          return nil
        }
        number = wanted
      }
      guard let number, let vector = state.vectors.allocate(request.count, for: number) else { return nil }
      for index in 0..<UInt32(request.count) {
        var record = PhysicalInterrupt()
        record.owner = domain[].id
        record.source = .message
        record.vector = vector &+ UInt8(index)
        record.message = registers
        record.message.index = UInt8(index)
        state.records[Int(number &+ index)] = record
        state.program(number &+ index)
      }
      return number
    }
    guard let first else { throw refusal }
    return first
  }

  /// Takes an interrupt back from a domain (PHYSDEVOP_unmap_pirq). The first of several messages of one function takes the
  /// others along.
  ///
  /// - Throws: `invalid` if the domain does not have it, or it is one of those others; `busy` if it is bound.
  public static func unmap(_ pirq: UInt32, from domain: Ref<Domain>) throws(XenError) {
    let refusal: XenError?? = withState { state in
      guard let record = state.record(pirq), record.owner == domain[].id, record.message.index == 0 else {
        return .some(.invalid)
      }
      let count = state.groupCount(pirq)
      for each in pirq..<pirq &+ count where state.records[Int(each)].bindings > 0 { return .some(.busy) }
      for each in pirq..<pirq &+ count { state.takeBack(each) }
      return .some(nil)
    }
    guard let refusal else { throw .invalid }
    if let refusal { throw refusal }
  }

  /// Takes all messages of a function back: it is gone (PHYSDEVOP_pci_device_remove). Bound ones just do not come any more.
  public static func removeMessages(of function: PCIFunction) {
    _ = withState { state -> Void? in
      for pirq in state.lineCount..<UInt32(state.records.count) {
        let record = state.records[Int(pirq)]
        if record.source == .message, record.message.function == function { state.takeBack(pirq) }
      }
      return ()
    }
  }

  /// Programs all messages of a function again: its registers were lost (PHYSDEVOP_restore_msi).
  public static func restoreMessages(of function: PCIFunction) {
    _ = withState { state -> Void? in
      for pirq in state.lineCount..<UInt32(state.records.count) {
        let record = state.records[Int(pirq)]
        if record.source == .message, record.message.function == function { state.program(pirq) }
      }
      return ()
    }
  }

  /// Takes all interrupts back from a domain that is being destroyed.
  public static func takeAll(from domain: Ref<Domain>) {
    _ = withState { state -> Void? in
      for pirq in 0..<UInt32(state.records.count) where state.records[Int(pirq)].owner == domain[].id {
        state.takeBack(pirq)
      }
      return ()
    }
    domain.dropEOIFrame()
  }
}

extension InterruptState {
  /// The vector of an interrupt, allocated if it has none; nil if there are none left.
  mutating func giveVector(_ pirq: UInt32) -> UInt8? {
    let vector = records[Int(pirq)].vector
    if vector != 0 { return vector }
    guard let new = vectors.allocate(1, for: pirq) else { return nil }
    records[Int(pirq)].vector = new
    return new
  }

  /// The first of `count` numbers in a row that no message has; nil if there are none.
  func freeNumbers(_ count: Int) -> UInt32? {
    var run = 0
    for number in Int(lineCount)..<records.count {
      run = records[number].source == .none && records[number].owner == .invalid ? run &+ 1 : 0
      if run == count { return UInt32(number &- count &+ 1) }
    }
    return nil
  }

  /// Whether some domain has these messages already.
  func isGiven(_ wanted: MessageRegisters, count: Int) -> Bool {
    for number in Int(lineCount)..<records.count where records[number].source == .message {
      let given = records[number].message
      if given.function == wanted.function && given.table == wanted.table { return true }
    }
    return false
  }

  /// How many numbers an interrupt stands for: those of the other messages given together with it, if it is the first.
  func groupCount(_ pirq: UInt32) -> UInt32 {
    let record = records[Int(pirq)]
    guard record.source == .message, record.message.index == 0 else { return 1 }
    return min(UInt32(record.message.count), UInt32(records.count) &- pirq)
  }

  /// Takes an interrupt from whoever has it. A line keeps its signal.
  mutating func takeBack(_ pirq: UInt32) {
    var record = records[Int(pirq)]
    if record.isConsole {
      records[Int(pirq)].owner = .invalid
      return
    }
    silence(pirq)
    if record.vector != 0 { vectors.free(record.vector) }
    record.unbind()
    record.vector = 0
    record.owner = .invalid
    if record.source == .message { record = PhysicalInterrupt() }
    records[Int(pirq)] = record
  }
}
