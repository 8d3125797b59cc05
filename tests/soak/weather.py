"""Faults as the plan has them, each with its end; and a supervisor, who starts again what ended.

What ends by itself without having been struck, or is ended by a signal that nobody sent, is a
finding. A thing that already suffers is left alone.
"""
import contextlib
import signal
import sqlite3

import plan
import relay as relays

LOG_LINES = 40
STAY_S = 0.5  # a program that ended by itself stays so long before it is started again
CONTEXT = {"hold_up": (relays.UP,), "hold_down": (relays.DOWN,),
           "hold_both": (relays.UP, relays.DOWN)}


class Weather:
    def __init__(self, field, log):
        self.field = field
        self.fleet = field.fleet
        self.log = log
        self.heals = []  # (when, what suffers, how it ends)
        self.suffering = set()
        self.struck = {}  # program: its disk was struck, it may end by itself
        self.copies = []
        self.replaced = []  # catalogs that others took the place of
        self.found = []
        self.count = {}
        self.without = None  # an agent that an operator may go on without

    # Beginnings and ends.

    def _begin(self, thing, length_s, end):
        self.suffering.add(thing)
        self.heals.append((self.log.now() + length_s, thing, end))

    def tick(self):
        """End what is due, start what ended."""
        for due, thing, end in [heal for heal in self.heals if heal[0] <= self.log.now()]:
            self.heals.remove((due, thing, end))
            end()
            self.suffering.discard(thing)
        for name in ("coordinator", *plan.AGENTS):
            if name not in self.suffering and not self.fleet.program_of(name).is_running():
                self._note_end(name)
                self._begin(name, STAY_S, lambda name=name: self._start(name))

    def _note_end(self, name):
        child = self.fleet.program_of(name)
        status = child.wait()
        why = self.struck.pop(name, None)
        self.log("weather", f"{name} ended by itself with {status}; struck: {why}")
        if why is None or status < 0:
            lines = "\n".join(child.lines[-LOG_LINES:])
            self.found.append(f"{name} ended with {status}, struck: {why}\n{lines}")

    def _start(self, name):
        self.struck.pop(name, None)
        if name == "coordinator":
            self.fleet.start_coordinator(ready=False)
        else:
            self.fleet.start_agent(name, ready=False)
        self.log("weather", f"{name} starts as {self.fleet.program_of(name).pid}")

    def calm(self):
        """Everything ends now."""
        while self.heals:
            self.heals = [(0, thing, end) for _, thing, end in self.heals]
            self.tick()
        self.tick()

    # Faults.

    def strike(self, event):
        kind = event.kind
        said = getattr(self, kind, None) or getattr(self, kind.rsplit("_", 1)[0])
        what = said(event)
        self.count[kind if what else "passed over"] = \
            self.count.get(kind if what else "passed over", 0) + 1
        self.log("weather", f"{kind}: {what or 'passed over'}")

    def kill(self, event):
        name = "coordinator" if event.kind.endswith("coordinator") else plan.target(event)
        if name in self.suffering:
            return None
        self.fleet.program_of(name).kill()
        length = event.between(1, 0.2, 3)
        self._begin(name, length, lambda: self._start(name))
        return f"{name} for {length:.1f} s"

    def stop(self, event):
        name = "coordinator" if event.kind.endswith("coordinator") else plan.target(event)
        child = self.fleet.program_of(name)
        if name in self.suffering or not child.is_running():
            return None
        child.send(signal.SIGSTOP)
        length = event.between(1, 0.3, 4)
        self._begin(name, length, lambda: child.send(signal.SIGCONT))
        return f"{name} for {length:.1f} s"

    def cut(self, event):
        return self._break(event, lambda relay: relay.cut())

    def hold(self, event):
        return self._break(event, lambda relay: relay.hold(*CONTEXT[event.kind]))

    def _break(self, event, how):
        name = plan.target(event)
        thing = f"the network of {name}"
        if thing in self.suffering:
            return None
        relay = self.fleet.relays[name]
        how(relay)
        length = event.between(1, 0.3, 5)
        self._begin(thing, length, relay.heal)
        return f"{name} for {length:.1f} s"

    def postgres(self, event):
        name = event.pick(0, self.field.servers)
        server = self.field.servers[name]
        if name in self.suffering:
            return None
        server.crash()
        length = event.between(1, 0.1, 2)
        self._begin(name, length, server.start)
        return f"{name} for {length:.1f} s"

    def disk(self, event):
        """One write that fails, or a disk that is full for a while."""
        name = "coordinator" if event.kind.endswith("coordinator") else plan.target(event)
        disk = self.fleet.disks[name]
        thing = f"the disk of {name}"
        if thing in self.suffering or name in self.suffering:
            return None
        self.struck[name] = f"{disk.place} {disk.op} {disk.action}"
        disk.strike()
        length = event.between(1, 0.5, 3)
        self._begin(thing, length, disk.heal)
        return f"{name}: {self.struck[name]} for {length:.1f} s"

    # The catalog.

    def catalog_file(self):
        return self.fleet.folder / "catalog.sqlite"

    def _copy_to(self, path):
        with contextlib.closing(sqlite3.connect(self.catalog_file(), timeout=30)) as source, \
                contextlib.closing(sqlite3.connect(path)) as target:
            source.backup(target)

    def copy(self, event):
        path = self.field.folder / f"copy.{len(self.copies)}"
        self._copy_to(path)
        self.copies.append(path)
        return f"the catalog to {path.name}"

    def put_back(self, event):
        """A copy takes the catalog's place. Sometimes an agent is away meanwhile, for longer than
        somebody wants to wait for it."""
        if not self.copies or "coordinator" in self.suffering:
            return None
        path = event.pick(0, self.copies[-3:])
        self.fleet.coordinator.kill()
        kept = self.field.folder / f"replaced.{len(self.replaced)}"
        self._copy_to(kept)
        self.replaced.append(kept)
        for ending in ("-wal", "-shm"):
            self.catalog_file().with_name(self.catalog_file().name + ending).unlink(True)
        self.catalog_file().write_bytes(path.read_bytes())
        self._begin("coordinator", 0, lambda: self._start("coordinator"))
        away = ""
        if event.dice[1] < 0.5 and "two" not in self.suffering:
            self.fleet.agents["two"].kill()
            self._begin("two", 8, self._two_comes_back)
            self.without = "two"
            away = ", agent two is away"
        return f"{path.name} takes the catalog's place{away}"

    def _two_comes_back(self):
        self.without = None
        self._start("two")
