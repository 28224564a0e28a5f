import ArgumentParser
import Calibration
import Documents
import Glibc
import Machine
import Model
import Tables

/// Exit codes, as BSD's sysexits name them.
enum ExitCodes {
  static let faultyDocument = ExitCode(65)
  static let missingInput = ExitCode(66)
  static let unavailable = ExitCode(69)
  static let internalError = ExitCode(70)
  static let unwritableOutput = ExitCode(73)
  static let lostOutput = ExitCode(74)
  static let interrupted = ExitCode(130)
}

/// Runs a command's body; prints what went wrong to standard error and ends with the documented code.
func reportingFailures<Result>(_ body: () async throws -> Result) async throws -> Result {
  do {
    return try await body()
  } catch let error as DiagnosticError {
    printError("\(error)")
    if case .invalid = error { throw ExitCodes.faultyDocument }
    throw ExitCodes.missingInput
  } catch let error as ModelFaults {
    for fault in error.faults {
      printError("\(Diagnostic(location: fault.location, message: fault.message))")
    }
    throw ExitCodes.faultyDocument
  } catch let error as FleetError {
    let located = error.location.map { "\(Diagnostic(location: $0, message: "\(error)"))" }
    printError(located ?? "error: \(error)")
    throw ExitCodes.faultyDocument
  } catch let error as ResultDirectoryError {
    printError("\(error)")
    throw ExitCodes.unwritableOutput
  } catch is RunInterrupted {
    printError("interrupted: nothing was written; run the same command again to start over")
    throw ExitCodes.interrupted
  } catch let error as ProbeRunnerError {
    switch error {
    case .interrupted:
      printError("interrupted: nothing was written")
      throw ExitCodes.interrupted
    case .unavailable:
      printError("\(error)")
      throw ExitCodes.unavailable
    case .missing, .silent, .failed:
      printError("\(error)")
      throw ExitCodes.internalError
    }
  } catch let error as MissingMachine {
    printError("\(error)")
    throw ExitCodes.faultyDocument
  } catch let error as EarlierRunError {
    printError("\(error)")
    throw ExitCodes.faultyDocument
  } catch let error as ExitCode {
    throw error
  } catch let error as ValidationError {
    throw error
  } catch {
    printError("error: internal: \(error)")
    throw ExitCodes.internalError
  }
}

/// Prints a line to standard error.
func printError(_ text: String) { writeError(text + "\n") }

/// Writes text to standard error as it is, unbuffered.
func writeError(_ text: String) {
  var bytes = Array(text.utf8)[...]
  while !bytes.isEmpty {
    let count = bytes.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
    guard count > 0 else { return }
    bytes = bytes.dropFirst(count)
  }
}
