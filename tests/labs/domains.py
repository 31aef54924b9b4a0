"""A domain of three chassis, with real clients."""

import functools
import re

import clients
from clusters import FaultDomain
from harness import check, lab_of, swanctl
from segwlab import ROOT, Ping

CORE = "10.2.2.10"


def test_a_domain_goes_on_down_to_its_designated_standby_and_back(_):
    kind = functools.partial(FaultDomain, children=[one.name for one in clients.tunnels(7)])

    def ike_spis():
        shown = swanctl(lab, "client", "--list-sas", "--raw")
        return set(re.findall(r"(?:initiator|responder)-spi=([0-9a-f]+)", shown))

    def goes_on_at(node):
        lab.wait_acting_for(node, 30)
        ping.wait_for(100, ping.mark())
        check(ike_spis() == before, f"{node} goes on with the same SAs")

    with lab_of(kind, ROOT / "labs/domain/domain.yaml", "domain") as lab:
        lab.wait_nominal()
        lab.establish()
        lab.wait_nominal()
        before = ike_spis()
        check(len(before) == 14, f"seven tunnels: {before}")
        ping = Ping.begin(lab, "client", clients.tunnels(7)[6].inner, CORE)
        goes_on_at("a")
        lab.crash("a")
        goes_on_at("b")
        lab.crash("b")
        goes_on_at("c")
        lab.start("a")
        lab.wait_nominal(("a", "c"))
        mark = ping.mark()
        lab.switch_over_to("a")
        goes_on_at("a")
        ping.end()
        lost = ping.window(mark, ping.mark()).lost
        check(lost == 0, f"the switchover back loses none, not {lost}")
