"""The table: one row, one tunnel between strongSwan (or another) and us."""

from dataclasses import dataclass, field, replace

from events import (AgainByUs, ClientLiveness, DeleteChild, DeleteIke, Event, LargePing, NatRebinding,
                    OurLiveness, Quiet, RekeyBoth, RekeyChild, RekeyIke, RekeyOften, SecondChild)
from lab_files import GATEWAY, LOCAL, OUTER
from words import Esp, Ike


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
    group: str = "static"     # cases of a group share a lab
    alone: bool = False       # disturbs others
    quick: bool = True        # belongs to what every test run does
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
        """Not for every test run."""
        return not self.quick or self.client in ("guest", "libreswan", "openiked") or self.alone

    @property
    def raw_esp(self):
        """ESP without UDP is what the peer must send."""
        return (self.client in ("guest", "libreswan", "openiked")
                and self.connection.get("encap") != "yes")

    @property
    def outers(self):
        return [self.outer]

    @property
    def local(self):
        return LOCAL[self.client].format(self.number)

    @property
    def outer(self):
        return OUTER[self.client].format(self.number)

    @property
    def inner(self):
        return f"192.168.1.{self.number}"

    @property
    def inners(self):
        """A second one where there is a second CHILD SA."""
        return [self.inner] + ([f"192.168.2.{self.number}"] if self.second_child else [])

    @property
    def core(self):
        return f"10.2.2.{self.number}"

    @property
    def client_id(self):
        return self.local_auth.get("id", self.outer)

    @property
    def gateway(self):
        """iked has one source address for each address of ours, so each of its cases has its own."""
        return f"10.10.20.{self.number}" if self.client == "openiked" else GATEWAY

    @property
    def gateway_id(self):
        return self.remote_auth.get("id", self.gateway)


CBC = Ike("aes-256", "sha-256", "sha-256", "group-14")


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
    yield begun_by_us("the peer deletes and recreates", DeleteChild())
    yield begun_by_us("kernel raw esp esn", RekeyChild(), client="guest", esp=(Esp(esn=True),))
    yield begun_by_us("liveness by us", OurLiveness(), policy={"dpd": {"interval": 10}})
    yield begun_by_us("liveness by the peer", ClientLiveness(), connection={"dpd_delay": "1s"})
def certificate(name, gateway, client, event=Quiet(), **more):
    """Both sides by certificate: cert-profile and authority of the gateway, certificate of the client.
    Identities are the hosts in the certificates."""
    authority = gateway.removesuffix("-pss")
    trusted = {"cert-profile": f'"{gateway}"', "trust-anchor-profile": f'"{authority}"'}
    local = {"auth": "pubkey", "certs": f"{client}.crt", "id": f"{client}.example"}
    remote = {"auth": "pubkey", "cacerts": f"{authority}-ca.crt", "id": f"{authority}-gw.example"}
    policy = {"ike-version-2": "auth-method cert\n", "match-peer-id-to-cert": "true"}
    dynamic = {"cert": trusted, "id": {"fqdn": f'"{authority}-gw.example"'}}
    said = {"local_auth": local, "remote_auth": remote, "policy": policy, "dynamic": dynamic}
    for part, words in said.items():
        said[part] = {key: value for key, value in (words | more.pop(part, {})).items() if value}
    return Case(f"certificate {name}", event, certificates=True, **{"psk": None} | said | more)


def authentication():
    for kind in ("rsa", "ecdsa256", "ecdsa384", "ecdsa521", "ed25519"):
        yield certificate(kind, kind, f"{kind}-client", RekeyIke())
    yield certificate("rsa pss", "rsa-pss", "rsa-client",
                      local_auth={"auth": "ike:rsa/pss-sha384"})
    yield certificate("chain", "chain", "chain-client")
    yield certificate("by subject", "ecdsa256", "ecdsa256-client", dynamic={"id": {}},
                      local_auth={"id": "C=DE, O=OpenSeGW lab, CN=ecdsa256-client"},
                      remote_auth={"id": "C=DE, O=OpenSeGW lab, CN=ecdsa256-gw"})
    yield certificate("of the gateway alone", "ecdsa256", "none", psk="of the client alone",
                      policy={"ike-version-2": "auth-method psk\nown-auth-method cert\n"},
                      local_auth={"auth": "psk", "certs": "", "id": "road.example"},
                      dynamic={"remote-id": {"fqdn": '"road.example"'}})
    yield certificate("of the client alone", "ecdsa384", "ecdsa384-client",
                      psk="of the gateway alone",
                      policy={"ike-version-2": "auth-method cert\nown-auth-method psk\n"},
                      remote_auth={"auth": "psk", "cacerts": ""})
    for what in ("revoked", "expired"):
        yield certificate(f"{what} is refused", "bad", f"bad-{what}", refused=r"N\(AUTH_FAILED\)")
    yield certificate("of a stranger is refused", "bad", "stranger-client",
                      refused=r"N\(AUTH_FAILED\)")
    yield certificate("of another name is refused", "ecdsa256", "ecdsa256-client",
                      local_auth={"id": "somebody.example"}, refused=r"N\(AUTH_FAILED\)")


def ppk(name, ours, theirs, event=Quiet(), ours_required="", theirs_required="no", **more):
    """Post-quantum pre-shared keys: ID and key of each side."""
    def secret(case_id):
        return f"ppk-{case_id} {{\n    id-1 = {theirs[0]}\n    secret = \"{theirs[1]}\"\n}}\n"
    label = name.replace(" ", "-")[:32]
    connection = {"ppk_id": theirs[0], "ppk_required": theirs_required} if theirs else {}
    return Case(f"ppk {name}", event, connection=connection, secrets=secret(label) if theirs else "",
                ipsec=f'ppk-list "{label}" {{\n    ppk "{ours[0]}" {{ secret "{ours[1]}" }}\n}}\n',
                policy={"ike-version-2": ours_required}, dynamic={"ppk": {"list": f'"{label}"'}}, **more)


def post_quantum():
    key, other = "a key of thirty-two bytes, or so", "another key of thirty-two bytes."
    need = "ppk-required true\n"
    yield ppk("used", ("first", key), ("first", key), RekeyIke(), need, "yes",
              logged=(r"N\(USE_PPK\)",))
    yield ppk("unknown to us and not needed", ("first", key), ("second", other))
    yield ppk("unknown to us and needed by the client", ("first", key), ("third", other),
              theirs_required="yes", refused=r"N\(AUTH_FAILED\)")
    yield ppk("needed by us alone", ("first", key), None, ours_required=need,
              refused=r"N\(NO_PROP\)")


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
            *guests(), *initiator(), *others()]
    return [replace(case, number=number) for number, case in enumerate(rows, start=1)]
