"""Rows of tunnels that we begin: the peer answers."""

from dataclasses import replace

from case import CBC, Case
from cases_auth import authentication, certificate, ppk
from cases_paths import BOTH_IN_FRAGMENTS, FRAGMENTS
from events import (AgainByUs, ClientLiveness, OurLiveness, Quiet, Recreates, RekeyChild, RekeyIke)
from events_paths import WantsCookie
from words import Esp, Ike


def is_begun_by_us(case, name, **more):
    """The same row with the roles of the IKE SA exchanged."""
    return replace(case, name=f"begun by us {name}", gateway_initiates=True, group="initiator",
                   quick=False, responder_only=False,
                   dynamic=case.dynamic | {"auto-establish": "true"}, **more)


def begun_by_us(name, event=Quiet(), **more):
    dynamic = {"auto-establish": "true"} | more.pop("dynamic", {})
    return Case(f"begun by us {name}", event, gateway_initiates=True, group="initiator", quick=False,
                responder_only=False, dynamic=dynamic, **more)


def initiator():
    """We begin; strongSwan answers."""
    yield begun_by_us("gcm", RekeyChild())
    yield begun_by_us("cbc group-14", RekeyIke(), ike=(CBC,), esp=(Esp("aes-256", "sha-256"),))
    yield begun_by_us("chacha20 group-31", RekeyChild(), ike=(Ike("chacha20-poly1305", group="group-31"),),
                      esp=(Esp("chacha20-poly1305", pfs="group-31"),))
    yield begun_by_us("the peer's group is not our first", Quiet(),
                      ike=(Ike(group="group-31"), Ike(group="group-19")), chosen_ike=1,
                      connection={"proposals": Ike(group="group-19").proposal()})
    yield begun_by_us("the peer's second proposal", Quiet(),
                      ike=(Ike("aes-256", "sha-256", group="group-19"), Ike()), chosen_ike=1,
                      connection={"proposals": Ike().proposal()})
    yield begun_by_us("the peer narrows", Quiet(),
                      policy_entries=(("10.2.2.0/24", "192.168.1.0/24"),), narrowed=True)
    yield begun_by_us("the peer deletes the child", AgainByUs("--child"))
    yield begun_by_us("the peer deletes the ike sa", AgainByUs("--ike"))
    yield begun_by_us("the peer deletes and recreates", Recreates())
    yield begun_by_us("kernel raw esp esn", RekeyChild(), client="guest", esp=(Esp(esn=True),))
    yield begun_by_us("liveness by us", OurLiveness(), policy={"dpd": {"interval": 10}})
    yield begun_by_us("liveness by the peer", ClientLiveness(), connection={"dpd_delay": "1s"})
    yield from by_certificate()
    yield from with_ppk()
    yield begun_by_us("a cookie is wanted", WantsCookie(), client="wary")


def by_certificate():
    for case in authentication():
        if not case.refused:
            yield is_begun_by_us(case, case.name)
    yield is_begun_by_us(certificate("fragments", "chain", "chain-client", client="tiny",
                                     policy={"ike-version-2": FRAGMENTS + "auth-method cert\n"},
                                     connection={"fragmentation": "force"}),
                         "certificate chain in fragments", logged=BOTH_IN_FRAGMENTS)


def with_ppk():
    key = "a key of thirty-two bytes, or so"
    need = "ppk-required true\n"
    both = ("begun", key)
    yield is_begun_by_us(ppk("begun by us", both, both, RekeyIke(), need, "yes", "begun"), "ppk used")
    yield is_begun_by_us(ppk("not needed", ("unknown", key), None, named="unknown"),
                         "ppk unknown to the peer")
