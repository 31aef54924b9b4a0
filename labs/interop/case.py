"""One row of the table: a tunnel between a peer and us."""

from dataclasses import dataclass, field

from events import Event, Quiet
from lab_files import GATEWAY, GATEWAY_6, LOCAL, MOVED, OPEN_GATEWAY, OUTER, OUTER_6
from words import Esp, Ike

CBC = Ike("aes-256", "sha-256", "sha-256", "group-14")


@dataclass(frozen=True)
class Case:
    """Names of settings are those of swanctl.conf (connection, child, local_auth, remote_auth,
    secrets) and of our configuration (policy, ipsec, tunnel, dynamic)."""
    name: str
    event: Event = Quiet()
    client: str = "client"
    ike: tuple = (Ike(),)
    esp: tuple = (Esp(),)
    psk: str | None = "a secret of this case"
    connection: dict = field(default_factory=dict)
    child: dict = field(default_factory=dict)
    second_child: bool = False
    local_auth: dict = field(default_factory=dict)
    remote_auth: dict = field(default_factory=dict)
    secrets: str = ""
    policy: dict = field(default_factory=dict)
    ipsec: str = ""
    dynamic: dict = field(default_factory=dict)
    tunnel: dict = field(default_factory=dict)
    policy_entries: tuple = ()
    responder_only: bool = True
    # Expectations beyond those of every case.
    chosen_ike: int = 0       # which of `ike` must be chosen
    chosen_esp: int = 0
    auths: int = 1
    narrowed: bool = False    # the client must see the selectors of our security policy
    logged: tuple = ()        # expressions that the client's log must have for this connection
    refused: str | None = None  # the tunnel must not come up, and the log has this
    lacks: str | None = None    # what the peer lacks, so that it refuses
    certificates: bool = False  # the lab needs those of pki.py
    gateway_initiates: bool = False
    identification: str = ""  # of a client of the ipsec-gateway, as in a client-db; else a tunnel
    fallback: bool = False    # a client of the ipsec-gateway that is in no client-db
    under_attack: bool = False  # the gateway has as many half-open IKE SAs as it takes for cookies
    families: str = "4in4"    # inner in outer
    group: str = "static"     # cases of a group share a lab
    alone: bool = False       # disturbs others
    quick: bool = True        # not left out by --quick
    number: int = 0

    @property
    def id(self):
        """In swanctl.conf and as name of our tunnel."""
        return f"c{self.number}"

    @property
    def peer(self):
        return {"guest": "strongswan+kernel", "libreswan": "libreswan",
                "openiked": "openiked"}.get(self.client, "strongswan")

    @property
    def slow(self):
        """Left out by --quick."""
        return not self.quick or self.client in ("guest", "libreswan", "openiked") or self.alone

    @property
    def raw_esp(self):
        """ESP without UDP is what the peer must send."""
        return (self.client in ("guest", "libreswan", "openiked")
                and self.connection.get("encap") != "yes")

    @property
    def outers(self):
        return [self.outer] + ([MOVED] if self.client == "mobile" else [])

    @property
    def is_dynamic(self):
        """A client of the ipsec-gateway, not a configured tunnel."""
        return bool(self.identification) or self.fallback

    @property
    def outer_6(self):
        return self.families.endswith("6")

    @property
    def inner_6(self):
        return self.families.startswith("6")

    @property
    def local(self):
        return self.outer if self.outer_6 else LOCAL[self.client].format(self.number)

    @property
    def outer(self):
        if self.outer_6:
            return OUTER_6[self.client].format(self.number)
        return OUTER[self.client].format(self.number)

    @property
    def inner(self):
        return f"2001:db8:1::{self.number:x}" if self.inner_6 else f"192.168.1.{self.number}"

    @property
    def inners(self):
        """A second one where there is a second CHILD SA."""
        return [self.inner] + ([f"192.168.2.{self.number}"] if self.second_child else [])

    @property
    def core(self):
        return f"2001:db8:2::{self.number:x}" if self.inner_6 else f"10.2.2.{self.number}"

    @property
    def host_bits(self):
        return 128 if self.inner_6 else 32

    @property
    def client_id(self):
        return self.local_auth.get("id", self.outer)

    @property
    def gateway(self):
        """iked has one source address for each address of ours, so each of its cases has its own."""
        if self.client == "openiked":
            return f"10.10.20.{self.number}"
        if self.is_dynamic:
            return OPEN_GATEWAY
        return GATEWAY_6 if self.outer_6 else GATEWAY

    @property
    def known_secret(self):
        """What our configuration has for it."""
        return self.dynamic.get("pre-shared-key", self.psk).strip('"')

    @property
    def gateway_id(self):
        return self.remote_auth.get("id", self.gateway)
