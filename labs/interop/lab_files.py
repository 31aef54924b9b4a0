"""The files of the lab for a set of cases: topology, both chassis' configuration, and the clients'.

                client  mobile  guest  behind
                   |       |      |      |
                   |       |      |     nat
                   |       |      |      |
                   switch ------------------     172.16.1.0/24, virtual next hop 172.16.1.254
                   |a            |b              gateway address 10.10.20.1
                   coresw ------------------     10.2.2.0/24, virtual next hop 10.2.2.254
                   |
                  core                           one address for each case

Case n has outer address 10.10.x.n, inner address 192.168.1.n, and core host 10.2.2.n, so all tunnels
of a lab can be up at once, even those of one client. With IPv6 its addresses are 2001:db8:10::n,
2001:db8:1::n and 2001:db8:2::n."""

from textwrap import indent

import lab_gateway
import lab_six
import pki
from segwlab import ROOT

GATEWAY, GATEWAY_6 = "10.10.20.1", "2001:db8:20::1"
OPEN_GATEWAY = "10.10.20.2"  # takes clients at any address
PEERS = ROOT / "build/peers"  # where `./dev lab interop` unpacks packages
INNER = ("192.168.1.0/24", "192.168.2.0/24", "10.2.2.0/24", "2001:db8:1::/64", "2001:db8:2::/64")

# Where each client's outer addresses are, and what they look like from the gateway.
OUTER = {"client": "10.10.10.{}", "guest": "10.10.11.{}", "behind": "10.10.12.{}",
         "mobile": "172.16.1.{}", "libreswan": "10.10.13.{}", "openiked": "10.10.14.{}",
         "stranger": "10.10.15.{}", "tiny": "10.10.16.{}", "wary": "10.10.17.{}"}
OUTER_6 = {"client": "2001:db8:10::{:x}", "guest": "2001:db8:11::{:x}"}
LOCAL = OUTER | {"behind": "192.168.77.{}"}
LINK = {"client": "172.16.1.100", "guest": "172.16.1.103", "nat": "172.16.1.104",
        "mobile": "172.16.1.105", "libreswan": "172.16.1.106", "openiked": "172.16.1.107",
        "stranger": "172.16.1.108", "tiny": "172.16.1.109", "wary": "172.16.1.110"}
LINK_6 = {"client": "2001:db8:16::100", "guest": "2001:db8:16::103"}
MOVED = LINK["mobile"]  # where a client is that has lost its address


def block(head, *lines):
    body = "".join(line if line.endswith("\n") else line + "\n" for line in lines if line)
    return f"{head} {{\n{indent(body, '    ')}}}\n"


# --- one case ---

def ike_policy(case, number):
    transforms = [4 * number + place for place in range(len(case.ike))]
    text = "".join(ike.config(place) for ike, place in zip(case.ike, transforms))
    settings = dict(case.policy)
    version = settings.pop("ike-version-2", "")
    nat = settings.pop("nat-traversal", "")
    lines = [settings_text(settings), f"ike-transform [{' '.join(map(str, transforms))}]",
             block("ike-version-2", version), block("nat-traversal", nat)]
    return text + block(f"ike-policy {number}", *lines)


def settings_text(settings):
    """{name: value}; a value that is a map is a block."""
    text = ""
    for name, value in settings.items():
        text += block(name, settings_text(value)) if isinstance(value, dict) else f"{name} {value}\n"
    return text


def ipsec_part(case, number):
    places = [4 * number + place for place in range(len(case.esp))]
    return ike_policy(case, number) + "".join(
        esp.config(place) for esp, place in zip(case.esp, places)) + case.ipsec


def tunnel(case, number):
    dynamic = {"ike-policy": number,
               "ipsec-transform": f"[{' '.join(str(4 * number + i) for i in range(len(case.esp)))}]"}
    if case.psk:
        dynamic["pre-shared-key"] = f'"{case.psk}"'
    dynamic |= case.dynamic
    endpoint = {"local-gateway-address": case.gateway, "remote-ip-address": case.outer,
                "delivery-service": '"IES-1"'}
    return block(f'ipsec-tunnel "{case.id}"', "admin-state enable",
                 settings_text({"key-exchange": {"dynamic": dynamic}, "tunnel-endpoint": endpoint,
                                "security-policy": {"id": number}} | case.tunnel))


def security_policy(case, number):
    bits = case.host_bits
    entries = case.policy_entries or [(f"{case.core}/{bits}", f"{inner}/{bits}")
                                      for inner in case.inners]
    suffix = "-v6" if case.inner_6 else ""
    return block(f"security-policy {number}", *(
        block(f"entry {place + 1}", block(f"local-ip{suffix}", f"address {local}"),
              block(f"remote-ip{suffix}", f"address {remote}"))
        for place, (local, remote) in enumerate(entries)))


def routes(case):
    return "".join(block(f"route {inner}/{case.host_bits} route-type unicast",
                         block(f'ipsec-tunnel "{case.id}"', "admin-state enable"))
                   for inner in case.inners)


# --- the chassis ---

SIDES = {
    "a": {"name": "SeGW-A", "system": "192.0.2.1", "peer": "192.0.2.2", "icl": "192.168.34.1",
          "far_icl": "192.168.34.2", "picl": "192.168.20.1", "far_picl": "192.168.20.2",
          "last": 252, "priority": 200},
    "b": {"name": "SeGW-B", "system": "192.0.2.2", "peer": "192.0.2.1", "icl": "192.168.34.2",
          "far_icl": "192.168.34.1", "picl": "192.168.20.2", "far_picl": "192.168.20.1",
          "last": 253, "priority": 150},
}

CHASSIS = """
configure system {{
    name "{name}"
{security}}}
configure redundancy multi-chassis {{
    peer {peer} {{
        admin-state enable
        source-address {system}
        sync {{
            admin-state enable
            ipsec true
            tunnel-group 1 sync-tag "tag-1"
        }}
        mc-ipsec {{
            hold-on-neighbor-failure 2
            keep-alive-interval 5
            discovery-interval {{
                interval-secs 5
                boot 5
            }}
            tunnel-group 1 {{
                admin-state enable
                peer-group 1
                priority {priority}
            }}
        }}
    }}
}}
configure isa tunnel-group 1 {{
    admin-state enable
    isa-scale-mode tunnel-limit-2k
    ipsec-responder-only {responder_only}
    multi-active isa 1/2
}}
configure router "Base" {{
    interface "int-icl" {{
        port 1/1/3
        ipv4 primary address {icl}
        ipv4 primary prefix-length 30
    }}
    interface "system" {{
        ipv4 primary address {system}
        ipv4 primary prefix-length 32
    }}
    static-routes {{
        route {peer}/32 route-type unicast next-hop "{far_icl}" admin-state enable
{client_routes}    }}
}}
configure service ies "IES-1" {{
    admin-state enable
    service-id 1
    customer "1"
    interface "int-IPsec-Public-1" {{
        static-tunnel-redundant-nexthop {far_icl}
        sap tunnel-1.public:1
        ipv4 primary address 10.10.20.254
        ipv4 primary prefix-length 24
    }}
    interface "int-public" {{
        sap 1/1/2
        ipv4 primary address 172.16.1.{last}
        ipv4 primary prefix-length 24
        ipv4 vrrp 10 backup [172.16.1.254]
    }}
}}
configure service vprn "VPRN-2" {{
    admin-state enable
    service-id 2
    customer "1"
    ipsec {{
{security_policies}    }}
    interface "int-IPsec-Private-1" {{
        tunnel true
        static-tunnel-redundant-nexthop {far_picl}
        sap tunnel-1.private:1 {{
{tunnels}        }}
    }}
    interface "int-Redundant-1" {{
        sap 1/1/4
        ipv4 primary address {picl}
        ipv4 primary prefix-length 30
    }}
    interface "int-core" {{
        sap 1/1/1
        ipv4 primary address 10.2.2.{last}
        ipv4 primary prefix-length 24
        ipv4 vrrp 20 backup [10.2.2.254]
    }}
    static-routes {{
{tunnel_routes}    }}
}}
configure ipsec {{
{ipsec}}}
"""

PORTS = "1/1/1 = core\n1/1/2 = pub\n1/1/3 = icl\n1/1/4 = picl\n"


def client_routes(cases):
    """Networks of the clients' outer addresses, and the link addresses behind which they are."""
    nets = {}
    for case in cases:
        if case.client != "mobile" and not case.outer_6:
            net = OUTER[case.client].format(0)
            nets[f"{net}/24"] = LINK["nat" if case.client == "behind" else case.client]
    if with_stranger(cases):
        nets[OUTER["stranger"].format(0) + "/24"] = LINK["stranger"]
    return next_hops(nets)


def client_routes_6(cases):
    return next_hops({OUTER_6[case.client].format(0) + "/64": LINK_6[case.client]
                      for case in cases if case.outer_6})


def next_hops(nets):
    return "".join(f'route {net} route-type unicast next-hop "{via}" admin-state enable\n'
                   for net, via in nets.items())


def with_stranger(cases):
    """Somebody who forges IKE_SA_INIT requests."""
    return any(case.under_attack or case.client == "wary" for case in cases)


def with_six(cases):
    return any(case.families != "4in4" for case in cases)


def by_certificate(cases):
    return any(case.certificates for case in cases)


def chassis(side, cases):
    """The configuration of chassis a or b."""
    numbered = [(case, case.number) for case in cases if not case.is_dynamic]
    authorities, profiles = pki.profiles() if by_certificate(cases) else ("", "")
    parts = SIDES[side] | {
        "responder_only": str(all(case.responder_only for case in cases)).lower(),
        "client_routes": indent(client_routes(cases), " " * 8),
        "security_policies": indent("".join(security_policy(*one) for one in numbered), " " * 8),
        "tunnels": indent("".join(tunnel(*one) for one in numbered), " " * 12),
        "tunnel_routes": indent("".join(routes(case) for case, _ in numbered), " " * 8),
        "security": indent(f"security pki {{\n{indent(authorities, ' ' * 4)}}}\n", " " * 4),
        "ipsec": indent(profiles + "".join(ipsec_part(*one) for one in numbered), " " * 4)}
    text = CHASSIS.format(**parts).lstrip() + lab_gateway.chassis(cases, OPEN_GATEWAY)
    if with_six(cases):
        text += lab_six.chassis(side, indent(client_routes_6(cases), " " * 8))
    return text


# --- strongSwan ---

def swanctl(cases):
    """swanctl.conf of one client with a connection for each of its cases."""
    connections = secrets = ""
    for case in cases:
        connections += connection(case)
        if case.psk:
            secrets += block(f"ike-{case.id}", f"id-1 = {case.client_id}",
                             f"id-2 = {case.gateway_id}", f'secret = "{case.psk}"')
        secrets += case.secrets
    return block("connections", connections) + block("secrets", secrets)


def connection(case):
    child = {"local_ts": f"{case.inner}/{case.host_bits}",
             "remote_ts": f"{case.core}/{case.host_bits}",
             "esp_proposals": case.esp[0].proposal(), "start_action": "none",
             "rekey_time": "0"} | case.child
    children = block(case.id, *(f"{key} = {value}" for key, value in child.items()))
    if case.second_child:
        second = child | {"local_ts": f"{case.inners[1]}/32"}
        children += block(f"{case.id}-2", *(f"{key} = {value}" for key, value in second.items()))
    settings = {"version": "2", "local_addrs": case.local, "remote_addrs": case.gateway,
                "proposals": case.ike[0].proposal(), "mobike": "no", "rekey_time": "0",
                "keyingtries": "1"} | case.connection
    local = {"auth": "psk", "id": case.client_id} | case.local_auth
    remote = {"auth": "psk", "id": case.gateway_id} | case.remote_auth
    return block(case.id, *(f"{key} = {value}" for key, value in settings.items()),
                 block("local", *(f"{key} = {value}" for key, value in local.items())),
                 block("remote", *(f"{key} = {value}" for key, value in remote.items())),
                 block("children", children))


# --- libreswan, OpenIKED ---

def ipsec_conf(cases):
    text = "config setup\n    protostack=xfrm\n"
    for case in cases:
        esn = "yes" if case.esp[0].esn else "no"
        text += (f"conn {case.id}\n    left={case.outer}\n    leftid={case.client_id}\n"
                 f"    right={case.gateway}\n    rightid={case.gateway_id}\n"
                 f"    leftsubnet={case.inner}/32\n    rightsubnet={case.core}/32\n"
                 f"    authby=secret\n    ikev2=insist\n    ike={case.ike[0].libreswan()}\n"
                 f"    esp={case.esp[0].libreswan()}\n    esn={esn}\n    leftupdown=%disabled\n"
                 f"    auto=add\n")
    return text


def ipsec_secrets(cases):
    return "".join(f'{case.client_id} {case.gateway_id} : PSK "{case.psk}"\n' for case in cases)


def iked_conf(cases):
    return "".join(
        f'ikev2 "{case.id}" active esp from {case.inner} to {case.core} local {case.outer} '
        f'peer {case.gateway} ikesa {case.ike[0].openiked()} childsa {case.esp[0].openiked()} '
        f'srcid {case.client_id} dstid {case.gateway_id} psk "{case.psk}"\n' for case in cases)


def write_client(home, client, cases):
    """Returns the YAML words that name what was written."""
    if client == "libreswan":
        (home / "ipsec.conf").write_text(ipsec_conf(cases))
        (home / "ipsec.secrets").write_text(ipsec_secrets(cases))
        return f"kind: libreswan, config: {client}/ipsec.conf, tree: {PEERS / client}"
    if client == "openiked":
        (home / "iked.conf").write_text(iked_conf(cases))
        return f"kind: openiked, config: {client}/iked.conf, tree: {PEERS / client}"
    if client == "stranger":  # nobody is there
        return "kind: host"
    (home / "swanctl.conf").write_text(swanctl(cases))
    inside = ", inside: uml" if client == "guest" else ""
    settings = ", ".join(f"{key}: '{value}'" for key, value in (CHARON | SETTINGS.get(client, {})).items())
    return f"kind: strongswan{inside}, swanctl: {client}/swanctl.conf, settings: {{{settings}}}"


def client_node_routes(client, cases):
    if client == "behind":
        return ["10.10.20.0/24 via 192.168.77.1"]
    via = "via 172.16.1.254"
    if client == "openiked":
        ours = [f"{case.gateway}/32 {via} src {case.outer}" for case in cases]
    else:
        ours = [f"10.10.20.0/24 {via}"]
    if with_six(cases):
        ours.append("2001:db8:20::/64 via 2001:db8:16::254")
    # Where no daemon makes a route, what IPsec policies apply to needs one.
    return ours + ([f"10.2.2.0/24 {via}"] if client in ("libreswan", "openiked") else [])


# --- the topology ---

# Quick repetitions: a case waits for one of them where an answer was lost.
CHARON = {"retransmit_timeout": "1.0", "retransmit_base": "1.4", "retransmit_tries": "7",
          "keep_alive": "5", "fragment_size": "1280"}
SETTINGS = {"tiny": {"fragment_size": "576"},
            "wary": {"cookie_threshold": "1"}}


def node_lines(client, cases, daemon):
    """The YAML of one client, and of its link."""
    outer = [case.local for case in cases if client not in ("mobile", "behind", "stranger")]
    inner = [address for case in cases for address in case.inners]
    lo = ", ".join(f'"{address}/{128 if ":" in address else 32}"' for address in outer + inner)
    routes = ", ".join(f'"{route}"' for route in client_node_routes(client, cases))
    node = f"  {client}: {{{daemon}, loopback: [{lo}], routes: [{routes}]}}\n"
    if client == "behind":
        addresses = ", ".join(f"{case.local}/24" for case in cases)
        pairs = ", ".join(f"{case.local} {case.outer}" for case in cases)
        outside = ", ".join(f"{case.outer}/32" for case in cases)
        node += (f"  nat: {{kind: nat, outside: eth0, loopback: [{outside}], "
                 f"routes: [10.10.20.0/24 via 172.16.1.254], translate: [{pairs}]}}\n")
        link = (f'  - {{name: behind, ends: ["behind:eth0", "nat:eth1"], '
                f'addresses: {{behind: [{addresses}], nat: 192.168.77.1/24}}}}\n'
                f'  - {{name: nat, ends: ["switch:nat", "nat:eth0"], '
                f'addresses: {{nat: {LINK["nat"]}/24}}}}\n')
    else:
        addresses = [LINK[client]] + [case.local for case in cases if client == "mobile"]
        addresses = [f"{address}/24" for address in addresses]
        if with_six(cases):
            addresses.append(f"{LINK_6[client]}/64")
        addresses = ", ".join(f'"{address}"' for address in addresses)
        link = (f'  - {{name: {client}, ends: ["switch:{client}", "{client}:eth0"], '
                f'addresses: {{{client}: [{addresses}]}}}}\n')
    return node, link


TOPOLOGY = """\
name: interop
ipv6: {ipv6}
nodes:
  switch: {{kind: bridge}}
{clients}  a: {{kind: chassis, config: a.cfg, ports: ports, arguments: [--pki, {pki}], allow-key-export: true}}
  b: {{kind: chassis, config: b.cfg, ports: ports, arguments: [--pki, {pki}], allow-key-export: true}}
  coresw: {{kind: bridge}}
  core:
    kind: host
    routes: [192.168.1.0/24 via 10.2.2.254, 192.168.2.0/24 via 10.2.2.254{core_routes}]
links:
{links}  - {{name: pub_a, ends: ["switch:a", "a:pub"]}}
  - {{name: pub_b, ends: ["switch:b", "b:pub"]}}
  - {{name: icl, ends: ["a:icl", "b:icl"]}}
  - {{name: picl, ends: ["a:picl", "b:picl"]}}
  - {{name: core_a, ends: ["coresw:a", "a:core"]}}
  - {{name: core_b, ends: ["coresw:b", "b:core"]}}
  - {{name: core, ends: ["coresw:core", "core:eth0"], addresses: {{core: [{core}]}}}}
"""


def by_client(cases):
    found = {}
    for case in cases:
        found.setdefault(case.client, []).append(case)
    return found


def write_lab(folder, cases):
    """Everything that `segw-lab up FOLDER/lab.yaml` needs."""
    clients = links = ""
    certificates = folder / "pki"
    if by_certificate(cases):
        pki.make_files(certificates)
    present = by_client(cases) | ({"stranger": []} if with_stranger(cases) else {})
    for client, theirs in present.items():
        home = folder / client
        home.mkdir(exist_ok=True)
        if by_certificate(theirs):
            pki.give_client(certificates, home)
        node, link = node_lines(client, theirs, write_client(home, client, theirs))
        clients += node
        links += link
    core = ", ".join(f'"{case.core}/{64 if case.inner_6 else 24}"' for case in cases)
    core_routes = ""
    if with_six(cases):
        core += ', "10.2.2.251/24", "2001:db8:2::fe/64"'  # also where no case has one
        core_routes = ', "2001:db8:1::/64 via 2001:db8:2::254"'
    (folder / "lab.yaml").write_text(TOPOLOGY.format(
        ipv6=str(with_six(cases)).lower(), clients=clients, links=links, core=core,
        core_routes=core_routes, pki=certificates))
    (folder / "ports").write_text(PORTS)
    for side in SIDES:
        (folder / f"{side}.cfg").write_text(chassis(side, cases))
