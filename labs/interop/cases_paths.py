"""Rows about the way between: IKE in fragments (RFC 7383), clients that move (RFC 4555), IPv6, and
message IDs that are synchronised (RFC 6311)."""

from dataclasses import replace

from case import CBC, Case
from cases_auth import certificate
from events import RekeyBoth, RekeyChild, RekeyIke
from events_paths import CannotAnswer, Move, Silent, Unanswered
from words import Esp, Ike

FRAGMENTS = "ikev2-fragment { mtu 576 }\n"
THEIRS_IN_FRAGMENTS = r"splitting IKE message"
OURS_IN_FRAGMENTS = r"reassembled fragmented IKE message"
BOTH_IN_FRAGMENTS = (THEIRS_IN_FRAGMENTS, OURS_IN_FRAGMENTS)
FAMILIES = ("4in6", "6in4", "6in6")


def fragments():
    chain = {"policy": {"ike-version-2": FRAGMENTS + "auth-method cert\n"},
             "logged": BOTH_IN_FRAGMENTS}
    yield certificate("chain in fragments", "chain", "chain-client", RekeyIke(), client="tiny", **chain)
    yield certificate("rsa in fragments behind a nat", "rsa", "rsa-client", RekeyChild(),
                      client="behind", **chain | {"logged": (OURS_IN_FRAGMENTS,)})
    yield Case("rekeys in fragments", RekeyBoth(), client="tiny", ike=(Ike(group="group-16"),),
               esp=(Esp(pfs="group-16"),), policy={"ike-version-2": FRAGMENTS}, logged=BOTH_IN_FRAGMENTS)
    yield Case("rekeys in fragments cbc", RekeyBoth(), client="tiny",
               ike=(replace(CBC, group="group-16"),), esp=(Esp("aes-256", "sha-256", pfs="group-15"),),
               policy={"ike-version-2": FRAGMENTS}, logged=BOTH_IN_FRAGMENTS)
    yield certificate("chain in ip fragments", "chain", "chain-client", RekeyIke(),
                      connection={"fragmentation": "no"})


def mobike():
    yes = {"mobike": "yes"}
    yield Case("mobike moves", Move(), client="mobile", connection=yes)
    yield Case("mobike stays", RekeyIke(), client="mobile", connection=yes)


def families():
    for one in FAMILIES:
        yield Case(f"{one} rekey both", RekeyBoth(), families=one, group="six", responder_only=False)
        yield Case(f"{one} cbc", RekeyChild(), families=one, group="six", ike=(CBC,),
                   responder_only=False, esp=(Esp("aes-256", "sha-256"),))
        yield Case(f"begun by us {one}", RekeyChild(), families=one, group="six", responder_only=False,
                   gateway_initiates=True, dynamic={"auto-establish": "true"})


def synchronisation():
    yield Case("message ids are synchronised", Unanswered(), ike=(CBC,), quick=False)
    yield Case("message ids are synchronised gcm", CannotAnswer(), quick=False,
               logged=("no IV or padding",), lacks="RFC 6311 with AES-GCM once it has answered a request "
               "of ours: it has no second IV for message ID 0, and forgets the IKE SA")
    yield Case("unheard for a while", Silent(), quick=False)


def paths():
    yield from fragments()
    yield from mobike()
    yield from synchronisation()
    yield from families()
