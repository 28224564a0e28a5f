// Times the fluid engine on whole fleets: FleetBenchmarks [--whole] [ROW ...]; fails where a limit is missed.
//
// Each row runs in a process of its own, so that peak memory is that of the row. Rows whose traces are not there are left
// out with the reason. `--whole` simulates all seven days of the million VMs instead of a slice.
import Foundation
import Glibc

var words = Array(CommandLine.arguments.dropFirst())
let isWhole = words.contains("--whole")
words.removeAll { $0 == "--whole" }

if words.first == "--row", let row = words.dropFirst().first.flatMap(Row.init(rawValue:)) {
  do {
    let figures = try row.measure(isWhole: isWhole)
    for figure in figures { print("  \(figure.text)") }
    exit(figures.contains(where: \.isMissed) ? 1 : 0)
  } catch {
    print("  \(error)")
    exit(70)
  }
}

var missed: [String] = []
for row in words.isEmpty ? Row.allCases : words.compactMap(Row.init(rawValue:)) {
  print("\(row.rawValue): \(row.title)")
  if let obstacle = row.obstacle {
    print("  left out: \(obstacle)")
    continue
  }
  let process = Process()
  process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
  process.arguments = ["--row", row.rawValue] + (isWhole ? ["--whole"] : [])
  fflush(nil)
  try process.run()
  process.waitUntilExit()
  if process.terminationStatus != 0 { missed.append(row.rawValue) }
}
if !missed.isEmpty {
  print("missed: \(missed.joined(separator: ", "))")
  exit(1)
}
