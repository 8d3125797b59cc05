"""The soak: faults and orders at random, then calm, then the oracle; see docs/RELIABILITY.md.

Nothing asserts how long anything takes but the bound of liveness: once the faults have ended, all
that is open comes to rest within it, and comes to its end once an operator has said what to do.
"""
import argparse
import random
import signal
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "faults"), str(HERE.parent / "integration")]

import field as fields  # noqa: E402
import gauge as gauges  # noqa: E402
import judge as judges  # noqa: E402
import people  # noqa: E402
import plan  # noqa: E402
import stage as stages  # noqa: E402
import weather as weathers  # noqa: E402
from lib import account, rollouts  # noqa: E402

REST_S = 180  # invariant 13: what is open has come to rest so long after the last fault
TICK_S = 0.05
SAMPLE_S = 1.0
QUIET = 6  # samples of each stop
ORDERS = 140  # COURT_ORDERS in agent/trust/court.h, and some
SWEEP_S = 60.0  # databases that a restore kept are dropped, as their owner does
ROUNDS = 4  # an operator resumes so often before a stop
OUTPUT = 200000  # characters of what the programs said
JUDGED_MIN = 10  # shorter runs have no time to warm up
KEPT = """SELECT datname FROM pg_database
 WHERE shobj_description(oid, 'pg_database') LIKE '{"drover":"restore"%"phase":"kept"%'"""


class Soak:
    def __init__(self, folder, arguments, log):
        self.duration_s = arguments.minutes * 60
        self.is_judged = arguments.minutes >= JUDGED_MIN
        self.seed = arguments.seed
        self.folder = folder
        self.log = log
        self.kept = {}  # databases of restores, since when they were seen
        self.found = []

    # The time of the faults.

    def sweep(self):
        """Drop what restores kept and nobody needed for a while."""
        for where, server in self.field.servers.items():
            if where in self.weather.suffering:
                continue
            for (name,) in server.run(KEPT):
                if self.kept.setdefault(name, self.log.now()) + SWEEP_S < self.log.now():
                    server.run(f'DROP DATABASE IF EXISTS "{name}"')

    def blow(self, faults):
        """Strike what is due, mend what is due, look at the gauges; until the time is over."""
        faults = list(faults)
        sampled = swept = self.log.now()
        stops = [self.duration_s * part for part in gauges.STOPS if self.is_judged]
        while self.log.now() < self.duration_s:
            self.weather.tick()
            if stops and stops[0] <= self.log.now():
                self.stand_still(is_first=len(stops) == len(gauges.STOPS))
                stops.pop(0)
            if faults and faults[0].at_s <= self.log.now():
                self.weather.strike(faults.pop(0))
            if self.log.now() >= sampled + SAMPLE_S:
                sampled = self.log.now()
                self.gauge.sample()
            if self.log.now() >= swept + SWEEP_S:
                swept = self.log.now()
                self.sweep()
            time.sleep(TICK_S)  # the plan's own time

    # Calm.

    def stand_still(self, is_first=False):
        """All rest, nothing is open, nothing suffers: what is held now was let go by nobody."""
        self.people.rest()
        self.log.stand()
        self.log("end", "all stands still")
        self.weather.calm()
        if self.await_calm(self.is_ready, "the catalog is not filled"):
            self.end_orders()
            self.end_rollouts(1)
            if is_first:
                self.warm_up()
        for _ in range(QUIET):
            self.weather.calm()
            time.sleep(SAMPLE_S)  # inventory goes on, and sessions that nobody needs end
            self.gauge.sample_rest()
        self.log("end", f"in use: { {name: self.gauge.stops(name) for name in gauges.MEASURED} }")
        self.log.go_on()
        self.people.go_on()

    def holders(self):
        answer = self.fleet.drover("clusters", "-o", "json")
        return {row["agent"] for row in answer.json["clusters"]} if answer.code == 0 else None

    def warm_up(self):
        """Agents remember the last ORDERS orders that they verified: let those that are measured
        see as many. Agent two sleeps, so that agent one has the cluster that both see."""
        two = self.fleet.agents["two"]
        two.send(signal.SIGSTOP)
        self.await_calm(lambda: self.holders() == {"one", "three"}, "no other agent gets the lease")
        for number in range(ORDERS):
            pair = f"name in (e{number % fields.EACH:02d},w{number % fields.EACH:02d})"
            spec = self.fleet.write_spec("chain", name="warm.yaml", select=pair, **stages.NO_POINT)
            answer = self.fleet.drover("rollout", "start", spec, "--look", "--yes")
            if answer.code != 0:
                self.log("end", f"{pair}: {answer.err.strip()[:200]}")
            if number % fields.EACH == fields.EACH - 1:  # each pair is in one open rollout
                self.end_rollouts(1)
        self.end_rollouts(1)
        two.send(signal.SIGCONT)

    def await_calm(self, holds, what):
        end = time.monotonic() + REST_S
        while time.monotonic() < end:
            self.weather.calm()
            if holds():
                return True
            time.sleep(0.2)  # polling an event that only this question tells
        self.found.append(f"13 {what} within {REST_S} s of calm")
        return False

    def open_rollouts(self):
        answer = self.fleet.drover("rollout", "list", "-o", "json")
        return answer.json["rollouts"] if answer.code == 0 else None

    def is_ready(self):
        """The catalog is whole, and all agents are at work."""
        answer = self.fleet.drover("coordinator", "recovery", "-o", "json")
        return answer.code == 0 and not answer.json["recovering"]

    def at_rest(self):
        shown = self.open_rollouts()
        return shown is not None and all(row["state"] in rollouts.RESTING for row in shown)

    def order(self, *words):
        answer = self.fleet.drover(*words, "--yes")
        self.log("end", f"{' '.join(words)} -> {answer.code} {answer.err.strip()[:200]}")
        return answer

    def end_orders(self):
        """Holds and standing orders of the time before."""
        for words in (["fleet", "release"], ["fleet", "release", "--application", "chain"]):
            self.order(*words)
        for row in self.fleet.ok("standing", "list", "-o", "json").json["standing"]:
            self.order("standing", "end", row["name"])

    def end_rollouts(self, rounds):
        """Each that rests is resumed a few times, then stopped; nothing stays open."""
        for number in range(rounds):
            if not self.await_calm(self.at_rest, "the rollouts do not come to rest"):
                for row in self.open_rollouts() or []:
                    self.log("end", f"{row['state']}: {row['name']}: {row['counts']}")
                return
            for row in self.open_rollouts() or []:
                if not row.get("reason"):
                    self.found.append(f"13 {row['name']} rests, and does not say why: {row}")
                verb = "resume" if number < rounds - 1 else "stop"
                self.order("rollout", verb, row["rollout"])
        self.await_calm(lambda: self.open_rollouts() == [], "rollouts stay open")

    def bring_home(self):
        """The last word: a rollout that visits every tenant brings all to the newest version."""
        spec = self.fleet.write_spec("chain", name="last.yaml", **stages.NO_POINT,
                                     on_failure="continue")
        answer = self.fleet.drover("rollout", "start", spec, "--look", "--yes", "-o", "json")
        self.log("end", f"the last rollout: {answer.code}")
        if answer.code != 0:
            self.found.append(f"13 the last rollout is refused: {answer!r}")
            return
        rollout = answer.json["rollout"]
        for _ in range(ROUNDS):
            last = rollouts.follow(self.fleet, rollout)
            if last["state"] == "succeeded":
                return
            self.log("end", f"{last['state']}: {self.fleet.drover('rollout', 'failures', rollout)}")
            self.order("rollout", "retry", rollout)
        self.found.append(f"13 the last rollout is {last['state']}: "
                          f"{self.fleet.drover('rollout', 'failures', rollout)}")

    def settle(self):
        self.weather.calm()
        if self.await_calm(self.is_ready, "the catalog is not filled"):
            self.end_orders()
            self.end_rollouts(ROUNDS)
            self.bring_home()

    # All of it.

    def run(self):
        with fields.Field(self.folder, self.seed) as self.field:
            self.fleet = self.field.fleet
            self.gauge = gauges.Gauge(self.fleet, self.log)
            self.weather = weathers.Weather(self.field, self.log)
            before = self.gauge.at_rest()
            self.log.begun = time.monotonic()
            orders, faults = plan.draw(self.seed, self.duration_s)
            self.people, threads = people.start(self.field, self.log, self.weather, orders)
            self.blow(faults)
            self.stand_still()
            self.people.over.set()
            people.join(threads)
            self.settle()
            self.judge(before)
            self.report()

    def judge(self, before):
        self.found += self.weather.found + self.people.found
        self.found += judges.judge(self.field, self.weather, self.people.odd)
        self.found += self.fleet.sanitizer_findings()
        self.found += [f"{name} has neither shim nor probe" for name in gauges.MEASURED
                       if not self.gauge.samples[name]]
        rest = []

        def same():
            rest[:] = self.gauge.judge_descriptors(before, self.gauge.at_rest())
            return not rest

        self.await_calm(same, "descriptors stay")
        self.found += rest
        if self.is_judged:
            self.found += self.gauge.judge()

    def report(self):
        count = judges.counted(self.field)
        orders = sum(sum(codes.values()) for codes in self.people.answers.values())
        done = sum(codes.get(0, 0) for codes in self.people.answers.values())
        faults = sum(self.weather.count.values()) - self.weather.count.get("passed over", 0)
        self.table = (
            f"Seed {self.seed}, {self.duration_s / 60:g} minutes: {faults} faults, {orders} orders "
            f"({done} taken, the others refused or unheard), {count.apply} migrations applied, "
            f"{count.undo} undone, {count.restore} restores.\n\n"
            f"{self.gauge.table(self.duration_s)}")
        self.log("faults", self.weather.count)
        self.log("answers", self.people.answers)


def read_arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--seed", default=str(random.SystemRandom().randrange(10 ** 6)))
    parser.add_argument("--log")
    parser.add_argument("--table")
    parser.add_argument("--plan", action="store_true")
    return parser.parse_args()


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # servers do not end with their parent
    arguments = read_arguments()
    if arguments.plan:
        print(plan.show(arguments.seed, arguments.minutes * 60))
        return 0
    print(f"seed {arguments.seed}, {arguments.minutes:g} minutes", flush=True)
    folder = account.make_folder("soak-")
    log = fields.Log(arguments.log or folder / "soak.log")
    soak = Soak(folder, arguments, log)
    try:
        soak.run()
    except BaseException as problem:
        print(f"{log.text()}\n{soak.fleet.output()[-OUTPUT:]}" if hasattr(soak, "fleet") else "")
        print(f"the soak itself ended: {problem!r}")
        raise
    finally:
        account.remove_folder(folder)
    if arguments.log:
        Path(f"{arguments.log}.csv").write_text(soak.gauge.series())
    if soak.found:
        print(log.text())
        print(soak.fleet.output()[-OUTPUT:])
        print("\n".join(["", f"seed {arguments.seed} finds:", *soak.found]))
    print(soak.table)
    if arguments.table and not soak.found:
        Path(arguments.table).write_text(soak.table)
    return 1 if soak.found else 0


sys.exit(main())
