"""People beside a fleet's operator, and trust files that follow its first one."""
import os

from lib import configs
from lib.fleet import preload, run_drover

NEWER = r"event=\"trust changed\" what=\"a newer trust file\" trust_version={version}\b"


class Person:
    """Somebody with keys of their own, and a drover.yaml that names them."""

    def __init__(self, fleet, name, file=None):
        """file: where the keys stand, of a person who has several."""
        self.fleet = fleet
        self.name = name
        self.keys = {kind: self._key(kind, file or name) for kind in ("operator", "curve")}
        self.config = fleet.folder / f"{file or name}.yaml"
        self.write_config()

    def _key(self, kind, file):
        path = self.fleet.folder / "trust" / f"{file}.{kind}"
        self.fleet.ok(*configs.key_arguments(kind, self.name, path))
        return configs.Key(path)

    def write_config(self, pin=None):
        tree = configs.operator(self.fleet.address, self.fleet.keys["coordinator"],
                                {"sign": self.keys["operator"], "curve": self.keys["curve"]})
        if pin is not None:
            tree["trust"] = {"root": pin}
        self.config.write_text(configs.yaml(tree))

    def drover(self, *line, **options):
        return run_drover(*line, config=self.config, folder=self.fleet.folder, **options)

    def ok(self, *line, **options):
        answer = self.drover(*line, **options)
        assert answer.code == 0, f"{answer!r}\n{self.fleet.output()}"
        return answer

    def added(self, *roles):
        """The edit of a trust file that brings this person in."""
        granted = [word for role in roles for word in ("--role", role)]
        return ["add", f"{self.keys['operator'].path}.pub", "--curve",
                f"{self.keys['curve'].path}.pub", *granted]


class Chain:
    """The fleet's trust files. An edit is a line of `drover trust` without the file, as a list."""

    def __init__(self, fleet):
        self.fleet = fleet
        self.version = 1
        self.newest = fleet.folder / "trust" / "fleet.trust"
        self.root = fleet.keys["root"]["sign"].path

    def draft(self, *edits, name=None, after=None):
        """An unsigned file that follows `after`, the newest one otherwise."""
        after = after or self.newest
        path = self.fleet.folder / "trust" / f"{name or f'v{self.version + 1}'}.trust"
        for number, (verb, *rest) in enumerate(edits):
            if number == 0:
                self.fleet.ok("trust", verb, after, *rest, "--out", path)
            else:
                self.fleet.ok("trust", verb, path, *rest)
        return path

    def signed(self, *edits, name=None, after=None, root=None):
        path = self.draft(*edits, name=name, after=after)
        self.fleet.ok("trust", "sign", path, "--previous", after or self.newest, "--key",
                      root or self.root, "--yes")
        return path

    def publish(self, *edits, by=None):
        """The next version, signed and published, and heard of by every agent that runs."""
        path = self.signed(*edits)
        agents = [agent for agent in self.fleet.agents.values() if agent.is_running()]
        (by or self.fleet).ok("trust", "publish", path)
        self.newest = path
        self.version += 1
        for agent in agents:
            agent.wait_for_line(NEWER.format(version=self.version))
        return path


def skewed(fleet, ahead_s):
    """The environment of a program whose wall clock is that far ahead (skew.c); it may come before
    a sanitizer's library, which wants to be first."""
    options = [os.environ.get("ASAN_OPTIONS"), "verify_asan_link_order=0"]
    return {"LD_PRELOAD": preload(fleet.folder, "libskew.so"), "SKEW_AHEAD_S": ahead_s,
            "ASAN_OPTIONS": ":".join(filter(None, options))}
