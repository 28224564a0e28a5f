import ArgumentParser
import Glibc
import Synchronization

/// Standard output, unbuffered.
///
/// Results lie in files, and what stands here sums them up. A command therefore goes on when its output cannot be
/// written, and tells so at its end. A reader that has seen enough, as in `| head -1`, is no failure.
enum StandardOutput {
  /// Number of the first error; 0 without one.
  private static let failure = Atomic<Int32>(0)

  /// Makes the process ready: a closed pipe and a file that may not grow are errors of the writing, no end of the
  /// process, and no file that is opened later takes the place of a closed standard stream.
  ///
  /// Handlers that do nothing, unlike ignored signals, are not inherited by programs that this one starts.
  static func prepare() {
    for number in [SIGPIPE, SIGXFSZ] { signal(number) { _ in } }
    for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) < 0 && errno == EBADF {
      // The lowest free number is this one. What is opened for reading cannot be written, as what is closed.
      _ = open("/dev/null", descriptor == STDERR_FILENO ? O_WRONLY : O_RDONLY)
    }
  }

  /// Writes text as it is; after the first failure nothing.
  static func write(_ text: String) {
    guard failure.load(ordering: .relaxed) == 0 else { return }
    var text = text
    text.withUTF8 { bytes in
      var written = 0
      while written < bytes.count {
        let count = Glibc.write(STDOUT_FILENO, bytes.baseAddress! + written, bytes.count - written)
        if count >= 0 {
          written += count
        } else if errno != EINTR {
          failure.store(errno, ordering: .relaxed)
          return
        }
      }
    }
  }

  /// Says that output was lost, if it was. Returns whether it was.
  static func reportLoss() -> Bool {
    let code = failure.load(ordering: .relaxed)
    guard code != 0, code != EPIPE else { return false }
    printError("standard output: error: cannot write: \(String(cString: strerror(code)))")
    return true
  }
}

/// Prints text to standard output, in the place of the library's function, which hides that it could not.
func print(_ text: String, terminator: String = "\n") { StandardOutput.write(text + terminator) }
