import Documents
import Foundation
import Model
import Testing
import Virtualization

@Suite struct GuestTests {
  @Test func everyKeyIsRead() throws {
    let guest = try #require(try Fixture.library().guests["system"])
    #expect(guest.title == "a system")
    #expect([guest.tickRate, guest.idleWakeups, guest.idleWork] == [250, 9, 20_000])
    #expect(guest.expansions == [.processCreation: [.pageFault: 13.5, .tlbFlush: 6]])
    #expect(guest.sources == ["tick_rate": "manual", "process_creation": "counted"])
  }

  @Test(arguments: [
    ("tick_rate: 250/s", "tick_rate: 250", "3:12: error: expected a rate with its unit (/s, /min, /h), found '250'"),
    ("idle_work: 20 us\n", "", "1:1: error: missing key 'idle_work' in the guest; expected a time such as 10 s"),
    (
      "tick_rate: manual", "tick: manual",
      "8:11: error: unknown key 'tick' in the sources; expected tick_rate, idle_wakeups, idle_work or process_creation"
    ),
    ("tlb_flush: 6", "tlb_flash: 6", "7:40: error: unknown operation 'tlb_flash' (did you mean 'tlb_flush'?)"),
    ("tlb_flush: 6", "net_rx: 6", "7:40: error: 'net_rx' cannot be part of another operation"),
    ("tlb_flush: 6", "halt: 6", "7:40: error: 'halt' follows from idleness and cannot be stated"),
    (
      "tlb_flush: 6", "process_creation: 6",
      "7:40: error: 'process_creation' stands for other operations and cannot be part of one"
    ),
    ("title: a system", "tittle: x\ntitle: y", "2:1: error: unknown key 'tittle' in the guest (did you mean 'title'?)"),
  ])
  func fault(old: String, new: String, message: String) throws {
    let changed = Fixture.guest.replacingOccurrences(of: old, with: new)
    #expect(changed != Fixture.guest)
    let found = try Fixture.faults(["guests/system.yaml": changed])
    #expect(found == ["guests/system.yaml:\(message)"])
  }
}

@Suite struct StepCatalogueTests {
  @Test func everyKeyIsReadInOrder() throws {
    let steps = try Fixture.library().catalogue.steps
    #expect(steps.map(\.name) == ["leave", "enter", "round", "work"])
    #expect(steps.map(\.exits) == [1, 0, 1, 0])
    #expect(steps[2].parts == ["leave", "enter"])
    #expect(steps[0].meaning == "out")
  }

  @Test(arguments: [
    ("exits: 1}\n", "exits: -1}\n", "2:32: error: expected an integer from 0 to 1000, found '-1'"),
    ("{meaning: in}", "{}", "3:10: error: missing key 'meaning' in a step; expected text"),
    ("[leave, enter]", "[leave, entre]", "4:51: error: unknown step 'entre' (did you mean 'enter'?)"),
    ("[leave, enter]", "[round]", "4:3: error: step 'round' is a part of itself"),
    ("[leave, enter]", "[]", "4:43: error: expected a list of steps, found an empty list"),
    ("exits: 1, parts", "exit: 1, parts", "4:26: error: unknown key 'exit' in a step (did you mean 'exits'?)"),
  ])
  func fault(old: String, new: String, message: String) throws {
    let changed = Fixture.steps.replacingOccurrences(of: old, with: new)
    #expect(changed != Fixture.steps)
    let found = try Fixture.faults(["steps.yaml": changed])
    #expect(found == ["steps.yaml:\(message)"])
  }

  @Test func circlesOfParts() throws {
    let changed = Fixture.steps.replacingOccurrences(of: "{meaning: in}", with: "{meaning: in, parts: [round]}")
    #expect(
      try Fixture.faults(["steps.yaml": changed]) == [
        "steps.yaml:3:3: error: step 'enter' is a part of itself",
        "steps.yaml:4:3: error: step 'round' is a part of itself",
      ])
  }
}
