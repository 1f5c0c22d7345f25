"""One of our servers."""

import time

from process import Died, Process

# The first one makes the schema, which takes a while where three nodes have to agree on it.
READY_WITHIN_S = 240
BETWEEN_LIVES_S = 0.5


class Server(Process):
    """A `sanctuary` process on an address that all its lives share.

    One that `keeps_name` waits in each new life until the lease of a life that was killed has
    run out; the others take a name of their own each time, as pods do.
    """

    def __init__(self, name, address, flags, folder, binary, keeps_name):
        self.address = address
        self.flags = ["--listen", address, *flags]
        self.binary = binary
        self.keeps_name = keeps_name
        self.lives = 0
        super().__init__(name, [], folder / f"{name}.log")
        self.heard = 0
        # Whether a schedule wants it to run just now.
        self.wanted = False

    def spawn(self):
        node = self.name if self.keeps_name else f"{self.name}-{self.lives}"
        self.lives += 1
        self.command = [str(self.binary), "serve", "--node", node, *self.flags]
        super().spawn()

    def start(self, again=True):
        """Until it listens. One that ends before is started again, as an init system would."""
        self.wanted = True
        deadline = time.monotonic() + READY_WITHIN_S
        while True:
            self.heard = self.log.stat().st_size if self.log.exists() else 0
            self.spawn()
            try:
                self.wait_until(self._listens, max(1, deadline - time.monotonic()))
                return
            except Died:
                if not again or time.monotonic() > deadline:
                    self.kill()
                    raise
                self.kill()
                time.sleep(BETWEEN_LIVES_S)

    def _listens(self):
        with self.log.open("rb") as log:
            log.seek(self.heard)
            return b"listening on " in log.read()

    def panics(self):
        """Lines that say that the code is wrong."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return [line for line in lines if "panicked at" in line]
