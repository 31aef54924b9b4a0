"""swanctl.conf of one strongSwan with several tunnels to a gateway, each of an address of its own."""

from dataclasses import dataclass

SECRET = "a secret of all clients of this lab"

COMMON = """gateway {{
  version = 2
  remote_addrs = {gateway}
  proposals = aes256gcm16-prfsha256-ecp256
  local {{
    auth = psk
  }}
  remote {{
    auth = psk
    id = {gateway}
  }}
}}
inner {{
  remote_ts = {network}
  esp_proposals = aes256gcm16
}}
secrets {{
  ike-all {{
    secret = "{secret}"
  }}
}}
"""

CONNECTION = """connections {{
  {name} : gateway {{
    local_addrs = {outer}
    local {{
      id = {name}.example.net
    }}
    children {{
      {name} : inner {{
        local_ts = {inner}/32
      }}
    }}
  }}
}}
"""


@dataclass(frozen=True)
class Tunnel:
    name: str
    outer: str
    inner: str


def tunnels(count):
    return tuple(Tunnel(f"t{n}", f"10.10.10.{10 + n}", f"192.168.1.{10 + n}")
                 for n in range(1, count + 1))


def swanctl_conf(of, gateway, network):
    return COMMON.format(gateway=gateway, network=network, secret=SECRET) + "".join(
        CONNECTION.format(name=one.name, outer=one.outer, inner=one.inner) for one in of)
