"""Rows about who proves what: certificates, and post-quantum pre-shared keys (RFC 8784)."""

from case import Case
from events import Quiet, RekeyIke


def certificate(name, gateway, holder, event=Quiet(), **more):
    """Both sides by certificate: cert-profile and authority of the gateway, holder of the client's.
    Identities are the hosts in the certificates."""
    authority = gateway.removesuffix("-pss")
    trusted = {"cert-profile": f'"{gateway}"', "trust-anchor-profile": f'"{authority}"'}
    local = {"auth": "pubkey", "certs": f"{holder}.crt", "id": f"{holder}.example"}
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


def ppk(name, ours, theirs, event=Quiet(), ours_required="", theirs_required="no", named=None, **more):
    """Post-quantum pre-shared keys: ID and key of each side; the one that we name if we begin."""
    def secret(case_id):
        return f"ppk-{case_id} {{\n    id-1 = {theirs[0]}\n    secret = \"{theirs[1]}\"\n}}\n"
    label = name.replace(" ", "-")[:32]
    connection = {"ppk_id": theirs[0], "ppk_required": theirs_required} if theirs else {}
    return Case(f"ppk {name}", event, connection=connection, secrets=secret(label) if theirs else "",
                ipsec=f'ppk-list "{label}" {{\n    ppk "{ours[0]}" {{ secret "{ours[1]}" }}\n}}\n',
                policy={"ike-version-2": ours_required},
                dynamic={"ppk": {"list": f'"{label}"'} | ({"id": f'"{named}"'} if named else {})}, **more)


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
