"""What happens to a pair or to a domain. Each event leaves it as it found it: nominal.

The active's *heir* is who acts after it by the usual election."""

import signal
import time

from clusters import ISA, SEGWD
from limits import AFTER_HOLD_MS, ISA_GAP_MS, NOMINAL_S
from segwlab import LabError

APART_S = 2
ROW = 10


def lose(trial, name, active, heir, **promise):
    with trial.phase(name, gap_ms=trial.limits.loss_gap_ms, **promise):
        trial.lab.crash(active)
        trial.wait_acting(heir)


def come_back(trial, name, *nodes, among=None):
    with trial.phase(name, among=among, lost=0, nominal_s=NOMINAL_S):
        for node in nodes:
            trial.lab.start(node)


def roles(trial):
    active = trial.lab.active()
    return active, trial.lab.heir(active)


def crash(trial):
    active, heir = roles(trial)
    lose(trial, "crash", active, heir)
    come_back(trial, "return after a crash", active)


def hang_of_segwd(trial):
    active, heir = roles(trial)
    with trial.phase("hang of segwd", gap_ms=trial.limits.loss_gap_ms, nominal_s=NOMINAL_S):
        trial.lab.signal(active, SEGWD, signal.SIGSTOP)
        trial.wait_acting(heir)


def hang_of_all(trial):
    active, heir = roles(trial)
    before = trial.lab.pids(active, SEGWD)
    with trial.phase("hang of the active", gap_ms=trial.limits.loss_gap_ms):
        trial.lab.tool("kill", active, "--signal", "STOP")
        trial.wait_acting(heir)
    with trial.phase("the hang ends", lost=0, nominal_s=NOMINAL_S):
        trial.lab.tool("kill", active, "--signal", "CONT")
    if trial.lab.pids(active, SEGWD) != before:
        raise LabError(f"segwd of {active} was started again: its keeper took the hang for silence")


def isa_kill(trial):
    active, heir = roles(trial)
    with trial.phase("ISA kill", gap_ms=ISA_GAP_MS, nominal_s=NOMINAL_S):
        trial.lab.signal(active, ISA, signal.SIGKILL)
        trial.wait_acting(heir)


def isa_hang(trial):
    """MIMP and BFD are well: only its silence tells of it (docs/decisions/0104)."""
    active, heir = roles(trial)
    with trial.phase("ISA hang", gap_ms=1000 * trial.limits.hold_s + AFTER_HOLD_MS,
                     nominal_s=NOMINAL_S):
        trial.lab.signal(active, ISA, signal.SIGSTOP)
        trial.wait_acting(heir)


def reboot_of_the_active(trial):
    active, heir = roles(trial)
    with trial.phase("shutdown of the active", gap_ms=trial.limits.loss_gap_ms):
        trial.lab.tool("kill", active, "--signal", "TERM")
        trial.wait_acting(heir)
    come_back(trial, "boot after a shutdown", active)


def reboot(trial, name, standby):
    with trial.phase(name, lost=0, nominal_s=NOMINAL_S):
        trial.lab.tool("kill", standby, "--signal", "TERM")
        trial.lab.start(standby)


def reboot_of_the_standby(trial):
    reboot(trial, "reboot of the standby", roles(trial)[1])


def crash_of_the_standby(trial):
    _, standby = roles(trial)
    with trial.phase("crash of the standby", lost=0, nominal_s=NOMINAL_S):
        trial.lab.crash(standby)
        trial.lab.start(standby)


def move_to(trial, target):
    trial.lab.switch_over_to(target)
    trial.wait_acting(target)


def move(trial):
    _, heir = roles(trial)
    move_to(trial, heir)


def switchover(trial):
    with trial.phase("commanded switchover", lost=0, nominal_s=NOMINAL_S):
        move(trial)


def two_switchovers(trial):
    with trial.phase(f"two switchovers {APART_S} s apart", lost=0, nominal_s=NOMINAL_S + APART_S):
        began = time.monotonic()
        move(trial)
        time.sleep(max(0.0, began + APART_S - time.monotonic()))
        move(trial)


def ten_switchovers(trial):
    with trial.phase(f"{ROW} switchovers in a row", lost=0, nominal_s=ROW * NOMINAL_S):
        for _ in range(ROW):
            move(trial)


def double_failure(trial):
    """The heir dies as soon as the first is in sync again."""
    first, heir = roles(trial)
    lose(trial, "double failure: crash", first, heir)
    come_back(trial, "double failure: return", first)
    lose(trial, "double failure: crash of the heir", heir, first)
    come_back(trial, "double failure: return of the heir", heir)


def cut_seconds(trial):
    """Long enough for whatever a cut makes of the chassis."""
    return 3 * trial.limits.hold_s + 1


COMMON = {
    "crash": crash,
    "hang of segwd": hang_of_segwd,
    "hang of all": hang_of_all,
    "isa kill": isa_kill,
    "isa hang": isa_hang,
    "reboot of the active": reboot_of_the_active,
    "reboot of the standby": reboot_of_the_standby,
    "crash of the standby": crash_of_the_standby,
    "switchover": switchover,
    "two switchovers": two_switchovers,
    "ten switchovers": ten_switchovers,
    "double failure": double_failure,
}
