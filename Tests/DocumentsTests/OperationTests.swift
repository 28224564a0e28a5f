import Testing

@testable import Documents

/// Which operations may be stated where.
@Suite struct OperationTests {
  private func faults(_ line: String) -> [String] {
    var text = ScenarioText()
    text.workload.append(line)
    return DocumentsTests.faults(in: text.text).map { String($0.dropFirst("18:".count)) }
  }

  @Test(arguments: [
    ("halt: 1", "19: error: 'halt' follows from idleness and cannot be stated"),
    ("block_write: -1", "32: error: expected a number from 0 to 1000, found '-1'"),
    ("interrupt: 1", "19: error: 'interrupt' follows from the simulation and cannot be stated"),
    ("sys_call: 1", "19: error: unknown operation 'sys_call' (did you mean 'syscall'?)"),
    ("syscall: -1", "28: error: expected a number from 0 to 1000000000, found '-1'"),
    ("syscall: 1/s", "28: error: expected a number, found '1/s'"),
    ("net_rx: 0.5", "27: error: expected an integer, found '0.5'"),
    ("net_rx: {size: 1 B}", "27: error: missing key 'count' in 'net_rx'; expected an integer from 0 to 1000000"),
    ("net_tx: {count: 1, size: 0 B}", "44: error: expected a size above 0, found '0 B'"),
    (
      "context_switch: {count: 1, processes: 4}",
      "35: error: missing key 'data' in 'context_switch'; expected processes and data, or a number alone"
    ),
    (
      "context_switch: {count: 1, processes: 1, data: 4 KiB}",
      "57: error: expected an integer from 2 to 100000, found '1'"
    ),
    ("net_tx: {count: 1, sise: 1 B}", "38: error: unknown key 'sise' in 'net_tx' (did you mean 'size'?)"),
  ])
  func perRequest(operation: String, message: String) {
    #expect(faults("per_request: {\(operation)}") == [message])
  }

  @Test(arguments: [
    ("net_rx: 1", "22: error: 'net_rx' has no rate per CPU second; expected it in 'per_request'"),
    ("block_read: 1", "22: error: 'block_read' has no rate per CPU second; expected it in 'per_request'"),
    ("halt: 1/s", "22: error: 'halt' follows from idleness and cannot be stated"),
    ("cpuid: 5/day", "29: error: expected a rate with its unit (/s, /min, /h), found '5/day'"),
    ("cpuid: many", "29: error: expected a number, found 'many'"),
  ])
  func perCPUSecond(operation: String, message: String) {
    #expect(faults("per_cpu_second: {\(operation)}") == [message])
  }

  @Test(arguments: [
    ("net_tx: 1", "16:33: error: 'net_tx' cannot stand in a program; expected operations without devices"),
    ("halt: 1", "16:33: error: 'halt' follows from idleness and cannot be stated"),
    ("timer_interrupt: 1", "16:33: error: 'timer_interrupt' follows from the simulation and cannot be stated"),
    ("syscall: 0", "16:42: error: expected an integer from 1 to 1000000000, found '0'"),
    ("syscall: 0.5", "16:42: error: expected an integer, found '0.5'"),
  ])
  func programs(operation: String, message: String) {
    let text = ScenarioText(workload: ["program: {repeat: 1, loop: {\(operation)}}"]).text
    #expect(DocumentsTests.faults(in: text) == [message])
  }
}
