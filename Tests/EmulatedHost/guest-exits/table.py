#!/usr/bin/env python3
"""Turns the records of the counting monitor (one file a configuration) into a table, one row a window.

Records: W window (workload, parameters, repetition, operations), S changed statistic of KVM, H histogram entry of a
tracepoint, Z end of the counts, E the guest's own counts. The exit of the end marker is taken off.
"""
import csv
import os
import re
import sys

COLUMNS = {0x4E: "page_fault", 0x400: "nested_page_fault", 0x79: "invlpg", 0x03: "read_cr3", 0x13: "write_cr3",
           0x72: "cpuid", 0x78: "halt", 0x7C: "msr", 0x60: "interrupt", 0x64: "interrupt_window"}
STATISTICS = ["pf_guest", "pf_fixed", "pf_emulate", "pf_spurious", "mmu_cache_miss", "mmu_shadow_zapped",
              "remote_tlb_flush"]
GUEST = {"pgfault": "guest_page_faults", "ctxt": "guest_context_switches", "processes": "guest_forks"}
MARKER_PORT, PORT_EXIT = 0x5F4, 0x7B
HEAD = ["configuration", "workload", "parameters", "repetition", "operations"]


def windows(path):
    row = None
    with open(path, errors="replace") as lines:
        for line in lines:
            kind, _, rest = line.rstrip("\r\n").partition("|")
            if kind == "W":
                row = dict.fromkeys(list(COLUMNS.values()) + ["other"] + STATISTICS + list(GUEST.values()), 0)
                row["configuration"] = os.path.basename(path)[:-4]
                row.update(zip(HEAD[1:], rest.split("|")))
            elif kind == "S" and row is not None:
                _, name, change = rest.split("|")
                if name in STATISTICS:
                    row[name] += int(change)
            elif kind == "H" and rest.startswith("kvm/kvm_exit|"):
                entry = re.search(r"exit_reason: *(\d+).*info1: *([0-9a-f]+) *\} hitcount: *(\d+)", rest)
                if not entry:
                    if not rest.rstrip().endswith("Dropped: 0"):
                        sys.exit(f"{path}: error: the histogram overflowed: {rest}")
                    continue
                reason, information, count = int(entry[1]), int(entry[2], 16), int(entry[3])
                if reason == PORT_EXIT and information >> 16 == MARKER_PORT:
                    count -= 1
                row[COLUMNS.get(reason, "other")] += count
            elif kind == "E":
                for pair in rest.split(";"):
                    name, count = pair.split("=")
                    if name in GUEST:
                        row[GUEST[name]] = int(count)
                yield row


def main():
    names = HEAD + list(COLUMNS.values()) + ["other"] + STATISTICS + list(GUEST.values())
    table = csv.DictWriter(sys.stdout, names, lineterminator="\n", extrasaction="ignore")
    table.writeheader()
    for path in sorted(sys.argv[1:]):
        for row in windows(path):
            table.writerow(row)


main()
