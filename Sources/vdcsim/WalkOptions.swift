import ArgumentParser
import Model
import Quantities
import Virtualization

/// The memory for which `vdcsim explain` shows page walks.
struct WalkOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Working set whose page walks are shown.", valueName: "size"))
  var workingSet = "1 GiB"

  @Option(help: ArgumentHelp("Exponent of the popularity of its pages, from 0 to 10.", valueName: "number"))
  var reuseSkew = 0.8

  @Option(help: ArgumentHelp("Page size of the guest: 4 KiB, 2 MiB or 1 GiB.", valueName: "size"))
  var guestPage = "4 KiB"

  @Option(help: ArgumentHelp("Page size of the host.", valueName: "size"))
  var hostPage = "4 KiB"

  @Option(help: ArgumentHelp("Levels of the page tables on both sides: 3 to 5.", valueName: "number"))
  var pageTableLevels = 4

  func validate() throws {
    for (option, text) in [("--working-set", workingSet), ("--guest-page", guestPage), ("--host-page", hostPage)] {
      guard let size = try? ByteCount.parse(text), size > .zero else {
        throw ValidationError("\(option) \(text): expected a size such as 4 KiB")
      }
      if option != "--working-set" && ![BasePage.bytes, 2 << 20, 1 << 30].contains(size.bytes) {
        throw ValidationError("\(option) \(text): expected 4 KiB, 2 MiB or 1 GiB")
      }
    }
    guard (0...10).contains(reuseSkew) else {
      throw ValidationError("--reuse-skew \(reuseSkew): expected a number from 0 to 10")
    }
    guard (3...5).contains(pageTableLevels) else {
      throw ValidationError("--page-table-levels \(pageTableLevels): expected 3, 4 or 5")
    }
  }

  /// What the options say, as text.
  var text: String {
    "a working set of \(workingSet), skew \(reuseSkew), guest pages of \(guestPage), host pages of \(hostPage), "
      + "\(pageTableLevels) levels"
  }

  /// Pages and page tables.
  var layout: PageLayout {
    get throws {
      PageLayout(
        guest: PageMix(page: try ByteCount.parse(guestPage).bytes),
        host: PageMix(page: try ByteCount.parse(hostPage).bytes), guestLevels: pageTableLevels,
        hostLevels: pageTableLevels)
    }
  }

  /// The translation of such a memory; nil when the profile has no data of the TLB or of walks.
  func translation(under design: CompiledDesign) throws -> TranslationLoad? {
    guard design.profile.effectiveWalks != nil else { return nil }
    let setting = TranslationLoad.Setting(
      guest: PageMix(page: try ByteCount.parse(guestPage).bytes),
      host: PageMix(page: try ByteCount.parse(hostPage).bytes),
      paging: design.choice.axes[.paging], guestLevels: pageTableLevels, hostLevels: pageTableLevels)
    let memory = MemoryReferences(
      workingSet: try ByteCount.parse(workingSet).bytes, referencesPerSecond: 1e6, reuseSkew: reuseSkew)
    return TranslationLoad(memory: memory, setting: setting, profile: design.profile)
  }
}
