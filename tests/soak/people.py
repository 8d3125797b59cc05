"""Operators who type what the plan draws, each one thing after another.

An order may be refused: that is an answer. What is no answer is a finding: a command that hangs, or
that ends by a signal.
"""
import json
import subprocess
import threading
import time

import field as fields
import plan
import stage as stages

HANG_S = 90
BUSY = 8  # open rollouts; more are not started
POLICIES = (stages.DUMP, stages.DUMP, stages.NO_POINT,
            {"recovery_point": {"policy": "dump", "trial_restore": "all"}})
ON_FAILURE = ("pause", "pause", "continue", "rollback_wave")
WAVES = ([{"name": "all", "rest": True}],
         [{"name": "canary", "count": 1, "soak": "1s"}, {"name": "rest", "rest": True}],
         [{"name": "canary", "count": 1}, {"name": "half", "percent": 50, "soak": "1s"},
          {"name": "rest", "rest": True, "max_parallel": 2}])
QUESTIONS = (("rollout", "list", "--all"), ("rollout", "status"), ("rollout", "failures"),
             ("rollout", "report"), ("tenants",), ("agents",), ("clusters",), ("doctor",),
             ("coordinator",), ("standing", "list", "--all"), ("backup", "list"),
             ("audit", "log"))


class People:
    """What all operators share: the fleet, the log, and what was counted."""

    def __init__(self, field, log, weather):
        self.fleet = field.fleet
        self.tenants = field.tenants()
        self.log = log
        self.weather = weather
        self.lock = threading.Lock()
        self.answers = {}  # order: {exit code: how often}
        self.found = []
        self.odd = set()  # rollouts that somebody resumed or retried: their waves overlap
        self.over = threading.Event()
        self.turn = threading.Condition()
        self.typing = 0  # operators who wait for an answer
        self.breaks = False

    def rest(self):
        """Nobody types anything until go_on()."""
        with self.turn:
            self.breaks = True
            while self.typing > 0:
                self.turn.wait()

    def go_on(self):
        with self.turn:
            self.breaks = False
            self.turn.notify_all()

    def take_turn(self, at_s):
        """At the plan's time, and not while all rest; False where it is over."""
        while not self.over.wait(max(0, min(1, at_s - self.log.now()))):
            with self.turn:
                if not self.breaks and self.log.now() >= at_s:
                    self.typing += 1
                    return True
                if self.breaks:
                    self.turn.wait(1)
        return False

    def end_turn(self):
        with self.turn:
            self.typing -= 1
            self.turn.notify_all()

    def note(self, kind, code):
        with self.lock:
            codes = self.answers.setdefault(kind, {})
            codes[code] = codes.get(code, 0) + 1


class Operator(threading.Thread):
    def __init__(self, people, number, events):
        super().__init__(daemon=True)
        self.people = people
        self.fleet = people.fleet
        self.number = number
        self.who = f"operator {number}"
        self.events = events
        self.orders = 0
        self.kind = None

    def run(self):
        for event in self.events:
            if not self.people.take_turn(event.at_s):
                return
            self.kind = event.kind
            try:
                getattr(self, event.kind)(event)
            except subprocess.TimeoutExpired as late:
                self.people.found.append(f"{self.who}: hangs: {late.cmd}")
            except Exception as problem:  # a thread that dies of it would do so in silence
                self.people.found.append(f"{self.who}: {event}: {problem!r}")
            finally:
                self.people.end_turn()

    # Typing.

    def type(self, *words, quiet=False):
        answer = self.fleet.drover(*words, timeout_s=HANG_S)
        if not quiet:
            last = (answer.err.strip().splitlines() or [""])[0]
            self.people.log(self.who, f"{' '.join(map(str, words))} -> {answer.code} {last[:140]}")
            self.people.note(self.kind, answer.code)
        if answer.code < 0 or answer.code > 6:
            self.people.found.append(f"{self.who}: {answer!r}")
        return answer

    def listed(self, *words):
        """What a list answers, or nothing where nobody answers."""
        answer = self.type(*words, "-o", "json", quiet=True)
        try:
            return answer.json[words[0] if words[0] == "standing" else words[0] + "s"] \
                if answer.code == 0 else []
        except json.JSONDecodeError:
            self.people.found.append(f"{self.who}: no JSON: {answer!r}")
            return []

    def open_rollouts(self, *states):
        return [row["rollout"] for row in self.listed("rollout", "list")
                if not states or row["state"] in states]

    def some_rollout(self, event, *states):
        found = self.open_rollouts(*states)
        return event.pick(0, found) if found else None

    def spec(self, event, select, target, waves, **changes):
        self.orders += 1
        return self.fleet.write_spec("chain", name=f"{self.number}.{self.orders}.yaml",
                                     select=select, target=target, waves=waves,
                                     **event.pick(3, POLICIES), **changes)

    def select(self, event, most=14):
        return f"name in ({','.join(event.some(1, self.people.tenants, most))})"

    def version(self, die):
        return f"V{2 + int(die * (fields.COUNT - 1)):03d}"

    # Orders: each has the name that the plan draws.

    def forward(self, event):
        if len(self.open_rollouts()) >= BUSY:
            return self.resume(event)
        spec = self.spec(event, self.select(event), self.version(event.dice[2]),
                         event.pick(4, WAVES), on_failure=event.pick(5, ON_FAILURE))
        look = ["--look"] if event.dice[6] < 0.2 else []
        return self.type("rollout", "start", spec, "--yes", *look)

    def _recent(self, event, *states):
        """One of the last rollouts that moved tenants forward."""
        rows = [row for row in self.listed("rollout", "list", "--all", "--limit", "20")
                if row["kind"] == "forward" and (not states or row["state"] in states)]
        return event.pick(0, rows) if rows else None

    def back(self, event, *words):
        row = self._recent(event)
        if row is None:
            return
        if row["state"] == "running":
            self.type("rollout", "pause", row["rollout"], "--reason", "to take it back")
        self.type("rollback", row["rollout"], "--yes", *words)

    def back_by_restore(self, event):
        self.back(event, "--method", "restore", "--accept-data-loss")

    def back_to(self, event):
        self.type("rollback", "--select", self.select(event), "--to", event.pick(2, (
            "V001", "V001", "V002", "V003")), "--application", "chain", "--yes")

    def pause(self, event):
        rollout = self.some_rollout(event, "running")
        if rollout is not None:
            self.type("rollout", "pause", rollout, "--reason", "a soak")

    def resume(self, event):
        rollout = self.some_rollout(event, "paused")
        if rollout is not None:
            self.people.odd.add(rollout)
            self.type("rollout", "resume", rollout, "--yes")

    def stop(self, event):
        rollout = self.some_rollout(event)
        if rollout is not None:
            self.type("rollout", "stop", rollout, "--yes")

    def retry(self, event):
        row = self._recent(event, "paused", "incomplete", "failed")
        if row is not None:
            self.people.odd.add(row["rollout"])
            self.type("rollout", "retry", row["rollout"], "--yes")

    def hold(self, event):
        scope = ["--application", "chain"] if event.dice[0] < 0.5 else []
        self.type("fleet", "hold", *scope, "--yes")
        self.people.over.wait(event.between(1, 0.5, 3))
        self.release(scope)

    def release(self, scope):
        for _ in range(20):
            if self.type("fleet", "release", *scope, "--yes").code == 0 or \
                    self.people.breaks or self.people.over.wait(1):  # a coordinator is away
                return

    def backup(self, event):
        self.type("backup", "create", "--select", self.select(event, 8), "--yes")

    def prune(self, event):
        self.type("backup", "prune", "--select", self.select(event, 40), "--keep", "1min",
                  "--keep-count", "1", "--yes")

    def _some_backup(self, event):
        rows = self.listed("backup", "list", "--limit", "40")
        return event.pick(0, rows)["backup"] if rows else None

    def check(self, event):
        backup = self._some_backup(event)
        if backup is not None:
            self.type("backup", "check", backup, "--wait", "--timeout", "10s")

    def restore(self, event):
        backup = self._some_backup(event)
        if backup is not None:
            self.type("backup", "restore", backup, "--accept-data-loss", "--yes")

    def standing(self, event):
        spec = self.spec(event, self.select(event, 4), self.version(event.dice[2]), WAVES[0])
        self.type("standing", "start", spec, "--for", "1h", "--name",
                  f"s{self.number}-{self.orders}", "--yes")

    def _some_standing(self, event):
        rows = self.listed("standing", "list")
        return event.pick(0, rows)["name"] if rows else None

    def standing_resume(self, event):
        name = self._some_standing(event)
        if name is not None:
            self.type("standing", "resume", name)

    def standing_end(self, event):
        name = self._some_standing(event)
        if name is not None:
            self.type("standing", "end", name, "--yes")

    def saved(self, event):
        self.type("coordinator", "saved")

    def ask(self, event):
        self.type(*event.pick(0, QUESTIONS))
        self.type("history", event.pick(1, self.people.tenants))

    # Where the catalog went back in time and an agent stays away.

    def go_on_without(self):
        self.kind = "recovered"
        return self.type("coordinator", "recovered", "--without", self.people.weather.without,
                         "--reason", "a soak", "--yes")


class Watch(threading.Thread):
    """An operator who goes on without the agent that does not come back, while one is away."""

    def __init__(self, people):
        super().__init__(daemon=True)
        self.people = people

    def run(self):
        operator = Operator(self.people, 9, [])
        while not self.people.over.wait(1):
            if self.people.weather.without is not None:
                operator.go_on_without()


def start(field, log, weather, orders):
    people = People(field, log, weather)
    threads = [Operator(people, number, events) for number, events in orders.items()]
    for thread in [*threads, Watch(people)]:
        thread.start()
    return people, threads


def join(threads):
    end = time.monotonic() + 2 * HANG_S
    for thread in threads:
        thread.join(max(0.1, end - time.monotonic()))
        assert not thread.is_alive(), f"{thread.who} does not come to an end"
