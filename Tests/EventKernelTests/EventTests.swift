import EventKernel
import Testing

@Suite struct EventTests {
  @Test func takesSixteenBytes() {
    #expect(MemoryLayout<Event>.size == 16 && MemoryLayout<Event>.stride == 16)
  }

  @Test(arguments: [
    (Int64.min, UInt8.max, UInt32.max, Event.generationMask), (Int64.max, 0, 0, 0), (-5, 3, 1 << 31, 1 << 23),
    (0, 0x80, 7, 0x12_3456),
  ])
  func keepsItsParts(time: Int64, kind: UInt8, handle: UInt32, generation: UInt32) {
    let event = Event(time: time, kind: kind, handle: handle, generation: generation)
    #expect(event.time == time && event.kind == kind && event.handle == handle && event.generation == generation)
  }

  @Test func generationsWrap() {
    let event = Event(time: 0, kind: 255, handle: 9, generation: 0xff00_0005)
    #expect(event.generation == 5 && event.kind == 255 && event.handle == 9)
  }
}
