"""What the programs hold, once a second: memory, descriptors by kind, how large their files are.

Memory is what malloc has in use (probe.c) without SQLite's page cache. That cache has a bound of
its own and fills as long as its file grows, which is no leak; it is shown beside it. Resident and
proportional pages are shown, too: they hardly fall, whatever is freed.

Five times, from the half on, all stands still: no fault, no open rollout, no job. What is in use
then is what nobody let go. The two stops of the third quarter are compared with the two of the
last: the plan draws as many orders and faults for one as for the other, and the programs that are
measured live through both. The first stop, at the half, is shown; it is warm-up.

Medians of the time between are shown as well: they have open rollouts and jobs in them.
"""
import os
import statistics
import struct
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import plan

NUMBERS = struct.Struct("qqq")
MIB = 1024 * 1024
STOPS = (4 / 8, 5 / 8, 6 / 8, 7 / 8)  # of the time; the last one is at its end
MOST = 1.02  # of what the third quarter's stops found
MEASURED = ("coordinator", *plan.KEEPERS)
SQLITE_MOST = 34 * MIB  # the coordinator's cache_size is 32 MiB
ENDING = {"coordinator": "catalog.sqlite"}


@dataclass
class Sample:
    at_s: float
    pid: int
    used: int  # in use, without SQLite's
    sqlite: int
    resident: int
    proportional: int
    descriptors: Counter
    file: int  # catalog or journal, with its log


def _memory(pid, what):
    """A line of smaps_rollup in bytes (proc(5))."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith(what + ":"):
            return int(line.split()[1]) * 1024
    return 0


def kind_of(target):
    """socket, pipe, anon_inode:[eventfd], or file."""
    if target.startswith("anon_inode:"):
        return target.removeprefix("anon_inode:").strip("[]")
    return target.split(":")[0] if ":" in target and not target.startswith("/") else "file"


def descriptors(pid):
    found = Counter()
    folder = f"/proc/{pid}/fd"
    for name in os.listdir(folder):
        try:
            found[kind_of(os.readlink(f"{folder}/{name}"))] += 1
        except OSError:
            continue  # closed since it was listed
    return found


class Gauge:
    def __init__(self, fleet, log):
        self.fleet = fleet
        self.log = log
        self.samples = {name: [] for name in MEASURED}
        self.rests = {name: [] for name in MEASURED}  # at stops

    def file_of(self, name):
        path = self.fleet.folder / ENDING.get(name, f"{name}/state/journal.sqlite")
        return sum(part.stat().st_size for part in path.parent.glob(path.name + "*"))

    def sample(self):
        self._sample(self.samples)

    def sample_rest(self):
        self._sample(self.rests)

    def _sample(self, into):
        for name in MEASURED:
            child = self.fleet.program_of(name)
            try:
                seen = self._look(name, child.pid)
            except (OSError, struct.error):
                continue  # it ended meanwhile, or has only begun
            into[name].append(seen)

    def _look(self, name, pid):
        used, sqlite, _ = NUMBERS.unpack((self.fleet.folder / "probes" / str(pid)).read_bytes())
        if used == 0:
            raise OSError("nothing was written yet")
        return Sample(self.log.now(), pid, used - sqlite, sqlite, _memory(pid, "Rss"),
                      _memory(pid, "Pss"), descriptors(pid), self.file_of(name))

    # Afterwards.

    def quarters(self, name, duration_s):
        """The third quarter's samples and the last one's, of the process that lived to the end."""
        rows = [row for row in self.samples[name] if row.at_s < duration_s]
        rows = [row for row in rows if row.pid == rows[-1].pid]
        middle, late = duration_s / 2, duration_s * 3 / 4
        return ([row for row in rows if middle <= row.at_s < late],
                [row for row in rows if late <= row.at_s])

    def stops(self, name):
        """What was in use at each stop, the least of its samples; of the last process alone."""
        by_stop = {}
        for row in self.rests[name]:
            if row.pid == self.rests[name][-1].pid:
                by_stop.setdefault(row.at_s, []).append(row.used)
        return [min(used) for _, used in sorted(by_stop.items())]

    def judge(self):
        """What grew."""
        found = []
        for name in MEASURED:
            used = self.stops(name)
            if len(used) <= len(STOPS):
                found.append(f"memory: {name} did not live through the second half")
                continue
            before, after = (used[1] + used[2]) / 2, (used[3] + used[4]) / 2
            if after > before * MOST:
                found.append(f"memory: {name} had {before:.0f} bytes in use, then {after:.0f}: "
                             f"{used}")
            if max(row.sqlite for row in self.rests[name]) > SQLITE_MOST:
                found.append(f"memory: SQLite's cache in {name} is past its bound")
        return found

    def judge_descriptors(self, before, after):
        """At rest, as many as before anything happened: no kind of them grew."""
        return [f"descriptors: {name} had {before[name][kind]} of {kind}, now {count}"
                for name in before for kind, count in after[name].items()
                if count > before[name][kind]]

    def series(self):
        """Every sample, as comma-separated values."""
        lines = ["program,at_s,pid,used,sqlite,resident,proportional,descriptors,file"]
        for name in MEASURED:
            rows = sorted(self.samples[name] + self.rests[name], key=lambda row: row.at_s)
            lines += [f"{name},{row.at_s:.1f},{row.pid},{row.used},{row.sqlite},{row.resident},"
                      f"{row.proportional},{sum(row.descriptors.values())},{row.file}"
                      for row in rows]
        return "\n".join(lines) + "\n"

    def at_rest(self):
        return {name: descriptors(self.fleet.program_of(name).pid) for name in MEASURED}

    def table(self, duration_s):
        text = ("| program | in use at the half | at 5/8 and 3/4 | at 7/8 and the end | change |\n"
                "|---|---|---|---|---|\n")
        for name in MEASURED:
            used = self.stops(name)
            if len(used) > len(STOPS):
                before, after = used[1] + used[2], used[3] + used[4]
                text += (f"| {name} | {_kib(used[0])} | {_kib(before / 2)} | {_kib(after / 2)} | "
                         f"{100 * (after / before - 1):+.2f} % |\n")
        text += ("\n| program | quarter | in use, median | SQLite's cache | resident |"
                 " proportional | descriptors | its file |\n|---|---|---|---|---|---|---|---|\n")
        for name in MEASURED:
            for label, rows in zip(("third", "last"), self.quarters(name, duration_s)):
                if rows:
                    text += _row(name, label, rows)
        return text


def median(rows, what):
    return statistics.median(getattr(row, what) for row in rows)


def _kib(size):
    return f"{size / 1024:.1f} KiB"


def _row(name, label, rows):
    sizes = " | ".join(f"{median(rows, what) / MIB:.2f} MiB" for what in
                       ("used", "sqlite", "resident", "proportional"))
    count = statistics.median(sum(row.descriptors.values()) for row in rows)
    return (f"| {name} | {label} | {sizes} | {count:g} | {rows[-1].file / MIB:.1f} MiB |\n")
