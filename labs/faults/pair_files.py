"""The pair lab for faults: that of labs/pair with a switch in each inter-chassis link, and either its
configured tunnel or several at an ipsec-gateway."""

import shutil

from clients import SECRET, swanctl_conf, tunnels
from limits import Limits
from segwlab import ROOT

PAIR = ROOT / "labs/pair"
GATEWAY, NETWORK, CORE = "10.10.20.2", "10.2.2.0/24", "10.2.2.10"

TOPOLOGY = """name: faults
nodes:
  client:
    kind: strongswan
    loopback: [{addresses}]
    routes: [10.10.20.0/24 via 172.16.1.254]
    {client}
  switch: {{kind: bridge}}
  icsw: {{kind: bridge}}
  picsw: {{kind: bridge}}
  a: {{kind: chassis, config: a.cfg, ports: a.ports}}
  b: {{kind: chassis, config: b.cfg, ports: b.ports}}
  coresw: {{kind: bridge}}
  core:
    kind: host
    routes: [192.168.1.0/24 via 10.2.2.254]
links:
  - {{name: client, ends: ["switch:client", "client:eth0"], addresses: {{client: 172.16.1.100/24}}}}
  - {{name: pub_a, ends: ["switch:a", "a:pub"]}}
  - {{name: pub_b, ends: ["switch:b", "b:pub"]}}
  - {{name: icl_a, ends: ["icsw:a", "a:icl"]}}
  - {{name: icl_b, ends: ["icsw:b", "b:icl"]}}
  - {{name: picl_a, ends: ["picsw:a", "a:picl"]}}
  - {{name: picl_b, ends: ["picsw:b", "b:picl"]}}
  - {{name: core_a, ends: ["coresw:a", "a:core"]}}
  - {{name: core_b, ends: ["coresw:b", "b:core"]}}
  - {{name: core, ends: ["coresw:core", "core:eth0"], addresses: {{core: {core}/24}}}}
"""

ONE_CLIENT = """connection:
      local: 10.10.10.1
      remote: 10.10.20.1
      local-ts: 192.168.1.1/32
      remote-ts: 10.2.2.0/24
      psk: a shared secret of the lab
      suites:
        gcm: {ike: aes256gcm16-prfsha256-ecp256, esp: aes256gcm16}"""

OPEN_GATEWAY = """
configure ipsec {{
    tunnel-template 1 {{
        ipsec-transform [1 2]
        sp-reverse-route use-security-policy
    }}
    ts-list "inner" {{
        local {{ entry 1 {{ address {{ prefix {network} }} }} }}
        remote {{ entry 1 {{ address {{ prefix 192.168.0.0/16 }} }} }}
    }}
}}
configure service ies "IES-1" interface "int-IPsec-Public-1" sap tunnel-1.public:1 {{
    ipsec-gateway "gw-1" {{
        admin-state enable
        default-tunnel-template 1
        ike-policy 1
        pre-shared-key "{secret}"
        ts-list "inner"
        default-secure-service {{
            service-name "VPRN-2"
            interface "int-IPsec-Private-1"
        }}
        local {{ gateway-address {gateway} }}
    }}
}}
"""

BFD = """
configure redundancy multi-chassis peer {peer} mc-ipsec bfd-liveness true
configure router "Base" interface "system" ipv4 bfd {{
    admin-state enable
    transmit-interval 50
    receive 50
    multiplier 3
}}
"""
PEERS = {"a": "192.0.2.2", "b": "192.0.2.1"}


def write(folder, count, bfd=False):
    """(topology file, limits) of a pair with one configured or `count` dynamic tunnels."""
    dynamic = tunnels(count) if count > 1 else []
    gateway = OPEN_GATEWAY.format(network=NETWORK, secret=SECRET, gateway=GATEWAY)
    for node in ("a", "b"):
        shutil.copy(PAIR / f"{node}.ports", folder)
        text = (PAIR / f"{node}.cfg").read_text() + (gateway if dynamic else "")
        if bfd:
            text += BFD.format(peer=PEERS[node])
        (folder / f"{node}.cfg").write_text(text)
    addresses = ["10.10.10.1/32", "192.168.1.1/32"]
    if dynamic:
        addresses = [f"{address}/32" for one in dynamic for address in (one.outer, one.inner)]
        (folder / "client.conf").write_text(swanctl_conf(dynamic, GATEWAY, NETWORK))
    (folder / "faults.yaml").write_text(TOPOLOGY.format(
        addresses=", ".join(addresses), core=CORE,
        client="swanctl: client.conf" if dynamic else ONE_CLIENT))
    return folder / "faults.yaml", Limits.of(folder / "a.cfg")


def inner_addresses(count):
    return [one.inner for one in tunnels(count)] if count > 1 else ["192.168.1.1"]


def children(count):
    return [one.name for one in tunnels(count)] if count > 1 else ["gcm"]
