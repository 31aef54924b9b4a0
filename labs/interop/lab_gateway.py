"""The ipsec-gateway of a lab, and the client-db with those clients that it knows by identity."""

from textwrap import indent

NUMBER = 400  # of its ike-policy and transforms: above those of any case
SECRET = "a secret of all clients that are in no client-db"

CONFIGURATION = """
configure ipsec {{
    ike-transform {transform} {{
        dh-group group-19
        ike-auth-algorithm auth-encryption
        ike-encryption-algorithm aes256-gcm16
        ike-prf-algorithm sha-256
    }}
    ike-policy {number} {{
        ike-transform [{transform}]
        ike-version-2 {{ }}
        nat-traversal {{ }}
        limit-init-exchange {{ reduced-max-exchange-timeout none }}
    }}
    ipsec-transform {transform} {{
        esp-auth-algorithm auth-encryption
        esp-encryption-algorithm aes256-gcm16
    }}
    tunnel-template 1 {{
        ipsec-transform [{transform}]
        sp-reverse-route use-security-policy
    }}
    ts-list "inner" {{
        local {{ entry 1 {{ address {{ prefix 10.2.2.0/24 }} }} }}
        remote {{ entry 1 {{ address {{ prefix 192.168.0.0/16 }} }} }}
    }}
    client-db "known" {{
        admin-state enable
        match-list {{ idi true }}
{clients}    }}
}}
configure service ies "IES-1" interface "int-IPsec-Public-1" sap tunnel-1.public:1 {{
    ipsec-gateway "gw-1" {{
        admin-state enable
        default-tunnel-template 1
        ike-policy {number}
        pre-shared-key "{secret}"
        ts-list "inner"
        default-secure-service {{
            service-name "VPRN-2"
            interface "int-IPsec-Private-1"
        }}
        local {{ gateway-address {address} }}
        client-db {{
            name "known"
            fallback true
        }}
    }}
}}
"""

CLIENT = """client {number} {{
    admin-state enable
    identification {{ idi {{
        {identification}
    }} }}
    credential {{ pre-shared-key "{secret}" }}
}}
"""


def chassis(cases, address):
    """Nothing where no case is a client of it."""
    if not any(case.is_dynamic for case in cases):
        return ""
    known = "".join(CLIENT.format(number=case.number, identification=case.identification,
                                  secret=case.known_secret)
                    for case in cases if case.identification)
    return CONFIGURATION.format(number=NUMBER, transform=4 * NUMBER, secret=SECRET,
                                address=address, clients=indent(known, " " * 8))
