"""Rows of clients of the ipsec-gateway: who they are is known to its client-db, not their address."""

from case import Case
from events import DeleteChild, DeleteIke, Quiet, RekeyBoth, RekeyChild, RekeyIke
from events_paths import Move
from lab_gateway import SECRET


def client(name, identity, identification, event=Quiet(), **more):
    """An identity in swanctl's words, and the entry of the client-db that fits it."""
    words = {"group": "gateway", "psk": f"of the client {name}", "local_auth": {"id": identity}}
    return Case(f"gateway {name}", event, identification=identification, **words | more)


def string(kind, value):
    return f'string-type {kind}\nstring-value "{value}"\n'


def gateway():
    yield client("fqdn", "fqdn:enb1.example.net", string("fqdn", "ENB1.example.net"), RekeyBoth())
    yield client("fqdn suffix", "fqdn:enb2.radio.example.net", string("fqdn-suffix", "radio.example.net"))
    yield client("email", "rfc822:bob@example.net", string("rfc822", "bob@example.net"), RekeyChild())
    yield client("email suffix", "rfc822:carol@example.org", string("rfc822-suffix", "example.org"))
    yield client("key-id", "keyid:cell-4711", string("key-id", "cell-4711"), RekeyIke())
    yield client("ipv4", "198.51.100.7", "ipv4-prefix 198.51.100.0/29")
    yield client("ipv6", "2001:db8:99::7", "ipv6-prefix 2001:db8:99::/64")
    yield client("behind a nat", "fqdn:home.example.net", string("fqdn", "home.example.net"),
                 RekeyBoth(), client="behind")
    yield client("child again", "fqdn:child.example.net", string("fqdn", "child.example.net"), DeleteChild())
    yield client("authenticates again", "fqdn:again.example.net", string("fqdn", "again.example.net"),
                 DeleteIke())
    yield client("mobike moves", "fqdn:moves.example.net", string("fqdn", "moves.example.net"), Move(),
                 client="mobile", connection={"mobike": "yes"})
    yield client("narrows", "fqdn:narrows.example.net", string("fqdn", "narrows.example.net"),
                 child={"remote_ts": "0.0.0.0/0"}, logged=())
    yield Case("gateway stranger to the client-db", RekeyBoth(), fallback=True, group="gateway",
               psk=SECRET)
    yield client("wrong secret is refused", "fqdn:wrong.example.net", string("fqdn", "wrong.example.net"),
                 dynamic={"pre-shared-key": '"another secret"'}, refused=r"N\(AUTH_FAILED\)")
    for name, more in (("gcm", {}), ("rekeys", {"event": RekeyBoth()})):
        yield Case(f"cookie wanted by us {name}", fallback=True, under_attack=True, group="attack",
                   psk=SECRET, logged=(r"parsed IKE_SA_INIT response 0 \[ N\(COOKIE\)",), **more)
