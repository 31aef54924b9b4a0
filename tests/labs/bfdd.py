"""FRR's bfdd in a node of a lab: the real other end of our BFD sessions."""

import contextlib
import json
import shutil
import subprocess
from pathlib import Path

from segwlab import LabError, run, wait_until

DAEMONS = Path("/usr/lib/frr")
RUN_FRR = Path("/run/frr")


class Bfdd:
    """zebra and bfdd. Both belong to the lab's node and end with it."""

    def __init__(self, lab, node):
        self.lab, self.node = lab, node
        self.space = f"{lab.name}-{node}"  # of FRR's sockets
        self.folder = RUN_FRR / self.space

    def begin(self, configuration):
        self.folder.mkdir(parents=True, exist_ok=True)
        shutil.chown(self.folder, "frr", "frr")
        (self.folder / "zebra.conf").write_text("")
        (self.folder / "bfdd.conf").write_text(configuration)
        for file in self.folder.glob("*.conf"):
            file.chmod(0o644)
        self._start("zebra")
        wait_until(f"zebra of {self.node} serves", (self.folder / "zserv.api").exists, 10)
        self._start("bfdd")
        self.lab.note_processes()

    def _start(self, daemon):
        # Not by exec(): the daemon would hold the pipe of its output open.
        started = self.lab.popen(
            self.node, DAEMONS / daemon, "-d", "-N", self.space,
            "-f", self.folder / f"{daemon}.conf", "--log", f"file:{self.folder}/{daemon}.log",
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if started.wait() != 0:
            raise LabError(f"{daemon} of {self.node} does not start")

    def pid(self):
        return int((self.folder / "bfdd.pid").read_text())

    def peer(self):
        """The only peer as bfdd shows it; empty while it does not answer."""
        done = subprocess.run(["vtysh", "-N", self.space, "-c", "show bfd peers json"],
                              capture_output=True, text=True, check=False)
        with contextlib.suppress(json.JSONDecodeError, IndexError):
            return json.loads(done.stdout)[0]
        return {}

    def is_up(self):
        return self.peer().get("status") == "up"

    def vty(self, *commands):
        run(["vtysh", "-N", self.space, *(word for line in commands for word in ("-c", line))])

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)
