"""What happens to a domain of three only: two are lost, one link is cut, one chassis is cut off."""

import time

from clusters import RESTORE_S
from events import COMMON, come_back, cut_seconds, lose, move_to
from limits import NOMINAL_S

A, B, C = "a", "b", "c"  # designated active twice, and designated standby
SIDES = ("icl", "picl")


def begin_at(trial, node):
    if trial.lab.active() != node:
        move_to(trial, node)
    trial.lab.wait_nominal()


def links(*ends):
    return [f"{side}_{min(ends)}{max(ends)}" for side in SIDES]


def to_the_last_and_back(trial):
    begin_at(trial, A)
    lose(trial, "DA to DA: crash", A, B)
    lose(trial, "DA to DS: crash", B, C)
    come_back(trial, "a DA returns beside the DS", A, among=(A, C))
    with trial.phase("DS to DA: commanded", lost=0, nominal_s=NOMINAL_S, among=(A, C)):
        move_to(trial, A)
    come_back(trial, "the other DA returns", B)


def both_designated_actives(trial):
    begin_at(trial, A)
    with trial.phase("both DA crash at once", gap_ms=trial.limits.loss_gap_ms):
        trial.lab.crash(A)
        trial.lab.crash(B)
        trial.wait_acting(C)
    come_back(trial, "both DA return", A, B)
    with trial.phase("DS to DA: commanded, all there", lost=0, nominal_s=NOMINAL_S):
        move_to(trial, A)


def named_by_a_third(trial):
    begin_at(trial, A)
    with trial.phase("switchover to the DS, asked of a third", lost=0, nominal_s=NOMINAL_S):
        trial.lab.switch_over_to(C, asked=B)
        trial.wait_acting(C)
    with trial.phase("and back, asked of a third", lost=0, nominal_s=NOMINAL_S):
        trial.lab.switch_over_to(A, asked=B)
        trial.wait_acting(A)


def one_link_cut(trial):
    """The third vouches for the active: nobody else acts."""
    begin_at(trial, A)
    with trial.phase("the link of two is cut", lost=0):
        for link in links(A, B):
            trial.lab.tool("cut", link)
        time.sleep(cut_seconds(trial))
        trial.expect_acting([A])
    with trial.phase("the link is whole again", lost=0, nominal_s=NOMINAL_S):
        for link in links(A, B):
            trial.lab.tool("heal", link)


def one_way_cut(trial):
    begin_at(trial, A)
    with trial.phase("one-way cut, one standby hears nothing", lost=0):
        trial.lab.tool("cut", links(A, B)[0], "--one-way", f"{A}->{B}")
        time.sleep(cut_seconds(trial))
        trial.expect_acting([A])
    with trial.phase("it hears again", lost=0, nominal_s=NOMINAL_S):
        trial.lab.tool("heal", links(A, B)[0])


def cut_off(trial):
    begin_at(trial, A)
    alone = links(A, B) + links(A, C)
    with trial.phase("the active is cut off", gap_ms=trial.limits.loss_gap_ms):
        for link in alone:
            trial.lab.tool("cut", link)
        time.sleep(cut_seconds(trial))
    with trial.phase("it is back", gap_ms=trial.limits.loss_gap_ms, nominal_s=NOMINAL_S):
        for link in alone:
            trial.lab.tool("heal", link)


def revert(trial):
    """Both designated actives die; the better one takes the group back once it is ready for long."""
    trial.lab.wait_acting_for(A, RESTORE_S)
    trial.lab.wait_nominal()
    lose(trial, "revertive: DA to DA, crash", A, B)
    lose(trial, "revertive: DA to DS, crash", B, C)
    with trial.phase("revertive: both DA return", lost=0, nominal_s=NOMINAL_S):
        trial.lab.start(A)
        trial.lab.start(B)
    with trial.phase("revertive: back to the first DA", lost=0, nominal_s=RESTORE_S):
        trial.lab.wait_acting_for(A, RESTORE_S)


EVENTS = COMMON | {
    "DA to DA to DS and back": to_the_last_and_back,
    "both DA": both_designated_actives,
    "switchover by a third": named_by_a_third,
    "one link cut": one_link_cut,
    "one-way cut": one_way_cut,
    "active cut off": cut_off,
}
REVERTIVE_EVENTS = {"revert": revert}
