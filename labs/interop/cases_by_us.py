"""Rows of what we do of our own, and of what crosses (RFC 7296 2.8, 2.25)."""

from case import CBC, Case
from events_by_us import (Cross, DeleteChildByUs, DeleteIkeByUs, LivenessByUs, RekeyChildByUs,
                          RekeyIkeByUs)
from words import Esp

ACTIONS = ("rekey child", "rekey ike", "delete child", "delete ike")


def by_us():
    yield Case("rekey child by us", RekeyChildByUs())
    yield Case("rekey child with pfs by us", RekeyChildByUs(), ike=(CBC,),
               esp=(Esp("aes-256", "sha-256", pfs="group-14"),))
    yield Case("rekey ike by us", RekeyIkeByUs())
    yield Case("rekey ike cbc by us", RekeyIkeByUs(), ike=(CBC,))
    yield Case("delete child by us", DeleteChildByUs())
    yield Case("delete ike by us", DeleteIkeByUs())
    yield Case("liveness by us at once", LivenessByUs())
    yield Case("rekey child by us behind a nat", RekeyChildByUs(), client="behind")
    for ours in ACTIONS:
        for theirs in ACTIONS:
            yield Case(f"we {ours} and the client {theirs}", Cross(ours, theirs))
