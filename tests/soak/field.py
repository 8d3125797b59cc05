"""The fleet of the soak: two servers, forty tenants, three agents behind relays of their own.

Agents one and two see the first server: what one cannot do the other one does once the lease is
over. Agent three has the second server alone. Timers are those of the defaults over sixty, or the
least that the configuration takes.
"""
import struct
import threading
import time

from lib import configs, effects, rollouts
from lib.fleet import Fleet, preload
from lib.postgres import Postgres

import plan
import relay as relays
import stage as stages

EACH = 20  # tenants of a server
COUNT = 5  # migrations
OUTSIDE = 3  # one of them runs outside of a transaction, both ways
TRACES = ("SET ROLE tenant_owner; CREATE TABLE public.trace (version text, direction text,"
          " at xid8 DEFAULT pg_current_xact_id())")
NEVER = 10 ** 15
COORDINATOR = {"heartbeat": "100ms", "lease": "1s", "unreachable_after": "1s",
               "standing_sweep": "1s", "inventory_stale": "15s", "timeouts": {"offer": "1s"}}
AGENT = {"heartbeat": "100ms", "reconnect_max": "500ms", "inventory_refresh": "1s",
         "connect_timeout": "1s", "lock_timeout": "100ms", "statement_timeout": "5s"}
AT_END = len(stages.PLACES) * len(stages.OPS)  # of the shim's counters: whether they count


class Log:
    """What happened, with its time; one line each. The time is the plan's: it stands still while
    the soak does."""

    def __init__(self, path):
        self.begun = time.monotonic()
        self.stood = None  # since when the plan's time stands still
        self.lock = threading.Lock()
        self.file = open(path, "w+", encoding="utf-8")

    def now(self):
        return (self.stood or time.monotonic()) - self.begun

    def stand(self):
        self.stood = time.monotonic()

    def go_on(self):
        self.begun += time.monotonic() - self.stood
        self.stood = None

    def __call__(self, who, what):
        with self.lock:
            self.file.write(f"{self.now():8.2f} {who}: {what}\n")
            self.file.flush()

    def text(self):
        with self.lock:
            self.file.seek(0)
            return self.file.read()


class Disk:
    """The shim's counters of one program: a fault is asked for by setting its counter to just
    before the number that the program was started to fail at."""

    def __init__(self, path, place, op, action):
        self.path = path
        self.place, self.op, self.action = place, op, action
        self.index = stages.PLACES.index(place) * len(stages.OPS) + stages.OPS.index(op)
        path.write_bytes(bytes(8 * (AT_END + 1)))

    def words(self):
        return {"FAULT_COUNTS": self.path,
                "FAULT_AT": f"{self.place}:{self.op}:{NEVER}:{self.action}"}

    def _set(self, index, number):
        with open(self.path, "r+b", buffering=0) as file:
            file.seek(8 * index)
            file.write(struct.pack("Q", number))

    def strike(self):
        self._set(AT_END, 1)
        self._set(self.index, NEVER - 1)

    def heal(self):
        self._set(self.index, 0)


class Soaked(Fleet):
    """A fleet whose agents come through relays, and whose programs carry shim and probe."""

    def __init__(self, folder, clusters, seed):
        agents = {name: [clusters[where]] for name, where in plan.AGENTS.items()}
        super().__init__(folder, agents, coordinator_changes=COORDINATOR, agent_changes=AGENT)
        host, port = self.address.removeprefix("tcp://").rsplit(":", 1)
        self.relays = {name: relays.Relay(host, int(port)) for name in agents}
        self.seed = seed
        self.starts = 0
        self.disks = {}

    def write_agent(self, name, **changes):
        address = f"tcp://127.0.0.1:{self.relays[name].port}"
        super().write_agent(name, coordinator={"address": address}, **changes)

    def start(self):
        """All but agent two: until a tenant has a baseline, each agent knows it by an id of its
        own."""
        self.make_files()
        self.start_coordinator()
        for name in plan.KEEPERS:
            self.start_agent(name)
        stages.await_true(lambda: len(self.ok("tenants", "-o", "json").json["tenants"]) ==
                          2 * EACH, "not all tenants are told")
        return self

    def join(self, name):
        mark = self.coordinator.mark()
        self.start_agent(name)
        self.coordinator.wait_for_line(rf'event="agent online" agent={name}\b', after=mark)

    # The programs.

    def choose_disk(self, name):
        """Which fault this start of a program can suffer: drawn by the seed and its number."""
        self.starts += 1
        chance = plan.random.Random(f"{self.seed}/{name}/{self.starts}")
        action = chance.choice(("eio", "enospc", "full"))
        if name == "coordinator":
            place, op = "catalog", chance.choice(("write", "sync"))
        else:
            place, op = chance.choice((("backup", "write"), ("backup", "sync"),
                                       ("backup", "rename"), ("paper", "write"),
                                       ("journal", "write"), ("journal", "sync")))
        return place, op, action

    def equip(self, name, place=None):
        """The environment of a start; place: what may fail, where it must be this."""
        kind = self.choose_disk(name)
        if place is not None and kind[0] != place:
            kind = (place, "write", kind[2])
        disk = Disk(self.folder / f"counts.{self.starts}", *kind)
        self.disks[name] = disk
        return {"LD_PRELOAD": preload(self.folder, "faultshim.so", "soakprobe.so"),
                "SOAK_PROBE": self.folder / "probes",
                # what a thread keeps of freed blocks would count as in use (mallinfo2(3))
                "GLIBC_TUNABLES": "glibc.malloc.tcache_count=0", **disk.words()}

    def start_coordinator(self, ready=True, **env):
        return super().start_coordinator(ready, **self.equip("coordinator"), **env)

    def start_agent(self, name, ready=True, **env):
        keeper = "backup" if name in plan.KEEPERS else None
        return super().start_agent(name, ready, **self.equip(name, keeper), **env)

    def make_files(self):
        super().make_files()
        (self.folder / "probes").mkdir()
        return self

    def program_of(self, name):
        return self.coordinator if name == "coordinator" else self.agents[name]


class Field:
    """Servers and fleet, from the first file to the last."""

    def __init__(self, folder, seed):
        self.folder = folder
        self.servers = {}
        self.names = {}
        self.fleet = None
        self.seed = seed

    def __enter__(self):
        try:
            self._raise_servers()
            self._raise_fleet()
            return self
        except BaseException:
            self.__exit__(*([None] * 3))
            raise

    def _raise_servers(self):
        for server in dict.fromkeys(plan.AGENTS.values()):
            self.servers[server] = Postgres(self.folder, server)
            self.servers[server].start().create_roles()
            self.names[server] = [f"{server[0]}{number:02d}" for number in range(EACH)]
            for name in self.servers[server].create_tenants(self.names[server]):
                self.servers[server].run(TRACES, name)

    def _write_chain(self):
        """The chain of lib/effects.py, all of which can be undone without losing its traces: their
        table stands there before the baseline."""
        chain = effects.write(self.folder / "chain", COUNT, outside=(OUTSIDE,))
        effects.undo_outside(chain, OUTSIDE)
        (chain / "V001__step_1.sql").write_text(
            "CREATE TABLE public.t1 (id int PRIMARY KEY, v int);\n" +
            effects.TRACE.format(version="V001", direction="apply"))
        (chain / "V001__step_1.undo.sql").write_text(
            "DROP TABLE public.t1;\n" + effects.TRACE.format(version="V001", direction="undo"))
        return chain

    def _raise_fleet(self):
        self.fleet = Soaked(self.folder / "fleet", {
            name: configs.cluster(server, self.names[name], parallel=3)
            for name, server in self.servers.items()}, self.seed)
        self.fleet.start()
        self.fleet.push_bundle(self._write_chain(), "chain")
        rollouts.baseline(self.fleet, application="chain")
        spec = self.fleet.write_spec("chain", target="V001", **stages.NO_POINT)
        rollouts.assert_ends(self.fleet, rollouts.start(self.fleet, spec), "succeeded")
        self.fleet.join("two")

    def tenants(self):
        return [name for names in self.names.values() for name in names]

    def __exit__(self, *_):
        try:
            if self.fleet is not None:
                for child in self.fleet.children:
                    child.kill()
                for relay in self.fleet.relays.values():
                    relay.close()
        finally:
            for server in self.servers.values():
                server.remove()
