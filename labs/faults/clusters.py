"""Labs whose chassis back each other up, a pair or a domain, by the same questions."""

import contextlib
import os
from pathlib import Path

from segwlab import ACTING, Lab, LabError, Pair, run, wait_until

READY_S = 60
RESTORE_S = 90  # a designated active takes back what it is ready for since 60 s
UP_S = "20"  # for swanctl
SHOWN = {"tunnels.json": ("show", "ipsec", "gateway", "gw-1", "tunnel", "--json"),
         "counters.json": ("show", "counters", "--json")}
SEGWD, ISA = "--keeper-fd", "segw-isa"  # the keeper bears segwd's name, without this option


class Cluster(Lab):
    """Tunnels from the node `client` to hosts behind CHASSIS."""

    CHASSIS = ()
    SWITCH, SWITCH_DEVICES = "switch", ()

    def __init__(self, *arguments, tunnels=(), children=(), **options):
        super().__init__(*arguments, **options)
        self.tunnels = tunnels  # what carries traffic: (node, inner address, node, host's address)
        self.children = children  # names of the client's CHILD SAs

    def establish(self):
        uri = f"unix://{self.folder('client') / 'vici'}"
        for child in self.children:
            run(["swanctl", "--initiate", "--child", child, "--timeout", UP_S, "--uri", uri])

    def acts(self, node):
        return self.state(node) in (*ACTING, "active")

    def active(self):
        """The only one that acts; waits for that."""
        def only_one():
            acting = [node for node in self.CHASSIS if self.acts(node)]
            return acting[0] if len(acting) == 1 else None
        return wait_until("one chassis acts", only_one, READY_S)

    def wait_acting_for(self, node, seconds):
        wait_until(f"{node} acts alone", lambda: self.active() == node, seconds)

    def wait_nominal(self, among=None):
        """`among`: where not all of them run."""
        wait_until("protection is nominal", lambda: self.is_nominal(among or self.CHASSIS), READY_S)

    def start(self, node):
        self.tool("start", node)
        self.note_processes()

    def keep_shown(self):
        """What the chassis say of themselves, beside their logs, for who looks for a cause."""
        if not self.keep_logs:
            return
        for node in self.CHASSIS:
            folder = Path(self.keep_logs) / node
            folder.mkdir(parents=True, exist_ok=True)
            for name, words in SHOWN.items():
                with contextlib.suppress(LabError):
                    (folder / name).write_text(self.segw(node, *words))

    def pids(self, node, mark):
        """The processes of the node that have this word in their command line."""
        return [int(words[1]) for words in map(str.split, self.tool("ps").splitlines())
                if words[0] == node and any(word.startswith(mark) for word in words[2:])]

    def signal(self, node, mark, number):
        for pid in self.pids(node, mark):
            os.kill(pid, number)


class FaultPair(Cluster, Pair):
    """labs/pair with a switch in each inter-chassis link, so that both its ends can lose it."""

    CHASSIS = ("a", "b")
    SWITCH_DEVICES = ("client", "a", "b")

    def state(self, node):
        shown = self.group(node)
        return shown[1]["mastership"] if shown else None

    def is_nominal(self, _):
        return self.in_sync_master() is not None

    def heir(self, active):
        return self.other(active)

    def switch_over_to(self, node):
        self.switch_over(self.other(node))

    def link_down(self, between):
        for switch in between:
            for node in self.CHASSIS:
                self.exec(switch, "ip", "link", "set", "dev", node, "down")

    def link_up(self, between):
        for switch in between:
            for node in self.CHASSIS:
                self.exec(switch, "ip", "link", "set", "dev", node, "up")


class FaultDomain(Cluster):
    """labs/domain: in the order of their names one takes over from the other."""

    CHASSIS = ("a", "b", "c")
    SWITCH_DEVICES = ("client", "a", "b", "c")
    ROUTER_IDS = {"a": "192.0.2.1", "b": "192.0.2.2", "c": "192.0.2.3"}

    def domain(self, node):
        """As the chassis shows it; None while it does not answer."""
        try:
            return self.show(node, "redundancy", "multi-chassis", "ipsec-domain", "1")
        except LabError:
            return None

    def state(self, node):
        shown = self.domain(node)
        return shown["activity-state"] if shown else None

    def is_nominal(self, among):
        shown = [self.domain(node) for node in among]
        if None in shown:
            return False
        states = sorted(one["activity-state"] for one in shown)
        return (states == ["active"] + ["standby"] * (len(among) - 1)
                and all(one["protection-status"] == "nominal" for one in shown)
                and all(one["in-sync"] for one in shown))

    def heir(self, active):
        return next(node for node in self.CHASSIS if node != active)

    def switch_over_to(self, node, asked=None):
        self.segw(asked or self.active(), "tools", "perform", "redundancy", "multi-chassis",
                  "mc-ipsec", "force-switchover", "domain", "1", "to", self.ROUTER_IDS[node],
                  "now")
