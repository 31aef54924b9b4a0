"""What IPv6 adds to a lab: addresses beside those of IPv4 everywhere, with the same last numbers."""

SIX = {"a": {"last": "252", "icl": "2001:db8:34::1", "far_icl": "2001:db8:34::2",
             "picl": "2001:db8:21::1", "far_picl": "2001:db8:21::2"},
       "b": {"last": "253", "icl": "2001:db8:34::2", "far_icl": "2001:db8:34::1",
             "picl": "2001:db8:21::2", "far_picl": "2001:db8:21::1"}}

CHASSIS = """
configure router "Base" {{
    interface "int-icl" ipv6 address {icl} prefix-length 64
    static-routes {{
{client_routes}    }}
}}
configure service ies "IES-1" {{
    interface "int-IPsec-Public-1" ipv6 {{
        address 2001:db8:20::fe prefix-length 64
        static-tunnel-redundant-nexthop {far_icl}
    }}
    interface "int-public" ipv6 {{
        address 2001:db8:16::{last} prefix-length 64
        vrrp 10 backup [2001:db8:16::254]
    }}
}}
configure service vprn "VPRN-2" {{
    interface "int-IPsec-Private-1" ipv6 {{
        address 2001:db8:30::fe prefix-length 64
        static-tunnel-redundant-nexthop {far_picl}
    }}
    interface "int-Redundant-1" ipv6 address {picl} prefix-length 64
    interface "int-core" ipv6 {{
        address 2001:db8:2::{last} prefix-length 64
        vrrp 20 backup [2001:db8:2::254]
    }}
}}
"""


def chassis(side, client_routes):
    return CHASSIS.format(client_routes=client_routes, **SIX[side])
