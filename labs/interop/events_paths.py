"""What happens on the way: addresses that go, packets that are dropped, strangers that ask, too."""

import contextlib
import json
import re
import time
from pathlib import Path

from events import SOON, AgainByUs, Event
from lab_files import LINK, MOVED
from segwlab import LabError, wait_until

AGAIN_S = 3  # until a synchronisation is asked for again
SYNC = r"parsed INFORMATIONAL request 0 \[ N\(MSG_ID_SYN\) \]"


class Filter:
    """Rules of one case in its client's namespace."""

    def __init__(self, run):
        self.run, self.table = run, f"lab_{run.case.id}"

    def nft(self, *words):
        self.run.lab.exec(self.run.case.client, "nft", *words)

    def drop(self, hook, *match):
        """`hook` is input or output."""
        self.nft(f"add table inet {self.table}; "
                 f"add chain inet {self.table} {hook} {{ type filter hook {hook} priority 0; }}; "
                 f"add rule inet {self.table} {hook} {' '.join(match)} drop")

    def end_after(self, seconds):
        self.run.background(f"sleep {seconds}; nft delete table inet {self.table}")

    def end_when_logged(self, expression, seconds=0):
        """So long after the client's log of this connection has it."""
        log = self.run.client.folder / "charon.log"
        self.run.background(
            f"for i in $(seq 300); do grep -qP '<{self.run.case.id}\\|.*{expression}' {log} && break; "
            f"sleep 0.2; done; sleep {seconds}; nft delete table inet {self.table}")


class WantsCookie(AgainByUs):
    """The client is half-way into an IKE SA with somebody else, so it wants cookies; then it ends
    ours, and we begin again."""

    def __init__(self):
        super().__init__("--ike")

    def prepare(self, run):
        begin_half_open(run.lab, [run.case.gateway], run.case.outer, LINK[run.case.client])

    def check(self, run, before, after):
        super().check(run, before, after)
        if not re.search(r"parsed IKE_SA_INIT request 0 \[ N\(COOKIE\)", run.client.log()):
            raise LabError("we did not bring a cookie")


class Move(Event):
    """MOBIKE: the client's address goes away; another is there already. kernel-libipsec can't move a
    CHILD SA, so strongSwan makes another."""
    keeps_child = False

    def begin(self, run):
        run.lab.exec(run.case.client, "ip", "address", "del", f"{run.case.local}/24", "dev", "eth0")

    def finish(self, run):
        wait_until("the IKE SA at its new address", lambda: (
            (sa := run.client.established(run.case.id)) and sa["local-host"] == MOVED), SOON)

    def check(self, run, before, after):
        super().check(run, before, after)
        if not run.client.logged(run.case.id, r"parsed INFORMATIONAL request \d+ \[ .*N\(COOKIE2\)"):
            raise LabError("we did not ask the client whether it is there")


class Unanswered(Event):
    """The client's answers to us are lost, its ESP is not: who is heard and does not answer is asked to
    synchronise message IDs (RFC 6311)."""

    def begin(self, run):
        # RFC 3948 2.2: four zero bytes tell IKE from ESP.
        rules = Filter(run)
        rules.drop("output", "ip", "saddr", run.case.local, "udp", "sport", "4500", "@th,64,32", "0")
        rules.end_when_logged(SYNC)
        run.background(f"exec ping -q -n -i 0.5 -c 200 -I {run.case.inner} {run.case.core}")
        run.by_us("liveness")

    def finish(self, run):
        wait_until("a synchronisation of message IDs",
                   lambda: run.client.logged(run.case.id, SYNC), 60)
        time.sleep(AGAIN_S)
        self.is_in_step(run)

    def is_in_step(self, run):
        run.by_us("liveness")
        wait_until("an answered request after it", lambda: run.client.logged(
            run.case.id, r"generating INFORMATIONAL response [1-9]\d* \[ +\]"), SOON)


class CannotAnswer(Unanswered):
    """strongSwan with AES-GCM: its IV of message ID 0 was used by an earlier answer, so it gives the
    IKE SA up without a word."""
    keeps_child = keeps_ike = False
    auths = 1

    def is_in_step(self, run):
        wait_until("no IKE SA", lambda: not run.client.sas(run.case.id), SOON)
        run.client.initiate(run.case.id)


class Silent(Event):
    """Nothing of what the client sends arrives for a while. The same request again is what helps."""
    keeps_child = False
    SILENT_S = 33  # three repetitions, and the time until the next one
    heard_at = 0.0

    def begin(self, run):
        rules = Filter(run)
        rules.drop("output", "ip", "saddr", run.case.local)
        rules.end_after(self.SILENT_S)
        self.heard_at = time.monotonic() + self.SILENT_S
        run.by_us("rekey", "child")

    def finish(self, run):
        # The client has its new CHILD SA long before; we do not know of it yet.
        wait_until("one new CHILD SA, once it is heard", lambda: time.monotonic() > self.heard_at
                   and len(run.spis()[1]) == 1 and run.spis()[1] != run.before[1],
                   self.SILENT_S + 2 * SOON)

    def check(self, run, before, after):
        super().check(run, before, after)
        if run.client.logged(run.case.id, SYNC):
            raise LabError("who is not heard was asked to synchronise")


def begin_half_open(lab, sources, destination, near):
    """IKE_SA_INIT requests from these addresses, sent by the stranger to the next hop `near`."""
    mac = mac_of(lab, near)
    file = lab.folder("stranger") / f"half-open-{destination}.json"
    file.write_text(json.dumps({"what": "half_open", "device": "eth0", "to": mac, "seed": destination,
                                "sources": sources, "destination": destination}))
    lab.exec("stranger", "python3", Path(__file__).resolve().parent / "sender.py", file)


def mac_of(lab, address):
    with contextlib.suppress(LabError):  # it may not answer pings
        lab.exec("stranger", "ping", "-c", "1", "-W", "1", address)
    return lab.exec("stranger", "ip", "neigh", "show", address).split("lladdr ")[1].split()[0]
