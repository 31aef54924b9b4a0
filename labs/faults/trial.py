"""One event under traffic, in phases, and what each cost."""

import contextlib
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from segwlab import LabError, wait_until
from traffic import HERE, Talker, Traffic, over_all

FLOW_S = 20  # how long traffic may take to flow again before a run is given up
SETTLE_S = 1.0  # still belongs to the phase


@dataclass(frozen=True)
class Promise:
    """What a phase must hold; None where nothing is promised of it."""
    lost: int | None = None
    gap_ms: float | None = None
    nominal_s: float | None = None


@dataclass
class Phase:
    """What a phase of one run cost."""
    name: str
    promise: Promise
    began: float
    ended: float = 0.0
    nominal_s: float | None = None
    wire: dict = field(default_factory=dict)
    sent: int = 0
    lost: int = 0
    twice: int = 0
    gap_ms: float = 0.0
    given_up: str = ""

    def count(self, flows):
        seen = over_all(flows, self.began, self.ended)
        self.sent, self.lost, self.twice, self.gap_ms = (seen.sent, seen.lost, seen.twice,
                                                         seen.gap_ms)

    def broken(self):
        """What was promised and does not hold."""
        promise = self.promise
        if self.given_up:
            yield self.given_up
        if promise.lost is not None and self.lost > promise.lost:
            yield f"{self.lost} packets lost"
        if self.twice:
            yield f"{self.twice} packets came twice"
        if promise.gap_ms is not None and self.gap_ms > promise.gap_ms:
            yield f"a gap of {self.gap_ms:.0f} ms"
        if self.nominal_s is not None and self.nominal_s > promise.nominal_s:
            yield f"{self.nominal_s:.1f} s to nominal"
        if self.wire["auths"] or self.wire["inits"]:
            yield f"{self.wire['inits']} IKE_SA_INIT, {self.wire['auths']} IKE_AUTH"
        if self.wire["repeated"]:
            yield f"{self.wire['repeated']} repeated sequence numbers"
        if self.wire["missed"]:
            yield f"{self.wire['missed']} packets that the capture missed"

    def line(self):
        nominal = "" if self.nominal_s is None else f", nominal after {self.nominal_s:.1f} s"
        broken = "".join(f"; NOT: {what}" for what in self.broken())
        return (f"{self.name}: {self.lost} of {self.sent} lost, gap {self.gap_ms:.0f} ms{nominal}"
                f"{broken}")

    def record(self):
        return asdict(self) | {"broken": list(self.broken())}


class Trial:
    """The run of an event: a lab with tunnels, traffic in them, a tap on the public switch."""

    def __init__(self, lab, tap, limits):
        self.lab, self.tap, self.limits = lab, tap, limits
        self.phases = []
        self._traffic = None

    def run(self, event):
        """Fills `phases`; also when the event does not go as it must, which is raised. Whatever
        happens, the traffic ends."""
        self.lab.wait_nominal()
        with tempfile.TemporaryDirectory(prefix="segw-faults-") as folder:
            self._traffic = Traffic(self.lab, folder, self.lab.tunnels)
            try:
                self._traffic.wait_until_flows(FLOW_S)
                event(self)
            except LabError:
                self._count()
                raise
            except BaseException:
                self._traffic.kill()
                raise
            self._count()

    def _count(self):
        flows = self._traffic.end()
        for phase in self.phases:
            phase.count(flows)

    @contextlib.contextmanager
    def phase(self, name, among=None, **promise):
        """What is done in the block, until traffic flows again and, where it is promised, protection
        is nominal on all chassis, or on those of `among`."""
        before = self.tap.ask("")
        phase = Phase(name, Promise(**promise), time.time())
        self.phases.append(phase)
        try:
            yield
            if phase.promise.nominal_s is not None:
                self.lab.wait_nominal(among)
                phase.nominal_s = time.time() - phase.began
            self._traffic.wait_until_flows(FLOW_S)
            time.sleep(SETTLE_S)
        except LabError as error:
            phase.given_up = str(error)
            self.lab.keep_shown()
            raise
        finally:
            phase.ended = time.time()
            after = self.tap.ask("")
            phase.wire = {what: after[what] - before[what] for what in after}

    def wait_acting(self, node):
        wait_until(f"{node} acts", lambda: self.lab.acts(node), FLOW_S)

    def expect_acting(self, nodes):
        acting = [node for node in self.lab.CHASSIS if self.lab.acts(node)]
        if acting != nodes:
            raise LabError(f"{', '.join(acting) or 'nobody'} acts, not {', '.join(nodes)}")


@contextlib.contextmanager
def tapped(lab, node, devices):
    """The tap in the public switch of a lab that is up."""
    tap = Talker(lab, node, Path(HERE / "tap.py"), *devices)
    try:
        yield tap
    finally:
        tap.end()
