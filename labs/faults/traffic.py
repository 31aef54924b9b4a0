"""Traffic through the tunnels while something happens, and what of it arrived."""

import contextlib
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from segwlab import LabError, wait_until

HERE = Path(__file__).resolve().parent
RATE = 100  # packets a second, each way in each tunnel
PORT = 7000  # of the first tunnel
ANSWER_S = 10
LATE_S = 1.0  # what arrives later than this after sending ended is lost
FLOWING = 20  # packets of each flow that must arrive until traffic is said to flow


class Talker:
    """A program in a node that answers a line on its standard input with a line of JSON."""

    def __init__(self, lab, node, program, *arguments):
        self.name = f"{program.stem} in {node}"
        self.process = lab.popen(node, sys.executable, program, *arguments, stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, text=True)

    def tell(self, word):
        try:
            self.process.stdin.write(word + "\n")
            self.process.stdin.flush()
        except OSError as gone:
            raise LabError(f"{self.name} ended by itself") from gone

    def ask(self, word):
        self.tell(word)
        line = self.process.stdout.readline()
        if not line:
            raise LabError(f"{self.name} ended by itself")
        return json.loads(line)

    def end(self):
        with contextlib.suppress(BrokenPipeError):  # it ended by itself
            self.process.stdin.close()
        self.process.wait(ANSWER_S)
        self.process.stdout.close()


@dataclass(frozen=True)
class Window:
    """What became of the packets sent within a time, over all tunnels and both directions."""
    sent: int
    lost: int
    twice: int
    gap_ms: float  # the longest time in which one of the flows got nothing


def window(flow, began, ended):
    """Of one direction of one tunnel: {"sent": […], "arrived": [[number, time], …]}."""
    numbers = {n for n, at in enumerate(flow["sent"]) if began <= at < ended}
    arrived = {}
    twice = 0
    for number, at in flow["arrived"]:
        twice += number in arrived and number in numbers
        arrived.setdefault(number, at)
    times = sorted(arrived.values())
    before = max((at for at in times if at < began), default=began)
    after = min((at for at in times if at >= ended), default=ended)
    edges = [before, *(at for at in times if began <= at < ended), after]
    gap = max(later - earlier for earlier, later in zip(edges, edges[1:]))
    return Window(len(numbers), sum(number not in arrived for number in numbers), twice,
                  1000 * gap)


class Traffic:
    """RATE packets a second through each (inner address, far address), both ways, until its end."""

    def __init__(self, lab, folder, tunnels):
        """`tunnels`: [(client's node, inner address, far node, far address)]."""
        self.ends = {}  # node -> flows, each as (local, remote, port)
        for place, (near, inner, far, host) in enumerate(tunnels):
            self.ends.setdefault(near, []).append((inner, host, PORT + place))
            self.ends.setdefault(far, []).append((host, inner, PORT + place))
        self.files = {node: Path(folder) / f"{node}.json" for node in self.ends}
        self.talkers = {}
        for node, flows in self.ends.items():
            job = {"flows": flows, "rate": RATE, "out": str(self.files[node])}
            self.talkers[node] = Talker(lab, node, HERE / "probe.py", json.dumps(job))

    def arrived(self):
        return [count for talker in self.talkers.values() for count in talker.ask("arrived")]

    def wait_until_flows(self, seconds):
        """Until each tunnel carries packets both ways again."""
        before = self.arrived()

        def silent():
            return [way for way, now, was in zip(self.ways(), self.arrived(), before)
                    if now < was + FLOWING]
        try:
            wait_until("traffic flows", lambda: not silent(), seconds)
        except LabError as error:
            ways = silent()
            raise LabError(f"{error}; {len(ways)} do not, e.g. {', '.join(ways[:1])}") from error

    def ways(self):
        """Names of what `arrived` counts."""
        return [f"from {remote} at {local}"
                for flows in self.ends.values() for local, remote, _ in flows]

    def end(self):
        """[{"sent": …, "arrived": …}] of each direction of each tunnel."""
        for talker in self.talkers.values():
            talker.tell("stop")
        time.sleep(LATE_S)
        self.kill()
        told = {node: json.loads(file.read_text()) for node, file in self.files.items()}
        by_way = {}
        for node, flows in self.ends.items():
            for (local, remote, port), flow in zip(flows, told[node]):
                by_way.setdefault((local, remote, port), {})["sent"] = flow["sent"]
                by_way.setdefault((remote, local, port), {})["arrived"] = flow["arrived"]
        return list(by_way.values())

    def kill(self):
        for talker in self.talkers.values():
            talker.end()


def over_all(flows, began, ended):
    """The window of all flows together."""
    parts = [window(flow, began, ended) for flow in flows]
    return Window(sum(part.sent for part in parts), sum(part.lost for part in parts),
                  sum(part.twice for part in parts), max(part.gap_ms for part in parts))
