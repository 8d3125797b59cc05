"""The benches: Drover against floors of their own, as ratios measured in one run.

Contenders take turns, round by round, on fresh copies of the same tenants, so that a machine that
changes its speed changes it for all; a figure is the best round's. Prints a table and, with
--write, puts it into docs/PERFORMANCE.md.
"""
import argparse
import os
import re
import resource
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(ROOT / "tests" / "integration"), str(HERE / "lib")]

import chain  # noqa: E402
from cluster import Cluster  # noqa: E402
from lib import account, configs, rollouts  # noqa: E402
from lib.fleet import Fleet  # noqa: E402
from lib.process import clean_environment  # noqa: E402

ORDER_S = 1800  # a net for an order that hangs
BENCHES = ("apply", "undo", "head", "backup", "dispatch")
NO_POINT = {"recovery_point": {"policy": "none", "reason": "throwaway data"}}
MARKS = ("<!-- figures begin -->", "<!-- figures end -->")


def tool(name):
    return str(Path(os.environ["DROVER_BIN_DIR"]) / name)


class Table:
    def __init__(self):
        self.rows = []

    def add(self, what, ours, floor, limit=None, note=""):
        ratio = ours / floor
        said = "" if limit is None else f"{limit:.2f}"
        verdict = "" if limit is None else ("holds" if ratio <= limit else "missed")
        digits = 2 if ours >= 0.1 else 4
        self.rows.append((what, f"{ours:.{digits}f}", f"{floor:.2f}", f"{ratio:.{digits}f}", said,
                          verdict, note))
        print(f"{what}: {ours:.{digits}f} against {floor:.2f}: {ratio:.{digits}f} {said} {verdict} {note}",
              flush=True)

    def fact(self, what, text):
        self.rows.append((what, text, "", "", "", "", ""))
        print(f"{what}: {text}", flush=True)

    def markdown(self):
        head = ("what", "ours", "floor", "ratio", "at most", "", "")
        lines = ["| " + " | ".join(row) + " |" for row in
                 [head, tuple("---" for _ in head), *self.rows]]
        return "\n".join(lines)


class Bench:
    def __init__(self, options):
        self.options = options
        self.folder = account.make_folder("drover-bench-")
        self.cluster = Cluster(self.folder).prepare()
        self.migrations = chain.write(self.folder / "migrations", options.verify)
        self.templates = {}
        self.table = Table()
        self.number = 0

    def close(self):
        self.cluster.remove()
        account.remove_folder(self.folder)

    def tenants(self, rows, count):
        """Fresh tenants, each connected to once: a new database's first session builds caches."""
        if rows not in self.templates:
            self.templates[rows] = self.cluster.make_template(rows)
        self.number += 1
        names = [f"t{self.number}_{i:05d}" for i in range(count)]
        self.cluster.make_tenants(self.templates[rows], names)
        for name in names:
            self.cluster.connect(name, "tenant_owner").close()
        return names

    def floor(self, mode, names):
        """Milliseconds a tenant, of time and of CPU."""
        before = self.processor((self.cluster.server,))
        done = subprocess.run(
            [tool("apply_floor"), mode, str(self.options.connections), self.cluster.conninfo(),
             str(self.migrations)], input="".join(f"{name}\n" for name in names), text=True,
            capture_output=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        cpu = self.processor((self.cluster.server,)) - before
        return {"time": float(done.stdout.split()[1]), "cpu": cpu * 1000 / len(names)}

    def psql(self, names):
        script = self.folder / "all.sql"
        script.write_text("".join(
            f"SELECT pg_advisory_xact_lock(4711);\n{sql}\nINSERT INTO floor_history (position, "
            f"name, digest) VALUES ({number}, '{name}', '\\x00');\n"
            for number, (name, sql, _) in enumerate(chain.CHAIN, 1)))
        begin = time.monotonic()
        subprocess.run(["xargs", f"-P{self.options.connections}", "-I{}", "psql", "-qX1", "-v",
                        "ON_ERROR_STOP=1", "-f", str(script),
                        f"{self.cluster.conninfo()} dbname={{}}"], input="\n".join(names),
                       text=True, check=True, stdout=subprocess.DEVNULL, env=clean_environment())
        return {"time": (time.monotonic() - begin) * 1000 / len(names)}

    def fleet(self, names):
        cluster = configs.cluster(self.cluster, names, parallel=self.options.connections,
                                  connection={"host": self.cluster.socket_folder})
        self.number += 1
        return Fleet(self.folder / f"fleet{self.number}", {"one": [cluster]},
                     coordinator_changes={"heartbeat": "1s"},
                     agent_changes={"heartbeat": "1s", "inventory_refresh": "1h"})

    def order(self, fleet, names, *command):
        """Give an order and wait for its end: what it took and its rollout. Milliseconds a tenant,
        from the order's acceptance to the rollout's end by the coordinator's record: a command
        with --wait only asks now and then how it goes. CPU is that of the server, coordinator,
        agent and command; it says more than time where the machine is shared."""
        at_work = (self.cluster.server, fleet.coordinator, *fleet.agents.values())
        before = self.processor(at_work)
        ended = fleet.ok(*command, "--yes", "--wait", "-o", "json", timeout_s=ORDER_S).json
        cpu = self.processor(at_work) - before
        told = rollouts.status(fleet, ended["rollout"])
        assert told["state"] == "succeeded", told
        return {"time": (told["finished_us"] - told["created_us"]) / 1000 / len(names),
                "cpu": cpu * 1000 / len(names)}, ended["rollout"]

    def rollout(self, fleet, names, spec, *more):
        return self.order(fleet, names, "rollout", "start", spec, *more)

    def look(self, fleet, names):
        """The same order again, told to look at what inventory has at the target."""
        took, _ = self.rollout(fleet, names, fleet.write_spec("bench", **NO_POINT), "--look")
        return took

    def roll_back(self, names):
        """Undo of three: a rollout of the last three, taken back; it inherits that no recovery
        point is wanted."""
        with self.fleet(names) as fleet:
            fleet.push_bundle(self.migrations, "bench")
            rollouts.baseline(fleet, application="bench")
            self.rollout(fleet, names, fleet.write_spec("bench", target="V007", **NO_POINT))
            _, last = self.rollout(fleet, names, fleet.write_spec("bench", **NO_POINT))
            took, _ = self.order(fleet, names, "rollback", last, "--no-sql")
            return took

    # The benches.

    def apply(self, rows, count, undo):
        """One round: floor, ours, psql on fresh tenants of their own; figures by name."""
        figures = {}
        names = self.tenants(rows, count)
        figures["floor"] = self.floor("apply", names)
        figures["look floor"] = self.floor("look", names)
        if undo:
            figures["undo floor"] = self.floor("undo=3", names)
        self.cluster.drop_tenants(names)
        names = self.tenants(rows, count)
        with self.fleet(names) as fleet:
            fleet.push_bundle(self.migrations, "bench")
            rollouts.baseline(fleet, application="bench")
            spec = fleet.write_spec("bench", **NO_POINT)
            figures["ours"], _ = self.rollout(fleet, names, spec)
            figures["look"] = self.look(fleet, names)
        self.cluster.drop_tenants(names)
        if undo:
            names = self.tenants(rows, count)
            figures["undo"] = self.roll_back(names)
            self.cluster.drop_tenants(names)
        names = self.tenants(rows, count)
        figures["psql"] = self.psql(names)
        self.cluster.drop_tenants(names)
        return figures

    def compare(self, what, best, pair, limit):
        """Our time and our CPU beside the floor's; pair: our figure's name and the floor's."""
        ours, floor = (best[name] for name in pair)
        self.table.add(f"{what} (ms a tenant)", ours["time"], floor["time"], limit)
        self.table.add("the same, CPU of all processes and the server", ours["cpu"], floor["cpu"])

    def run_apply(self):
        undo = "undo" in self.options.benches
        for rows in self.options.rows:
            limit = 1.35 if rows < 1000 else 1.10
            for count in self.options.tenants:
                rounds = [self.apply(rows, count, undo) for _ in range(self.options.rounds)]
                best = {name: {measure: min(r[name][measure] for r in rounds)
                               for measure in rounds[0][name]} for name in rounds[0]}
                size = f"{count} tenants, {rows} rows"
                self.compare(f"apply ten, {size}", best, ("ours", "floor"), limit)
                psql, floor = best["psql"]["time"], best["floor"]["time"]
                self.table.add(f"psql under xargs, {size}", psql, floor, None,
                               "the floor beats it" if psql > floor else "THE FLOOR IS NO FLOOR")
                self.weigh_trust(size, count, best["ours"]["time"] * count / 1000)
                self.compare(f"looked at, at head, {size}", best, ("look", "look floor"), 1.25)
                if undo:
                    self.compare(f"undo three, {size}", best, ("undo", "undo floor"), 1.25)

    def weigh_trust(self, size, count, wall):
        """What signatures, trees and proofs cost both ends of such a rollout, measured alone,
        beside the seconds that it took."""
        spent = float(subprocess.run([tool("trust_cost"), str(count)], text=True,
                                     capture_output=True, check=True).stdout) / 1000
        self.table.add(f"signatures of it, both ends (s), against its wall (s), {size}", spent,
                       wall, 0.05)

    def run_undo(self):
        """Measured with apply; alone, it brings apply along."""
        if "apply" not in self.options.benches:
            self.run_apply()

    def run_sql(self):
        """What the SQL alone adds, phase by phase; fingerprints apart."""
        names = self.tenants(100, 2 * self.options.rounds * 10)
        done = subprocess.run(
            [tool("apply_sql"), self.cluster.conninfo("drover"), self.cluster.conninfo(),
             str(self.migrations)], input="".join(f"{name}\n" for name in names), text=True,
            capture_output=True, check=True)
        print(done.stdout)
        self.cluster.drop_tenants(names)
        least = {line[:26].strip(): float(line[26:].split()[0])
                 for line in done.stdout.splitlines() if line[26:].strip()[:1].isdigit()}
        phases = ("load's stamp", "look at the end")
        floor = least["floor: connect"] + least["floor: ten migrations"]
        self.table.add("SQL of apply alone, one connection, no fingerprint (ms a tenant)",
                       (floor + least["ours - floor"]) / 1000, floor / 1000)
        self.table.fact("what the stamp adds to it, and the look at the end (ms a tenant)",
                        f"{least[phases[0]] / 1000:.1f}, {least[phases[1]] / 1000:.1f}")

    def make_big(self):
        """A tenant of about 200 MB: rows that compress about as well as an application's."""
        self.cluster.run("CREATE DATABASE big OWNER tenant_owner STRATEGY wal_log")
        self.cluster.run("GRANT CREATE, CONNECT, TEMPORARY ON DATABASE big TO drover")
        self.cluster.run(
            "CREATE TABLE big (id bigint PRIMARY KEY, name text, note text);"
            "INSERT INTO big SELECT n, 'customer ' || n, md5(n::text) || repeat(' words', 10) ||"
            " md5((n * 7)::text) FROM generate_series(1, 1100000) AS n;", "big", "tenant_owner")
        return self.cluster.value("SELECT pg_database_size('big')") / 1e6

    def plain_dump(self):
        """pg_dump -Fc -Z0 | zstd -3, to disk."""
        target = self.folder / "plain.zst"
        begin = time.monotonic()
        subprocess.run(
            f"set -o pipefail; {self.cluster.programs}/pg_dump -Fc -Z0 "
            f"'{self.cluster.conninfo('postgres')} dbname=big' | "
            f"zstd -q -3 -f -o {target} && sync {target}", shell=True, check=True,
            executable="/bin/bash", env=clean_environment())
        return time.monotonic() - begin

    def processor(self, processes):
        """CPU seconds so far of these processes, of what they waited for, and of our own commands;
        the server's sessions count once they have ended."""
        ticks = 0
        for process in processes:
            text = Path(f"/proc/{process.pid}/stat").read_text(encoding="utf-8")
            ticks += sum(int(word) for word in text.rsplit(")", 1)[1].split()[11:15])
        own = resource.getrusage(resource.RUSAGE_CHILDREN)
        return ticks / os.sysconf("SC_CLK_TCK") + own.ru_utime + own.ru_stime

    def make_backup(self, fleet):
        """Seconds from the order's acceptance to the rollout's end, by the coordinator's record:
        a command with --wait only asks now and then how it goes, up to a second late."""
        ordered = fleet.ok("backup", "create", "--select", "all", "--application", "bench", "--yes",
                           "--wait", "-o", "json").json
        told = rollouts.status(fleet, ordered["rollout"])
        return (told["finished_us"] - told["created_us"]) / 1e6

    def run_backup(self):
        size = self.make_big()
        self.cluster.run("CHECKPOINT")
        figures = []
        with self.fleet(["big"]) as fleet:
            fleet.push_bundle(self.migrations, "bench")
            rollouts.baseline(fleet, application="bench")
            at_work = (self.cluster.server, fleet.coordinator, *fleet.agents.values())
            for _ in range(self.options.rounds):
                spent = [self.processor(at_work)]
                ours = self.make_backup(fleet)
                spent.append(self.processor(at_work))
                floor = self.plain_dump()
                spent.append(self.processor(at_work))
                figures.append((ours, floor, spent[1] - spent[0], spent[2] - spent[1]))
        best = [min(column) for column in zip(*figures)]
        self.table.add(f"backup of {size:.0f} MB, encrypted and read back (s)", best[0], best[1],
                       1.15)
        self.table.add("the same, CPU of all processes and the server (s)", best[2], best[3])

    def swarm(self, fleet, agents, tenants, position):
        """A swarm that is online and has told its tenants; its process."""
        keys = fleet.keys["coordinator"]
        process = subprocess.Popen(
            [tool("swarm"), str(agents), str(tenants), str(position), fleet.address,
             keys["curve"].public, keys["sign"].public, fleet.folder], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True, bufsize=1)
        for _ in range(agents):
            _, name = process.stdout.readline().split()
            fleet.ok("agents", "accept", "--request", fleet.folder / f"{name}.request", "--yes")
        return process

    @staticmethod
    def say(process, awaited):
        process.stdin.write("go\n")
        process.stdin.flush()
        return Bench.wait(process, awaited)

    @staticmethod
    def wait(process, awaited):
        for line in process.stdout:
            if line.startswith(awaited):
                return line.split()
        raise RuntimeError(f"the swarm ended before '{awaited}'")

    @staticmethod
    def memory(child):
        text = Path(f"/proc/{child.pid}/status").read_text(encoding="utf-8")
        return int(re.search(r"VmRSS:\s+(\d+)", text).group(1)) * 1024

    def with_swarm(self, agents, tenants, position, order):
        """Run `order(fleet, process)` with a coordinator and a swarm; memory is told apart."""
        self.number += 1
        fleet = Fleet(self.folder / f"fleet{self.number}", {},
                      coordinator_changes={"heartbeat": "1s", "lease": "10s",
                                           "unreachable_after": "30s"})
        fleet.make_files()
        fleet.start_coordinator()
        process = self.swarm(fleet, agents, tenants, position)
        try:
            idle = self.memory(fleet.coordinator)
            self.say(process, "online")
            online = self.memory(fleet.coordinator)
            self.say(process, "told")
            told = self.memory(fleet.coordinator)
            if position == 0:
                self.table.fact("memory an idle agent",
                                f"{(online - idle) / agents / 1024:.0f} KiB")
                self.table.fact("memory a tenant",
                                f"{(told - online) / agents / tenants / 1024:.2f} KiB")
            return order(fleet, process)
        finally:
            process.kill()
            process.wait()
            fleet.stop()

    def run_dispatch(self):
        agents, each = 100, self.options.dispatch_tenants // 100
        floor = float(subprocess.run([tool("dispatch_floor"), str(agents), "1", "3"], text=True,
                                     capture_output=True, check=True).stdout)

        def order(fleet, process):
            fleet.push_bundle(self.migrations, "bench")
            spec = fleet.write_spec("bench", **NO_POINT)
            rollouts.start(fleet, spec)
            _, jobs, seconds = self.wait(process, "jobs")
            assert int(jobs) == agents * each, jobs
            return int(jobs) / float(seconds)

        rate = self.with_swarm(agents, each, 0, order)
        self.table.add("raw CURVE round trips a second, against whole jobs a second", floor, rate,
                       10.0, "100 simulated agents")

    def run_head(self):
        names = self.tenants(100, self.options.tenants[0])
        self.floor("apply", names)
        floor = self.floor("look", names)["time"] * 10000 / 1000
        self.cluster.drop_tenants(names)

        def order(fleet, process):
            del process
            fleet.push_bundle(self.migrations, "bench")
            spec = fleet.write_spec("bench", **NO_POINT)
            begin = time.monotonic()
            end = rollouts.follow(fleet, rollouts.start(fleet, spec))
            assert end["state"] == "succeeded", end
            return time.monotonic() - begin

        took = self.with_swarm(10, 1000, len(chain.CHAIN), order)
        self.table.add("all at head, 10,000 tenants, from inventory (s)", took, floor, 0.10)

    def run(self):
        for name in ("sql", *self.options.benches):
            if name == "sql" and "apply" not in self.options.benches:
                continue
            runner = getattr(self, f"run_{name}", None)
            if runner is not None:
                runner()


def machine():
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    load = os.getloadavg()[0]
    return (f"{os.cpu_count()} cores ({model.group(1) if model else 'unknown'}), load before "
            f"{load:.1f}, PostgreSQL with fsync, local socket")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("benches", nargs="*", default=list(BENCHES), metavar="BENCH",
                        help=f"of {', '.join(BENCHES)}; default all")
    parser.add_argument("--tenants", type=lambda t: [int(n) for n in t.split(",")],
                        default=[50, 200])
    parser.add_argument("--rows", type=lambda t: [int(n) for n in t.split(",")],
                        default=[100, 3000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=os.cpu_count())
    parser.add_argument("--dispatch-tenants", type=int, default=20000)
    parser.add_argument("--verify", action="store_true", help="with verify scripts")
    parser.add_argument("--write", action="store_true", help="into docs/PERFORMANCE.md")
    options = parser.parse_args()
    where = machine()
    bench = Bench(options)
    try:
        bench.run()
    finally:
        bench.close()
    print(f"\n{where}\n\n{bench.table.markdown()}")
    if options.write:
        path = ROOT / "docs" / "PERFORMANCE.md"
        before, rest = path.read_text(encoding="utf-8").split(MARKS[0])
        after = rest.split(MARKS[1])[1]
        path.write_text(f"{before}{MARKS[0]}\n\n{where}\n\n{bench.table.markdown()}\n\n{MARKS[1]}"
                        f"{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
