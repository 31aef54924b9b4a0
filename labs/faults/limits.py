"""What the configuration of a lab promises: how soon the loss of a chassis is noticed."""

import re
from dataclasses import dataclass
from pathlib import Path

DECISECOND = 100  # ms
# Over the time in which the loss is noticed: to decide, to take over, to move the traffic.
AFTER_BFD_MS = 150
AFTER_HOLD_MS = 500
ISA_GAP_MS = 100
NOMINAL_S = 5.0


def number(text, leaf, default):
    """The largest of what is configured for this leaf."""
    return max((int(value) for value in re.findall(rf"\b{leaf} (\d+)", text)), default=default)


@dataclass(frozen=True)
class Limits:
    detection: str
    hold_s: float
    loss_gap_ms: float  # longest gap when the active is lost without a word

    @classmethod
    def of(cls, file):
        text = re.sub(r"#.*", "", Path(file).read_text())
        hold_ms = DECISECOND * (number(text, "keep-alive-interval", 10)
                                * number(text, "hold-on-neighbor-failure", 3))
        if not re.search(r"\bbfd-liveness true", text):
            return cls(f"MIMP, {hold_ms} ms", hold_ms / 1000, hold_ms + AFTER_HOLD_MS)
        interval = max(number(text, "transmit-interval", 100), number(text, "receive", 100))
        multiplier = number(text, "multiplier", 3)
        return cls(f"BFD, {interval} ms x {multiplier}", hold_ms / 1000,
                   interval * multiplier + AFTER_BFD_MS)
