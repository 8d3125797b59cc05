"""Child processes whose lines can be awaited: nothing here sleeps and hopes.

A thread reads the child's stderr (and stdout) into one list under a condition; wait_for_line
returns when a line matches, and fails with the whole output when the child ends or the bound is
reached. The bound is a net for tests that hang, not a timing that anything asserts.
"""
import ctypes
import os
import re
import signal
import subprocess
import threading
import time

WAIT_S = 60
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def _die_with_parent():
    """A test that is killed leaves no children (prctl(2), PR_SET_PDEATHSIG)."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class ProcessEnded(AssertionError):
    """A child ended, or stayed silent, where a line was expected."""


class Child:
    """A running program with its lines so far."""

    def __init__(self, name, argv, env=None, cwd=None, die_with_parent=True):
        self.name = name
        self.lines = []
        self._seen = threading.Condition()
        self._open = True
        self.process = subprocess.Popen(
            argv, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace",
            preexec_fn=_die_with_parent if die_with_parent else None)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            with self._seen:
                self.lines.append(line.rstrip("\n"))
                self._seen.notify_all()
        self.process.stdout.close()
        with self._seen:
            self._open = False
            self._seen.notify_all()

    @property
    def pid(self):
        return self.process.pid

    def mark(self):
        """The number of lines so far, as a place to wait from."""
        with self._seen:
            return len(self.lines)

    def wait_for_line(self, pattern, after=0, timeout_s=WAIT_S):
        """The match of the first line from `after` on that matches the regular expression."""
        wanted = re.compile(pattern)
        deadline = time.monotonic() + timeout_s
        at = after
        with self._seen:
            while True:
                while at < len(self.lines):
                    found = wanted.search(self.lines[at])
                    if found:
                        return found
                    at += 1
                rest = deadline - time.monotonic()
                if not self._open or rest <= 0:
                    why = "ended" if not self._open else f"said nothing of it in {timeout_s} s"
                    raise ProcessEnded(f"{self.name} {why}; awaited /{pattern}/\n{self.output()}")
                self._seen.wait(rest)

    def output(self):
        with self._seen:
            return "\n".join(f"    {self.name}| {line}" for line in self.lines)

    def send(self, number):
        self.process.send_signal(number)

    def wait(self, timeout_s=WAIT_S):
        """The exit status; a child that does not end in time fails the test."""
        try:
            status = self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise ProcessEnded(f"{self.name} does not end\n{self.output()}") from None
        self._reader.join(timeout_s)
        return status

    def is_running(self):
        return self.process.poll() is None

    def stop(self, number=signal.SIGTERM, timeout_s=WAIT_S):
        """Ask the child to end; kill it where it does not. The exit status."""
        if not self.is_running():
            return self.wait()
        self.send(number)
        try:
            return self.wait(timeout_s)
        except ProcessEnded:
            self.kill()
            raise

    def kill(self):
        if self.is_running():
            self.process.kill()
        return self.wait()


def clean_environment(**extra):
    """Ours without anything that steers libpq or Drover."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PG", "DROVER_", "XDG_"))}
    env.update({"LC_ALL": "C.UTF-8", "TZ": "UTC"})
    env.update({k: str(v) for k, v in extra.items()})
    return env
