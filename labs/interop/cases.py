"""The table: one row, one tunnel between strongSwan (or another) and us."""

from dataclasses import replace

from case import CBC, Case
from cases_auth import authentication, post_quantum
from cases_by_us import by_us
from cases_gateway import gateway
from cases_initiator import initiator
from cases_paths import paths
from events import (AgainByUs, ClientLiveness, DeleteChild, DeleteIke, LargePing, NatRebinding,
                    OurLiveness, Quiet, RekeyBoth, RekeyChild, RekeyIke, RekeyOften, SecondChild)
from words import Esp, Ike

CIPHERS = [f"aes-{bits}" for bits in (128, 192, 256)]
AEADS = [f"aes{bits}-gcm{icv}" for bits in (128, 192, 256) for icv in (8, 12, 16)] + [
    "chacha20-poly1305"]
GROUPS = ["group-2", "group-5", "group-14", "group-15", "group-16", "group-19", "group-20",
          "group-21", "group-31"]


def algorithms():
    """Each once for IKE and once for ESP; a rekey uses what was chosen once more."""
    for cipher in CIPHERS:
        yield Case(f"ike {cipher}", RekeyIke(), ike=(Ike(cipher, "sha-256"),))
    for aead in AEADS:
        yield Case(f"ike {aead}", RekeyIke(), ike=(Ike(aead),))
    for integrity in ("sha-1", "sha-384", "sha-512", "aes-xcbc"):
        yield Case(f"ike integrity {integrity}", RekeyIke(), ike=(Ike("aes-256", integrity),))
        yield Case(f"ike prf {integrity}", RekeyIke(), ike=(Ike(prf=integrity),))
    for group in GROUPS:
        yield Case(f"ike {group}", RekeyIke(), ike=(Ike(group=group),))
        yield Case(f"pfs {group}", RekeyChild(), esp=(Esp(pfs=group),))


def esp_algorithms():
    for cipher in CIPHERS + ["null"]:
        yield Case(f"esp {cipher}", RekeyChild(), esp=(Esp(cipher, "sha-256"),))
    for aead in AEADS:
        yield Case(f"esp {aead}", RekeyChild(), esp=(Esp(aead),))
    for integrity in ("sha-1", "sha-384", "sha-512", "aes-xcbc"):
        yield Case(f"esp integrity {integrity}", RekeyChild(), esp=(Esp("aes-256", integrity),))


KERNEL_ESP = [("aes256-gcm16", "auth-encryption"), ("aes192-gcm12", "auth-encryption"),
              ("aes128-gcm8", "auth-encryption"), ("chacha20-poly1305", "auth-encryption"),
              ("aes-256", "sha-256"), ("aes-128", "sha-1"), ("aes-192", "sha-384"),
              ("aes-256", "sha-512"), ("aes-128", "aes-xcbc"), ("null", "sha-256")]


def exchanges():
    yield Case("quiet")
    yield Case("rekey child by client", RekeyChild())
    yield Case("rekey ike by client", RekeyIke())
    yield Case("rekey child and ike by client", RekeyBoth())
    yield Case("rekey child five times", RekeyOften())
    yield Case("delete child and recreate", DeleteChild())
    yield Case("delete ike and authenticate again", DeleteIke())
    yield Case("two child sas", SecondChild(), second_child=True)
    yield Case("liveness by client", ClientLiveness(), connection={"dpd_delay": "1s"})
    yield Case("liveness by us", OurLiveness(), policy={"dpd": {"interval": 10}})


def negotiation():
    yield Case("narrowing to what we allow", child={"local_ts": "0.0.0.0/0", "remote_ts": "10.2.2.0/24"},
               narrowed=True)
    both = (Ike("aes-256", "sha-256", group="group-19"), Ike())
    yield Case("our preference among two proposals", ike=both,
               connection={"proposals": f"{both[1].proposal()},{both[0].proposal()}"})
    yield Case("the client's group is not ours",
               ike=(Ike(group="group-19"),), logged=(r"N\(INVAL_KE\)",),
               connection={"proposals": "aes256gcm16-prfsha256-x25519-ecp256"})
    yield Case("no proposal in common", ike=(Ike(),), connection={"proposals": CBC.proposal()},
               refused=r"N\(NO_PROP\)")
    yield Case("no child proposal in common", esp=(Esp(),), child={"esp_proposals": "aes128-sha256"},
               refused=r"N\(NO_PROP\)")
    yield Case("selectors with nothing in common", child={"remote_ts": "203.0.113.0/24"},
               refused=r"N\(TS_UNACCEPT\)")
    yield Case("a wrong secret", dynamic={"pre-shared-key": '"another secret"'},
               refused=r"N\(AUTH_FAILED\)")


def packets():
    yield Case("behind a nat", client="behind")
    yield Case("behind a nat rekey ike", RekeyIke(), client="behind")
    yield Case("nat rebinding", NatRebinding(), client="behind")
    yield Case("large inner packets", LargePing())


def guests():
    """strongSwan with the ESP of a kernel."""
    for cipher, integrity in KERNEL_ESP:
        name = cipher if integrity == "auth-encryption" else f"{cipher} {integrity}"
        yield Case(f"kernel esp {name}", RekeyChild(), client="guest", esp=(Esp(cipher, integrity),))
    yield Case("kernel esp esn gcm", RekeyChild(), client="guest", esp=(Esp(esn=True),))
    yield Case("kernel esp esn cbc", RekeyChild(), client="guest",
               esp=(Esp("aes-128", "sha-256", esn=True),))
    yield Case("kernel forced encapsulation", RekeyIke(), client="guest",
               connection={"encap": "yes"})
    yield Case("kernel replay window 32", client="guest", child={"replay_window": "32"})
    yield Case("esn", esp=(Esp(esn=True),), refused="ESN not supported",
               lacks="extended sequence numbers: kernel-libipsec of 5.9.8 has none")


def others():
    """Other people's daemons, in guests."""
    yield Case("gcm rekey child", RekeyChild(), client="libreswan")
    yield Case("gcm rekey ike", RekeyIke(), client="libreswan")
    yield Case("cbc group-14", RekeyChild(), client="libreswan", ike=(CBC,),
               esp=(Esp("aes-256", "sha-256"),))
    yield Case("esn group-31", client="libreswan", ike=(Ike(group="group-31"),), esp=(Esp(esn=True),))
    yield Case("gcm ike", client="openiked", esp=(Esp("aes-256", "sha-512"),))
    yield Case("cbc ike group-14", client="openiked", ike=(CBC,), esp=(Esp("aes-128", "sha-384"),))
    yield Case("esp sha-256", client="openiked", esp=(Esp("aes-256", "sha-256"),),
               refused="unsupported integrity algorithm HMAC_SHA2_256",
               lacks="ESP with HMAC-SHA2-256 or GCM: OpenIKED has neither with Linux")


def all_cases():
    suites = [replace(case, quick=False) for case in (*algorithms(), *esp_algorithms())]
    rows = [*exchanges(), *suites, *negotiation(), *authentication(), *post_quantum(), *packets(),
            *guests(), *initiator(), *others(), *by_us(), *paths(), *gateway()]
    return [replace(case, number=number) for number, case in enumerate(rows, start=1)]
