import Glibc
import Synchronization

/// Ctrl-C and termination: the first asks the runs to stop, the second ends the process.
enum Interruption {
  private static let flag = Atomic<Bool>(false)

  /// Whether the user has asked to stop.
  static var isRequested: Bool { flag.load(ordering: .relaxed) }

  /// Starts listening.
  static func install() {
    for number in [SIGINT, SIGTERM] {
      signal(number) { number in
        Interruption.flag.store(true, ordering: .relaxed)
        // A second one takes the default way out.
        signal(number, SIG_DFL)
      }
    }
  }
}
