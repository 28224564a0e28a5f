// Measures the pending-event set against std::priority_queue in C++ (-O3, 16-byte entries), side by side in one run.
//
//   KernelBenchmarks                  times and memory; fails when a limit is missed
//   KernelBenchmarks --instructions   instructions an event as well (needs valgrind and strip)

import Foundation

/// The most resident memory an event, from `manyEvents` pending events up.
let memoryLimit = 20.0
let manyEvents = 1_000_000
/// How many times faster than SimPy the M/M/1 queue is, at least.
let simpyFactor = 200.0

let arguments = CommandLine.arguments.dropFirst()

// One side alone, for callgrind.
if arguments.count == 5, arguments.first == "--only" {
  let fields = Array(arguments)
  guard let contest = Contest.all.first(where: { $0.model.rawValue == fields[1] && String($0.pending) == fields[2] }),
    let events = Int(fields[4])
  else { exit(64) }
  let side = fields[3] == "reference" ? contest.makeReference() : contest.makeSubject()
  _ = side.run(events)
  exit(0)
}
guard arguments.isEmpty || Array(arguments) == ["--instructions"] else {
  print("usage: KernelBenchmarks [--instructions]")
  exit(64)
}

func row(_ cells: [String]) {
  let padded = zip(cells, [8, 10, 10, 10, 8, 8, 8, 0]).map { cell, width in
    String(repeating: " ", count: max(0, width - cell.count)) + cell
  }
  print(padded.joined(separator: " "))
}

func format(_ value: Double, _ places: Int) -> String { String(format: "%.\(places)f", value) }

var missed = 0
var singleServerTime = 0.0
row(["model", "pending", "C++ ns", "VDCSim ns", "ratio", "limit", "bytes", " verdict"])
for contest in Contest.all {
  let outcome = contest.run()
  let isLarge = contest.model == .hold && contest.pending >= manyEvents
  let isMet = outcome.ratio <= contest.limit && (!isLarge || outcome.bytesPerEvent <= memoryLimit)
  if !isMet { missed += 1 }
  if contest.model == .singleServer { singleServerTime = outcome.subject }
  row([
    contest.model.rawValue, String(contest.pending), format(outcome.reference, 1), format(outcome.subject, 1),
    format(outcome.ratio, 3), format(contest.limit, 2), isLarge ? format(outcome.bytesPerEvent, 1) : "",
    isMet ? " met" : " MISSED",
  ])
}
print("Nanoseconds of processor time an event (mm1: a customer), medians. Bytes: at most \(Int(memoryLimit)) an event.")

if let simpy = simpyTime() {
  let factor = simpy / singleServerTime
  if factor < simpyFactor { missed += 1 }
  print(
    "mm1 in SimPy: \(format(simpy, 0)) ns a customer, \(format(factor, 0)) times as long; at least",
    "\(Int(simpyFactor)): \(factor < simpyFactor ? "MISSED" : "met")")
} else {
  print("mm1 in SimPy: skipped, for python3 has no module simpy")
}

if !arguments.isEmpty {
  if let counter = InstructionCounter() {
    print("\nInstructions an event")
    row(["model", "pending", "C++", "VDCSim", "ratio"])
    for contest in Contest.all where contest.pending < manyEvents {
      let reference = counter.instructionsPerEvent(contest, side: "reference") ?? .nan
      let subject = counter.instructionsPerEvent(contest, side: "subject") ?? .nan
      row([
        contest.model.rawValue, String(contest.pending), format(reference, 1), format(subject, 1),
        format(subject / reference, 2),
      ])
    }
  } else {
    print("Instructions: skipped, for valgrind or strip (binutils) is missing")
  }
}
exit(missed == 0 ? 0 : 1)
