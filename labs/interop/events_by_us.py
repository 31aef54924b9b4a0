"""What the operator makes us do (`tools perform ipsec`), alone or while the client does something, too."""

import contextlib
import re
import time

from events import SOON, DeleteChild, DeleteIke, Event, RekeyChild, RekeyIke
from events_paths import Filter
from segwlab import LabError, wait_until

# We repeat a request after 2 s, the client its own after 1 s and 2.4 s. Without hearing us that long,
# the client hears our request before the answer to its own.
DEAF_S = 1.2  # from its own request on
HEAD_START_S = 0.1
SETTLED_S = 40


class RekeyChildByUs(RekeyChild):
    def begin(self, run):
        run.by_us("rekey", "child")


class RekeyIkeByUs(RekeyIke):
    def begin(self, run):
        run.by_us("rekey", "ike")


class DeleteChildByUs(DeleteChild):
    def begin(self, run):
        run.by_us("delete", "child")


class DeleteIkeByUs(DeleteIke):
    def begin(self, run):
        run.by_us("delete", "ike")


class LivenessByUs(Event):
    def begin(self, run):
        run.by_us("liveness")

    def finish(self, run):
        wait_until("a liveness check that the client answers", lambda: any(
            re.search(r"generating INFORMATIONAL response \d+ \[ +\]", line) for line in run.log()), SOON)


COMMAND = {"rekey": "--rekey", "delete": "--terminate"}
# As the client's log has them.
REQUEST = {"rekey child": r"CREATE_CHILD_SA request \d+ \[ .*N\(REKEY_SA\)",
           "rekey ike": r"CREATE_CHILD_SA request \d+ \[ (?!.*\bTSi\b)",
           "delete child": r"INFORMATIONAL request \d+ \[ D \]",
           "delete ike": r"INFORMATIONAL request \d+ \[ D \]"}


class Cross(Event):
    """Both do something at once, as in "rekey child": neither knows of the other's when it asks."""

    def __init__(self, ours, theirs):
        self.ours, self.theirs = ours.split(), theirs.split()
        both = (ours, theirs)
        self.ends_ike, self.ends_child = "delete ike" in both, "delete child" in both
        self.auths = 1 if self.ends_ike else 0
        self.keeps_ike = not self.ends_ike and "rekey ike" not in both
        self.keeps_child = not self.ends_ike and all("child" not in one for one in both)
        self.log_before = 0

    def begin(self, run):
        self.log_before = len(run.client.log())
        rules = Filter(run)
        rules.drop("input", "ip", "daddr", run.case.local)
        rules.end_when_logged(f"generating {REQUEST[' '.join(self.theirs)]}", DEAF_S)
        run.by_us(*self.ours)
        time.sleep(HEAD_START_S)
        what, level = self.theirs
        # Without a wait for its end: each that waits holds one of charon's 16 threads.
        patience = ["--timeout", "-1"] if what == "delete" else []
        run.start(COMMAND[what], f"--{level}", run.case.id, *patience)

    def finish(self, run):
        case = run.case
        if self.ends_ike:
            wait_until("no IKE SA", lambda: not run.client.sas(case.id), SETTLED_S)
        elif self.ends_child:
            wait_until("no CHILD SA", lambda: run.spis()[1] == (), SETTLED_S)
        if self.ends_ike or self.ends_child:
            # swanctl takes the end of a refused rekey for that of its own command.
            with contextlib.suppress(LabError):
                run.client.initiate(case.id)
        # A rekey that was refused for now comes later.
        wait_until("one IKE SA with one CHILD SA, of those that should be new",
                   lambda: self.is_settled(run), SETTLED_S)

    def is_settled(self, run):
        ike, children = run.spis()
        if run.client.ike_sas(run.case.id) != 1 or len(children) != 1:
            return False
        return (self.keeps_ike or ike != run.before[0]) and (self.keeps_child or children != run.before[1])

    def check(self, run, before, after):
        super().check(run, before, after)
        if not self.keeps_ike and before[0] == after[0]:
            raise LabError("the IKE SA is the one of before")
        self._have_crossed(run.client.log_of(run.case.id, self.log_before))

    def _have_crossed(self, log):
        """We had asked when the client did, and it had not heard us. Perhaps it never does: what it
        asked for may have ended the SA that we asked on."""
        def first(verb, what):
            request = f"{verb} {REQUEST[' '.join(what)]}"
            return next((at for at, line in enumerate(log) if re.search(request, line)), None)
        asked, heard = first("generating", self.theirs), first("parsed", self.ours)
        if asked is None:
            raise LabError("nothing crossed: the client did not ask")
        if heard is not None and heard < asked:
            raise LabError("nothing crossed: the client heard us before it asked")
