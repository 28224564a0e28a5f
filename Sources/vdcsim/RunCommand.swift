import ArgumentParser
import Experiments
import Model

/// `vdcsim run`.
struct RunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Run a scenario on the designs that its hosts name.",
    usage: "vdcsim run <scenario> [<options>]")

  @Argument(help: "The scenario's file.")
  var scenario: String

  @OptionGroup var options: CommonOptions

  func run() async throws {
    try await reportingFailures {
      let inputs = try Inputs(scenario: scenario, options: options)
      _ = try await ScenarioRun(inputs: inputs, options: options, designs: [], baseline: nil).perform()
    }
  }
}
