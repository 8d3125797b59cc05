"""A coordinator, its agents and an operator, as processes with files of their own.

Everything stands in one folder. Nothing sleeps: a start is over when the program's own line says
so, and orders are awaited with --wait. stop() ends all, whatever state it is in.
"""
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from lib import configs
from lib.postgres import free_port
from lib.process import Child, clean_environment

COMMAND_S = 120  # a net for commands that hang
READY = r"event=ready\b"  # what coordinator and agent say once they serve
ONLINE = r"event=\"?(agent online|agent connected)\b"  # what the coordinator says of an agent


def program(name):
    folder = os.environ.get("DROVER_BIN_DIR")
    if not folder:
        raise RuntimeError("DROVER_BIN_DIR must name the folder with the three programs")
    return str(Path(folder) / name)


def preload(folder, *names):
    """What LD_PRELOAD is to say of these libraries: copies in a folder of the test's own, since it
    takes the spaces of a checkout's path for separators."""
    copies = [Path(folder) / name for name in names]
    for copy in copies:
        if not copy.exists():
            shutil.copyfile(program(copy.name), copy)
    return " ".join(map(str, copies))


class Answer:
    """What a command answered."""

    def __init__(self, argv, done):
        self.argv = argv
        self.code = done.returncode
        self.out = done.stdout
        self.err = done.stderr

    @property
    def json(self):
        return json.loads(self.out)

    def __repr__(self):
        return f"{' '.join(self.argv)} -> {self.code}\n{self.out}{self.err}"


def run_drover(*args, config=None, folder=None, stdin=None, timeout_s=COMMAND_S, env=None):
    """Run the drover command; never raises for its exit code."""
    argv = [program("drover"), *[str(a) for a in args]]
    environment = clean_environment(**(env or {}))
    if config is not None:
        environment["DROVER_CONFIG"] = str(config)
    done = subprocess.run(argv, env=environment, cwd=folder, capture_output=True, text=True,
                          errors="replace", input=stdin if stdin is not None else "",
                          timeout=timeout_s, check=False)
    return Answer(["drover", *argv[1:]], done)


class Fleet:
    """agents: {name: [configs.cluster(...), ...]}."""

    def __init__(self, folder, agents, coordinator_changes=None, agent_changes=None):
        self.folder = Path(folder)
        self.address = f"tcp://127.0.0.1:{free_port()}"
        self.agent_clusters = agents
        self.coordinator_changes = coordinator_changes or {}
        self.agent_changes = agent_changes or {}
        self.coordinator = None
        self.agents = {}
        self.enrolled = set()
        self.children = []  # all that ever ran, for the output of a failed test
        self.keys = {}

    # Files.

    def _key(self, owner, kind):
        folder = self.folder / "keys"
        folder.mkdir(exist_ok=True)
        path = folder / f"{owner}.{kind}"
        answer = run_drover(*configs.key_arguments(kind, owner, path))
        if answer.code != 0:
            raise RuntimeError(f"no key: {answer!r}")
        return configs.Key(path)

    def make_files(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        self._make_trust()
        for name in self.agent_clusters:
            self.keys[name] = {"sign": self._key(name, "agent"), "curve": self._key(name, "curve"),
                               "backup": self._key(name, "backup")}
        self.write_coordinator()
        for name in self.agent_clusters:
            self.write_agent(name)
        self._write("drover.yaml", configs.operator(self.address, self.keys["coordinator"],
                                                    self.keys["operator"]))
        return self

    def _make_trust(self):
        """Root, release, operator, coordinator and recovery keys, and the trust file over them."""
        folder = self.folder / "trust"
        answer = run_drover("trust", "init", "--solo", "--name", "operator", "--no-passphrase",
                            "--out", folder)
        if answer.code != 0:
            raise RuntimeError(f"no trust file: {answer!r}")
        for owner, part, file in (("coordinator", "sign", "coordinator.key"),
                                  ("coordinator", "curve", "coordinator.curve"),
                                  ("operator", "sign", "operator.key"),
                                  ("operator", "curve", "operator.curve"),
                                  ("release", "sign", "release.key"),
                                  ("recovery", "seal", "recovery.key"),
                                  ("root", "sign", "root.key")):
            self.keys.setdefault(owner, {})[part] = configs.Key(folder / file)

    def _write(self, name, tree):
        path = self.folder / name
        path.write_text(configs.yaml(tree))
        return path

    def write_coordinator(self, **changes):
        (self.folder / "bundles").mkdir(exist_ok=True)
        self._write("coordinator.yaml", configs.coordinator(
            self.folder, self.keys["coordinator"], self.address,
            **{**self.coordinator_changes, **changes}))

    def write_agent(self, name, **changes):
        folder = self.folder / name
        for inner in (folder, folder / "state", folder / "backups"):
            inner.mkdir(mode=0o700, exist_ok=True)
        trust = {"address": self.address, "coordinator": self.keys["coordinator"],
                 "root": self.folder / "trust" / "fleet.trust",
                 "recovery": [self.keys["recovery"]["seal"].public]}
        self._write(f"{name}.yaml", configs.agent(
            folder, name, self.keys[name], trust, self.agent_clusters[name],
            **{**self.agent_changes, **changes}))

    # Life.

    def _start(self, name, binary, config, env):
        child = Child(name, [program(binary), "--config", str(self.folder / config)],
                      env=clean_environment(**(env or {})), cwd=self.folder)
        self.children.append(child)
        return child

    def start_coordinator(self, ready=True, **env):
        self.coordinator = self._start("coordinator", "drover-coordinator", "coordinator.yaml", env)
        if ready:
            self.coordinator.wait_for_line(READY)
            for name in self.agent_clusters:
                self.enroll(name)
        return self.coordinator

    def enroll(self, name):
        """The agent's request, accepted; nothing where that was done before."""
        if name in self.enrolled:
            return
        request = self.folder / f"{name}.request"
        done = subprocess.run(
            [program("drover-agent"), "enroll", "--request", str(request), "--config",
             str(self.folder / f"{name}.yaml")], env=clean_environment(), cwd=self.folder,
            capture_output=True, text=True, timeout=COMMAND_S, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"no request of {name}: {done.stdout}{done.stderr}")
        self.ok("agents", "accept", "--request", request, "--fingerprint", done.stdout.strip(),
                "--yes")
        self.enrolled.add(name)

    def start_agent(self, name, ready=True, **env):
        if self.coordinator is not None and self.coordinator.is_running():
            self.enroll(name)
        self.agents[name] = self._start(name, "drover-agent", f"{name}.yaml", env)
        if ready:
            self.agents[name].wait_for_line(READY)
        return self.agents[name]

    def start(self):
        if not self.keys:
            self.make_files()
        self.start_coordinator()
        for name in self.agent_clusters:
            mark = self.coordinator.mark()
            self.start_agent(name)
            self.coordinator.wait_for_line(rf"{ONLINE}.*\bagent={name}\b", after=mark)
        self.wait_for_tenants()
        return self

    def wait_for_tenants(self):
        """Until the catalog holds every tenant that the agents' configurations list."""
        listed = sum(len(cluster["tenants"].get("list", [])) for clusters in
                     self.agent_clusters.values() for cluster in clusters)
        end = time.monotonic() + COMMAND_S
        while time.monotonic() < end:
            if len(self.ok("tenants", "-o", "json").json["tenants"]) >= listed:
                return
            time.sleep(0.05)  # polling an event that only this command tells
        raise AssertionError(f"not all of {listed} tenants were told\n{self.output()}")

    def stop(self):
        """End everything; what does not end on SIGTERM is killed and reported."""
        stuck = []
        for child in [*self.agents.values(), self.coordinator]:
            if child is None or not child.is_running():
                continue
            try:
                child.stop(signal.SIGTERM)
            except AssertionError as problem:
                stuck.append(str(problem))
        for child in self.children:
            child.kill()
        if stuck:
            raise AssertionError("\n".join(stuck))

    def output(self):
        return "\n".join(child.output() for child in self.children)

    def sanitizer_findings(self):
        """Lines in which a sanitizer complained, of all programs that ran."""
        marks = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "runtime error:",
                 "invariant broken")
        return [line for child in self.children for line in child.lines
                if any(mark in line for mark in marks)]

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            for child in self.children:
                child.kill()
            print(self.output())
            raise

    def __exit__(self, kind, *_):
        try:
            self.stop()
        finally:
            if kind is not None:
                print(self.output())
        assert self.sanitizer_findings() == []

    # Orders.

    def drover(self, *args, **options):
        return run_drover(*args, config=self.folder / "drover.yaml", folder=self.folder, **options)

    def ok(self, *args, **options):
        """The same, where anything but success fails the test."""
        answer = self.drover(*args, **options)
        assert answer.code == 0, f"{answer!r}\n{self.output()}"
        return answer

    def write_spec(self, bundle, name="spec.yaml", **changes):
        return self._write(name, configs.spec(bundle, **changes))

    def push_bundle(self, directory, application="shop"):
        """Build, sign and push; the bundle's path."""
        path = self.folder / f"{Path(directory).name}.bundle"
        self.ok("bundle", "build", directory, "--application", application, "--out", path)
        self.ok("bundle", "sign", path, "--key", self.keys["release"]["sign"].path)
        self.ok("bundle", "push", path)
        return path
