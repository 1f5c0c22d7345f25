"""A process of the cluster: started, killed, paused, told to end. Knows nothing of what it is."""

import os
import signal
import subprocess
import time
from pathlib import Path

# Lines of a log that are shown when its process did not start.
LOG_LINES_SHOWN = 20


class Died(Exception):
    """A process ended that was to run, or did not get ready in time."""


class Process:
    """One process at a time under one name; a new life appends to the same log."""

    def __init__(self, name, command, log, cwd=None):
        self.name = name
        self.command = [str(word) for word in command]
        self.log = Path(log)
        self.cwd = cwd
        # Variables beside those of this process.
        self.environment = {}
        self.running = None
        self.paused = False

    def spawn(self):
        with self.log.open("ab") as log:
            self.running = subprocess.Popen(
                self.command,
                cwd=self.cwd,
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.paused = False

    @property
    def pid(self):
        return self.running.pid if self.running else None

    def is_alive(self):
        return self.running is not None and self.running.poll() is None

    def wait_until(self, ready, within_s):
        """Waits until `ready()`; a process that ends meanwhile never will be."""
        deadline = time.monotonic() + within_s
        while not ready():
            if not self.is_alive():
                raise Died(f"{self.name} ended by itself; its log ends with:\n{self.last_words()}")
            if time.monotonic() > deadline:
                raise Died(f"{self.name} is not ready after {within_s} s:\n{self.last_words()}")
            time.sleep(0.05)

    def last_words(self):
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join(lines[-LOG_LINES_SHOWN:])

    def signal(self, number):
        if self.is_alive():
            self.running.send_signal(number)

    def kill(self):
        """As a power cut would: nothing of it runs on."""
        self.signal(signal.SIGKILL)
        if self.running:
            self.running.wait()
        self.running = None
        self.paused = False

    def pause(self):
        self.signal(signal.SIGSTOP)
        self.paused = True

    def resume(self):
        self.signal(signal.SIGCONT)
        self.paused = False

    def drain(self, within_s):
        """SIGTERM, and the exit code; killed if it takes longer."""
        self.signal(signal.SIGTERM)
        if not self.running:
            return None
        try:
            code = self.running.wait(within_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Died(f"{self.name} did not end within {within_s} s of SIGTERM") from None
        self.running = None
        return code


def end_in_order():
    """A SIGTERM ends the run as a Ctrl-C does: everything that was started is killed first."""

    def end(*_):
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)


def program(name):
    """The path of a program, or `None`."""
    for folder in os.get_exec_path():
        path = Path(folder) / name
        if os.access(path, os.X_OK) and path.is_file():
            return str(path)
    return None
