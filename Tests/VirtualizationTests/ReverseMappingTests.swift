import Testing

@testable import Virtualization

/// Lists of the shadow entries that map a page: lines of memory that fills and teardowns read beyond the first record.
@Suite struct ReverseMappingTests {
  static let short = ReverseMappings(entries: 3, lines: 1, addition: .last, source: "")
  static let long = ReverseMappings(entries: 14, lines: 2, addition: .last, source: "")
  static let head = ReverseMappings(entries: 14, lines: 2, addition: .first, source: "")

  private func counts(
    _ operation: MemoryOperation, others: Int = 0, form: ReverseMappings? = short, isolation: Bool = false
  ) -> PagingCounts {
    let mode = PagingMode(kind: .shadow, isolation: isolation, reverseMappings: form)
    return PagingModel(paging: PagingModelTests.paging, mode: mode).counts(of: operation, others: others)
  }

  @Test("Lines are those of a chain that is walked", arguments: [1, 3, 14], 1...70)
  func chain(entries: Int, length: Int) {
    let form = ReverseMappings(entries: entries, lines: 2, addition: .last, source: "")
    // Records of a list whose entries came one by one.
    let records = stride(from: 0, to: length, by: entries).map { min(entries, length - $0) }
    #expect(form.added(to: length) == Double(records.count - 1))
    let searched = (0..<length).reduce(0.0) { $0 + Double(2 * ($1 / entries)) } / Double(length)
    #expect(abs(form.removed(from: length) - searched) < 1e-12)
    let first = ReverseMappings(entries: entries, lines: 2, addition: .first, source: "")
    #expect(first.added(to: length) == 0 && first.removed(from: length) == form.removed(from: length))
  }

  @Test func aListOfOneRecordTakesNothing() {
    for length in 0...3 { #expect(Self.short.added(to: length) == 0) }
    for length in 1...3 { #expect(Self.short.removed(from: length) == 0) }
    #expect(Self.short.added(to: 64) == 21)
  }

  @Test func otherAddressSpacesHaveTheMean() {
    var lists = MappingLists()
    lists.form = Self.short
    lists.others = 30
    lists.share(5..<6)
    lists.restart()
    // One entry for three quarters of the time, two for the rest.
    _ = lists.add(5)
    lists.clock = 75
    _ = lists.add(5)
    lists.clock = 100
    // Two own entries and 30 · 1.25 others.
    #expect(lists.add(5) == Self.short.added(to: 40))
    // A page of no file is nobody else's.
    _ = lists.add(6)
    #expect(lists.add(6) == 0)
  }

  @Test("Other processes lengthen lists of program pages, and change nothing else")
  func shared() {
    for operation in [MemoryOperation.fork(residentPages: 0), .forkExec, .vforkExec] {
      let alone = counts(operation)
      var last = alone[.reverseMapping]
      for others in [3, 7, 15, 31] {
        let many = counts(operation, others: others)
        #expect(many[.reverseMapping] > last, "\(operation) \(others)")
        last = many[.reverseMapping]
        var rest = many
        rest[.reverseMapping] = alone[.reverseMapping]
        #expect(rest == alone)
      }
      let long = counts(operation, others: 31, form: Self.long)[.reverseMapping]
      let head = counts(operation, others: 31, form: Self.head)[.reverseMapping]
      #expect(last > long && long > head && head > 0, "\(operation): \(last), \(long), \(head)")
      #expect(counts(operation, others: 31, form: nil)[.reverseMapping] == 0)
    }
  }

  @Test("Entries that come go again: in steady state as many are added as removed, each list having its mean length")
  func conservation() {
    // With records of one entry a walk passes all entries before, a removal half of them.
    let form = ReverseMappings(entries: 1, lines: 1, addition: .last, source: "")
    let first = ReverseMappings(entries: 1, lines: 1, addition: .first, source: "")
    let others = 1000
    let all = counts(.fork(residentPages: 0), others: others, form: form)[.reverseMapping]
    let removals = counts(.fork(residentPages: 0), others: others, form: first)[.reverseMapping]
    #expect(removals > 0)
    #expect(abs((all - removals) / removals - 2) < 0.02, "\(all), \(removals)")
  }

  @Test("Pages that no file holds are mapped by their own process and its child", arguments: [0, 31])
  func anonymous(others: Int) {
    for operation in [MemoryOperation.pageFault, .protect(pages: 64), .map(pages: 64, touched: 64)] {
      #expect(counts(operation, others: others)[.reverseMapping] == 0, "\(operation)")
    }
  }

  @Test func thereAreNoListsUnderNestedPaging() {
    let mode = PagingMode(kind: .hardware, reverseMappings: Self.short)
    let counts = PagingModel(paging: PagingModelTests.paging, mode: mode).counts(of: .forkExec, others: 31)
    #expect(counts[.reverseMapping] == 0)
  }
}
