/// The smallest page that tables translate: 4 KiB on x86-64, and on AArch64 with its usual granule.
///
/// Guests, balloons, swap, merging and dirty logs count memory in these pages.
public enum BasePage {
  /// Bytes of a page.
  public static let bytes: Int64 = 4096
  /// The same, for shares and means.
  public static let size = Double(bytes)
}
