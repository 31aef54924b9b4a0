"""Events, each some times, at labs that stay up between them; a run that fails gets a new lab."""

import argparse
import contextlib
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from report import Report
from segwlab import ROOT, LabError
from trial import Trial, tapped


@dataclass(frozen=True)
class Topology:
    """A lab in which events happen."""
    title: str
    kind: type  # of Cluster
    write: object  # (folder) -> (topology file, limits), all files written there
    tunnels: tuple
    children: tuple
    events: dict  # name -> event(trial)


def parse(description, name):
    options = argparse.ArgumentParser(description=description)
    options.add_argument("--programs", default=ROOT / "build/release/bin")
    options.add_argument("--runs", type=int, default=3, help="of each event (3)")
    options.add_argument("--event", action="append", default=[], metavar="WORD",
                         help="only events with this in their name; may be given again")
    options.add_argument("--topology", default="", metavar="WORD", help="only labs with this")
    options.add_argument("--json", help="file that gets every phase of every run")
    options.add_argument("--name", default=name, help="of the lab")
    options.add_argument("--keep-logs", help="folder for the logs of all nodes")
    options.add_argument("--list", action="store_true", help="events, and nothing else")
    return options.parse_args()


class Runner:
    def __init__(self, chosen, topologies):
        self.chosen = chosen
        self.report = Report()
        self.left = []
        self.todo = [(topology, name) for topology in topologies
                     if chosen.topology in topology.title
                     for name in topology.events
                     if not chosen.event or any(word in name for word in chosen.event)]

    def run(self):
        by_topology = {}
        for topology, name in self.todo:
            by_topology.setdefault(topology.title, (topology, []))[1].append(name)
        for topology, once in by_topology.values():
            # Round after round: what fails again soon is started again later and later.
            names = once * self.chosen.runs
            with tempfile.TemporaryDirectory(prefix="segw-faults-") as folder:
                file, limits = topology.write(Path(folder))
                print(f"== {topology.title}: loss is noticed by {limits.detection}", flush=True)
                while names:
                    self._at_one_lab(topology, file, limits, names)

    def _at_one_lab(self, topology, file, limits, names):
        """Runs events, and takes their names off the list, until one fails or none is left."""
        logs = Path(self.chosen.keep_logs) / f"{len(names)}" if self.chosen.keep_logs else None
        lab = topology.kind(self.chosen.programs, file, self.chosen.name, logs,
                            tunnels=topology.tunnels, children=topology.children)
        name = "start"
        try:
            with lab:
                lab.wait_nominal()
                with tapped(lab, lab.SWITCH, lab.SWITCH_DEVICES) as tap:
                    lab.establish()
                    lab.wait_nominal()
                    while names:
                        name = names.pop(0)
                        self._event(topology, name, Trial(lab, tap, limits))
        except LabError as error:
            print(f"  {name}: {error}", flush=True)
            self.report.gave_up(topology.title, name, error)
            if name == "start":
                raise
        self.left += lab.leftovers()

    def _event(self, topology, name, trial):
        began = time.monotonic()
        try:
            trial.run(topology.events[name])
        except LabError:
            self._note(topology, trial.phases)
            raise
        self._note(topology, trial.phases)
        print(f"  ({name}: {time.monotonic() - began:.0f} s)", flush=True)

    def _note(self, topology, phases):
        self.report.add(topology.title, phases)
        for phase in phases:
            print(f"  {phase.line()}", flush=True)


def main(description, name, topologies):
    chosen = parse(description, name)
    runner = Runner(chosen, topologies)
    if chosen.list:
        for topology, event in runner.todo:
            print(f"{topology.title}: {event}")
        return 0
    try:
        runner.run()
    except LabError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 1
    finally:
        # Also after Ctrl-C there is a table of what was measured.
        with contextlib.suppress(BrokenPipeError):
            print("\n" + "\n".join(runner.report.lines()), flush=True)
            if chosen.json:
                runner.report.write(chosen.json)
    for left in runner.left:
        print(f"left behind: {left}")
    failed = runner.report.failed() + len(runner.left)
    print(f"{name}: {'all holds' if failed == 0 else f'{failed} FAILED'}")
    return 1 if failed or not runner.todo else 0
