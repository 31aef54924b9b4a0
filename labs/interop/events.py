"""What happens to a tunnel between two pings. `begin` starts it and does not wait for the gateway,
which may be killed then; `finish` waits until it is done, and says what is wrong if it isn't."""

import re
import time

from client import pings
from segwlab import LabError, wait_until

OURS_WOULD_S = 5  # until we make another CHILD SA after a delete
SOON = 20  # seconds: several repetitions, a takeover in between


class Event:
    """Nothing happens; the SAs must stay."""

    keeps_child = True
    keeps_ike = True
    auths = 0  # IKE_AUTH exchanges that belong to it

    def prepare(self, run):
        """While the tunnel is up and its gateway lives."""

    def begin(self, run):
        pass

    def finish(self, run):
        pass

    def check(self, run, before, after):
        """(IKE SPI, CHILD SPIs) of both times."""
        if self.keeps_ike and before[0] != after[0]:
            raise LabError("another IKE SA than before")
        # Who takes over rekeys every CHILD SA (redundancy rule 21).
        if self.keeps_child and before[1] != after[1] and not run.taken_over:
            raise LabError("another CHILD SA than before")
        if not self.keeps_child and before[1] == after[1]:
            raise LabError("the CHILD SA is the one of before")


class Quiet(Event):
    pass


class RekeyChild(Event):
    """The client makes a new CHILD SA and deletes the old one."""
    keeps_child = False

    def begin(self, run):
        run.client.rekey_child(run.case.id)

    def finish(self, run):
        before = run.before[1]
        wait_until("one new CHILD SA", lambda: run.spis()[1] not in ((), before)
                   and len(run.spis()[1]) == 1, SOON)


class RekeyIke(Event):
    """The client makes a new IKE SA, which inherits the CHILD SA."""
    keeps_ike = False

    def begin(self, run):
        run.client.rekey_ike(run.case.id)

    def finish(self, run):
        wait_until("a new IKE SA, and no other", lambda: run.spis()[0] not in (None, run.before[0])
                   and run.client.ike_sas(run.case.id) == 1, SOON)

    def check(self, run, before, after):
        super().check(run, before, after)
        if before[0] == after[0]:
            raise LabError("the IKE SA is the one of before")


class RekeyBoth(RekeyIke):
    """An IKE rekey right after a CHILD rekey."""
    keeps_child = False

    def begin(self, run):
        run.client.rekey_child(run.case.id)
        run.client.rekey_ike(run.case.id)


class RekeyOften(Event):
    """Five CHILD rekeys, one after the other."""
    keeps_child = False

    def begin(self, run):
        run.client.rekey_child(run.case.id)

    def finish(self, run):
        seen = {run.before[1]}
        for _ in range(5):
            wait_until("one new CHILD SA", lambda: len(run.spis()[1]) == 1
                       and run.spis()[1] not in seen, SOON)
            seen.add(run.spis()[1])
            if len(seen) <= 5:
                run.client.rekey_child(run.case.id)


class DeleteChild(Event):
    """The client deletes the CHILD SA and makes another under the same IKE SA."""
    keeps_child = False

    def begin(self, run):
        # The command would wait for the answer, which a killed gateway does not give.
        run.start("--terminate", "--child", run.case.id, "--timeout", "30")

    def finish(self, run):
        wait_until("no CHILD SA", lambda: run.spis()[1] == (), SOON)
        run.client.initiate(run.case.id)


class DeleteIke(Event):
    """The client ends the IKE SA and authenticates again."""
    keeps_child = keeps_ike = False
    auths = 1

    def begin(self, run):
        run.start("--terminate", "--ike", run.case.id, "--timeout", "30")

    def finish(self, run):
        wait_until("no IKE SA", lambda: not run.client.sas(run.case.id), SOON)
        run.client.initiate(run.case.id)


class AgainByUs(Event):
    """The client ends the CHILD SA or the IKE SA; we begin again, since the tunnel is to be up."""
    keeps_child = keeps_ike = False

    def __init__(self, what):
        self.what = what
        self.auths = 1 if what == "--ike" else 0

    def begin(self, run):
        run.start("--terminate", self.what, run.case.id, "--timeout", "30")

    def finish(self, run):
        wait_until("a CHILD SA that we began", lambda: run.spis()[1] not in ((), run.before[1]), 40)


class Recreates(Event):
    """The client ends the CHILD SA and makes another at once; we, who were about to, leave it at that."""
    keeps_child = False

    def begin(self, run):
        uri = f"--uri unix://{run.client.folder / 'vici'}"
        run.background(f"swanctl --terminate --child {run.case.id} --timeout 30 {uri}; "
                       f"swanctl --initiate --child {run.case.id} --timeout 30 {uri}")

    def finish(self, run):
        wait_until("one new CHILD SA", lambda: len(run.spis()[1]) == 1
                   and run.spis()[1] != run.before[1], SOON)
        time.sleep(OURS_WOULD_S)
        if len(run.spis()[1]) != 1:
            raise LabError("we made one more CHILD SA")


class SecondChild(Event):
    """A second CHILD SA under the same IKE SA, with another inner address."""

    def begin(self, run):
        run.start("--initiate", "--child", f"{run.case.id}-2", "--timeout", "30")

    def finish(self, run):
        wait_until("two CHILD SAs", lambda: len(run.spis()[1]) == 2, SOON)
        source = run.case.inners[1]
        wait_until("an answer through the second CHILD SA",
                   lambda: pings(run.lab, run.case.client, source, run.case.core, 1) == 1, SOON)

    def check(self, run, before, after):
        kept = run.taken_over or set(before[1]) < set(after[1])
        if before[0] != after[0] or not kept or len(after[1]) != len(before[1]) + 1:
            raise LabError("the first CHILD SA is not kept")


class LargePing(Event):
    """Pings whose inner packets don't fit into one outer packet."""

    def __init__(self, size=1372, device_mtu=None, count=5):
        self.size, self.mtu, self.count = size, device_mtu, count

    def finish(self, run):
        if self.mtu:
            run.lab.exec(run.case.client, "ip", "link", "set", "dev", "ipsec0", "mtu", self.mtu)
        try:
            came = wait_until("answers to large pings", lambda: max(0, pings(
                run.lab, run.case.client, run.case.inner, run.case.core, self.count, self.size)),
                SOON)
        finally:
            if self.mtu:
                run.lab.exec(run.case.client, "ip", "link", "set", "dev", "ipsec0", "mtu", 1400)
        if came != self.count:
            raise LabError(f"{came} of {self.count} large pings answered")


class ClientLiveness(Event):
    """The client asks whether we live, and is answered."""

    def finish(self, run):
        wait_until("an answered liveness check", lambda: any(
            re.search(r"parsed INFORMATIONAL response \d+ \[ +\]", line) for line in run.log()), SOON)


class OurLiveness(Event):
    """We ask whether the client lives."""

    def finish(self, run):
        wait_until("a liveness check of the gateway", lambda: any(
            re.search(r"parsed INFORMATIONAL request \d+ \[ +\]", line) for line in run.log()), 40)


class NatRebinding(Event):
    """The NAT forgets the flow and gives it another port; the client's next request tells us."""

    def begin(self, run):
        outer, local = run.case.outer, run.case.local
        rules = run.lab.exec("nat", "nft", "-a", "list", "chain", "ip", "segw_lab_nat", "out")
        handle = next(line.rpartition("# handle ")[2] for line in rules.splitlines()
                      if f"snat to {outer}" in line)
        rule = ["oifname", "eth0", "ip", "saddr", local, "meta", "l4proto", "udp", "snat", "to",
                f"{outer}:30000-30999"]
        run.lab.exec("nat", "nft", "replace", "rule", "ip", "segw_lab_nat", "out", "handle", handle,
                     *rule)
        run.lab.exec("nat", "conntrack", "-D", "-s", local)
        run.client.rekey_child(run.case.id)

    keeps_child = False

    def finish(self, run):
        RekeyChild.finish(self, run)
