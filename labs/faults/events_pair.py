"""What happens to a pair only: its inter-chassis links are cut."""

import time

from events import COMMON, cut_seconds
from limits import NOMINAL_S

BETWEEN = ("icsw", "picsw")  # the switches of the inter-chassis links


def cut(trial):
    with trial.phase("inter-chassis cut", gap_ms=trial.limits.loss_gap_ms):
        trial.lab.link_down(BETWEEN)
        time.sleep(cut_seconds(trial))
    with trial.phase("the cut ends", gap_ms=trial.limits.loss_gap_ms, nominal_s=NOMINAL_S):
        trial.lab.link_up(BETWEEN)


def one_way_cut(unheard_is_active):
    def event(trial):
        active = trial.lab.active()
        unheard = active if unheard_is_active else trial.lab.heir(active)
        link, way = f"icl_{unheard}", f"{unheard}->{BETWEEN[0]}"
        who = "active" if unheard_is_active else "standby"
        with trial.phase(f"one-way cut, the {who} is unheard", gap_ms=trial.limits.loss_gap_ms):
            trial.lab.tool("cut", link, "--one-way", way)
            time.sleep(cut_seconds(trial))
        with trial.phase(f"the {who} is heard again", gap_ms=trial.limits.loss_gap_ms,
                         nominal_s=NOMINAL_S):
            trial.lab.tool("heal", link)
    return event


EVENTS = COMMON | {
    "inter-chassis cut": cut,
    "one-way cut, active unheard": one_way_cut(unheard_is_active=True),
    "one-way cut, standby unheard": one_way_cut(unheard_is_active=False),
}
