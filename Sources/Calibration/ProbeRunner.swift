import Glibc

/// The probe runner as a child process.
public struct ProbeRunner: Sendable {
  /// The runner's executable.
  public let executable: String
  /// A runner that says nothing for so many seconds is ended.
  public var silenceLimit = 120.0

  /// Creates a value for the executable at a path; nothing is started yet.
  public init(executable: String) { self.executable = executable }

  /// The name of the runner's executable.
  public static let executableName = "vdcsim-probe"

  /// The runner beside the running program.
  public static func besideThisProgram() -> ProbeRunner {
    var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let count = buffer.withUnsafeMutableBytes { bytes in
      bytes.withMemoryRebound(to: CChar.self) { readlink("/proc/self/exe", $0.baseAddress!, $0.count) }
    }
    let path = count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : ""
    let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    return ProbeRunner(executable: "\(folder)/\(executableName)")
  }

  /// Runs the runner to its end and hands over every line of its standard output.
  ///
  /// The child has a process group of its own, which is signalled as a whole and always awaited: when this returns or
  /// throws, nothing of it is left.
  ///
  /// - Parameters:
  ///   - arguments: the runner's arguments.
  ///   - isCancelled: asked ten times a second; when it says true the child is interrupted.
  ///   - line: takes a line without its end.
  /// - Throws: `ProbeRunnerError`.
  public func run(
    _ arguments: [String], isCancelled: () -> Bool, line: (String) -> Void
  ) throws(ProbeRunnerError) {
    guard access(executable, X_OK) == 0 else { throw .missing(path: executable) }
    let child = try Child(executable: executable, arguments: arguments)
    var output = LineBuffer()
    var errors: [UInt8] = []
    var lastSign = Self.now()
    var wasInterrupted = false
    var wasSilent = false
    var interruptedAt = 0.0
    while child.isOpen {
      let got = child.read(
        output: { bytes in output.append(bytes, line: line) },
        errors: { bytes in errors = Array((errors + bytes).suffix(4096)) })
      if got { lastSign = Self.now() }
      if !wasInterrupted && (isCancelled() || Self.now() - lastSign > silenceLimit) {
        wasSilent = !isCancelled()
        wasInterrupted = true
        interruptedAt = Self.now()
        child.signal(SIGINT)
      }
      if wasInterrupted && Self.now() - interruptedAt > 2 {
        child.signal(SIGKILL)
        break
      }
    }
    output.finish(line: line)
    let status = child.end(grace: wasInterrupted ? 2 : 10)
    let message = String(decoding: errors, as: UTF8.self).split(whereSeparator: \.isNewline).map(String.init)
    if wasSilent { throw .silent(seconds: silenceLimit) }
    if wasInterrupted || isCancelled() || status == .exited(130) { throw .interrupted }
    switch status {
    case .exited(0): return
    case .exited(69): throw .unavailable(message: message.last ?? "the machine cannot run the probes")
    case .exited(let code): throw .failed(what: "ended with exit code \(code)", messages: message)
    case .signalled(let number): throw .failed(what: "was ended by signal \(number)", messages: message)
    }
  }

  private static func now() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }
}

/// Why the runner gave no results, or not all.
public enum ProbeRunnerError: Error, Sendable, Hashable {
  /// There is no runner.
  case missing(path: String)
  /// The machine cannot be measured: no KVM, or no permission.
  case unavailable(message: String)
  /// The user interrupted.
  case interrupted
  /// The runner said nothing for too long and was ended.
  case silent(seconds: Double)
  /// The runner ended with an error or was killed.
  case failed(what: String, messages: [String])
}

extension ProbeRunnerError: CustomStringConvertible {
  /// What to tell the user.
  public var description: String {
    switch self {
    case .missing(let path):
      "error: the probe runner is not at '\(path)'; build it with `swift build --product \(ProbeRunner.executableName)` "
        + "or name it with --runner"
    case .unavailable(let message): message
    case .interrupted: "interrupted"
    case .silent(let seconds): "error: the probe runner said nothing for \(Int(seconds)) s and was ended"
    case .failed(let what, let messages):
      (["error: the probe runner \(what)"] + messages.suffix(3)).joined(separator: "\n")
    }
  }
}

/// Splits bytes into lines.
struct LineBuffer {
  /// Longer lines are cut, so that garbage without an end takes no memory.
  static let longest = 1 << 20
  private var pending: [UInt8] = []

  mutating func append(_ bytes: ArraySlice<UInt8>, line: (String) -> Void) {
    for byte in bytes {
      if byte == UInt8(ascii: "\n") {
        line(String(decoding: pending, as: UTF8.self))
        pending.removeAll(keepingCapacity: true)
      } else if pending.count < Self.longest {
        pending.append(byte)
      }
    }
  }

  mutating func finish(line: (String) -> Void) {
    if !pending.isEmpty { line(String(decoding: pending, as: UTF8.self)) }
    pending.removeAll()
  }
}

/// A child process with its standard output and error in pipes.
private final class Child {
  enum Status: Equatable {
    case exited(Int32)
    case signalled(Int32)
  }

  private let pid: pid_t
  private var descriptors: [Int32]
  private var isReaped = false

  init(executable: String, arguments: [String]) throws(ProbeRunnerError) {
    var output: [Int32] = [-1, -1]
    var errors: [Int32] = [-1, -1]
    guard pipe(&output) == 0 else { throw .failed(what: "has no pipe", messages: []) }
    guard pipe(&errors) == 0 else {
      output.forEach { close($0) }
      throw .failed(what: "has no pipe", messages: [])
    }
    for descriptor in output + errors { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_adddup2(&actions, output[1], STDOUT_FILENO)
    posix_spawn_file_actions_adddup2(&actions, errors[1], STDERR_FILENO)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF))
    posix_spawnattr_setpgroup(&attributes, 0)
    var defaults = sigset_t()
    sigfillset(&defaults)
    posix_spawnattr_setsigdefault(&attributes, &defaults)
    var words: [UnsafeMutablePointer<CChar>?] = ([executable] + arguments).map { strdup($0) } + [nil]
    var pid: pid_t = 0
    let code = posix_spawn(&pid, executable, &actions, &attributes, &words, environ)
    words.forEach { free($0) }
    posix_spawn_file_actions_destroy(&actions)
    posix_spawnattr_destroy(&attributes)
    close(output[1])
    close(errors[1])
    guard code == 0 else {
      close(output[0])
      close(errors[0])
      throw .failed(what: "did not start: \(String(cString: strerror(code)))", messages: [])
    }
    self.pid = pid
    descriptors = [output[0], errors[0]]
  }

  /// Whether a pipe is still open.
  var isOpen: Bool { descriptors.contains { $0 >= 0 } }

  /// Waits up to a tenth of a second for bytes. Returns whether there were any.
  func read(output: (ArraySlice<UInt8>) -> Void, errors: (ArraySlice<UInt8>) -> Void) -> Bool {
    var waits = descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
    guard poll(&waits, nfds_t(waits.count), 100) > 0 else { return false }
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    var got = false
    for index in waits.indices where waits[index].revents != 0 {
      let count = Glibc.read(descriptors[index], &buffer, buffer.count)
      if count > 0 {
        got = true
        if index == 0 { output(buffer[..<count]) } else { errors(buffer[..<count]) }
      } else if count == 0 || errno != EINTR {
        close(descriptors[index])
        descriptors[index] = -1
      }
    }
    return got
  }

  func signal(_ number: Int32) { if !isReaped { kill(-pid, number) } }

  /// Waits for the child, which is killed with its whole group after a grace period in seconds.
  func end(grace: Double) -> Status {
    closePipes()
    var status: Int32 = 0
    for _ in 0..<Int(grace * 100) {
      if waitpid(pid, &status, WNOHANG) == pid { return reaped(status) }
      usleep(10_000)
    }
    signal(SIGKILL)
    while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
    return reaped(status)
  }

  private func reaped(_ status: Int32) -> Status {
    // Grandchildren that outlived the child are of its group.
    kill(-pid, SIGKILL)
    isReaped = true
    return status & 0x7f == 0 ? .exited((status >> 8) & 0xff) : .signalled(status & 0x7f)
  }

  private func closePipes() {
    for index in descriptors.indices where descriptors[index] >= 0 {
      close(descriptors[index])
      descriptors[index] = -1
    }
  }

  deinit {
    if !isReaped { _ = end(grace: 0) }
  }
}
