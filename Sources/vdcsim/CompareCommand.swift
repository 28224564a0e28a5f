import ArgumentParser
import Experiments
import Model
import Virtualization

/// `vdcsim compare`.
struct CompareCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare",
    abstract: "Run a scenario on several designs with the same random numbers.",
    usage: "vdcsim compare <scenario> [<options>]",
    discussion: """
      Every host runs each design in turn; arrivals and service times are the same under all of them. With several \
      replications, comparison.csv has intervals of the differences and a verdict where an interval excludes zero.
      """)

  @Argument(help: "The scenario's file.")
  var scenario: String

  @Option(help: "Designs, separated by commas, instead of the scenario's compare list; the first is the baseline.")
  var designs: String?

  @OptionGroup var options: CommonOptions

  func run() async throws {
    try await reportingFailures {
      let inputs = try Inputs(scenario: scenario, options: options)
      let names = designs.map { $0.split(whereSeparator: { ",\t ".contains($0) }).map(String.init) }
      let location = SourceLocation(file: "--designs", line: 1, column: 1)
      let chosen =
        names?.map { DesignReference(name: $0, location: location) } ?? inputs.scenario.comparison?.designs ?? []
      guard !chosen.isEmpty else {
        throw ValidationError("the scenario has no compare list; name the designs with --designs A,B")
      }
      let baseline = names?.first ?? inputs.scenario.comparison?.baseline
      _ = try await ScenarioRun(inputs: inputs, options: options, designs: chosen, baseline: baseline).perform()
    }
  }
}
