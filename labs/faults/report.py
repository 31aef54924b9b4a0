"""The table of all runs, and the same as JSON."""

import json
import statistics
from pathlib import Path

HEAD = ("event", "runs", "lost p50/worst", "gap ms p50/worst", "re-auth", "repeats",
        "nominal s p50/worst", "")
WIDTHS = (44, 4, 14, 16, 7, 7, 19, 0)


def pair_of(values, form):
    return f"{form.format(statistics.median(values))} / {form.format(max(values))}"


class Report:
    """Phases by their topology and name, in the order in which they were first seen."""

    def __init__(self):
        self.rows = {}  # (topology, phase) -> [Phase]
        self.faults = {}  # (topology, event) -> what ended a run

    def add(self, topology, phases):
        for phase in phases:
            self.rows.setdefault((topology, phase.name), []).append(phase)

    def gave_up(self, topology, event, why):
        self.faults.setdefault((topology, event), []).append(str(why))

    def failed(self):
        return (sum(any(list(phase.broken()) for phase in row) for row in self.rows.values())
                + len(self.faults))

    def lines(self):
        yield " ".join(f"{word:<{width}}" for word, width in zip(HEAD, WIDTHS)).rstrip()
        topology = None
        for (of, name), phases in self.rows.items():
            if of != topology:
                yield f"-- {of}"
                topology = of
            yield self._line(name, phases)
        for (of, event), reasons in self.faults.items():
            yield f"FAILED {of}, {event}: {len(reasons)} x, e.g. {reasons[0]}"

    @staticmethod
    def _line(name, phases):
        nominal = [phase.nominal_s for phase in phases if phase.nominal_s is not None]
        broken = [what for phase in phases for what in phase.broken()]
        words = (name, len(phases), pair_of([phase.lost for phase in phases], "{:.0f}"),
                 pair_of([phase.gap_ms for phase in phases], "{:.0f}"),
                 sum(phase.wire["auths"] for phase in phases),
                 sum(phase.wire["repeated"] for phase in phases),
                 pair_of(nominal, "{:.1f}") if nominal else "-",
                 f"FAILED: {broken[0]}" if broken else "ok")
        return " ".join(f"{word:<{width}}" for word, width in zip(words, WIDTHS))

    def write(self, file):
        """Each phase of each run, and what ended runs."""
        runs = [{"topology": of} | phase.record()
                for (of, _), phases in self.rows.items() for phase in phases]
        ended = [{"topology": of, "event": event, "reasons": reasons}
                 for (of, event), reasons in self.faults.items()]
        Path(file).write_text(json.dumps({"phases": runs, "given-up": ended}, indent=1))
