"""One algorithm has three names: in our configuration, in swanctl.conf, and in what
`swanctl --list-sas` says was chosen. Cases use ours; the other two are derived here."""

import re
from dataclasses import dataclass

# ours: (proposal keyword, as shown)
ENCRYPTION = {
    "aes-128": ("aes128", "AES_CBC-128"),
    "aes-192": ("aes192", "AES_CBC-192"),
    "aes-256": ("aes256", "AES_CBC-256"),
    "des-3": ("3des", "3DES_CBC"),
    "null": ("null", "NULL"),
    "chacha20-poly1305": ("chacha20poly1305", "CHACHA20_POLY1305"),
} | {
    f"aes{bits}-gcm{icv}": (f"aes{bits}gcm{icv}", f"AES_GCM_{icv}-{bits}")
    for bits in (128, 192, 256) for icv in (8, 12, 16)
}
INTEGRITY = {
    "sha-1": ("sha1", "HMAC_SHA1_96"),
    "sha-256": ("sha256", "HMAC_SHA2_256_128"),
    "sha-384": ("sha384", "HMAC_SHA2_384_192"),
    "sha-512": ("sha512", "HMAC_SHA2_512_256"),
    "aes-xcbc": ("aesxcbc", "AES_XCBC_96"),
    "auth-encryption": (None, None),
}
PRF = {
    "sha-1": ("prfsha1", "PRF_HMAC_SHA1"),
    "sha-256": ("prfsha256", "PRF_HMAC_SHA2_256"),
    "sha-384": ("prfsha384", "PRF_HMAC_SHA2_384"),
    "sha-512": ("prfsha512", "PRF_HMAC_SHA2_512"),
    "aes-xcbc": ("prfaesxcbc", "PRF_AES128_XCBC"),
}
GROUP = {
    "group-2": ("modp1024", "MODP_1024"),
    "group-5": ("modp1536", "MODP_1536"),
    "group-14": ("modp2048", "MODP_2048"),
    "group-15": ("modp3072", "MODP_3072"),
    "group-16": ("modp4096", "MODP_4096"),
    "group-19": ("ecp256", "ECP_256"),
    "group-20": ("ecp384", "ECP_384"),
    "group-21": ("ecp521", "ECP_521"),
    "group-31": ("x25519", "CURVE_25519"),
}

# libreswan's and OpenIKED's own words for the same.
LIBRESWAN_GROUP = {(shown.replace("_", "") if shown.startswith("MODP") else
                    name.replace("group-", "DH")): shown for name, (_, shown) in GROUP.items()}
LIBRESWAN = {"sha-1": "sha1", "sha-256": "sha2_256", "sha-384": "sha2_384", "sha-512": "sha2_512"}
OPENIKED = {"sha-1": "hmac-sha1", "sha-256": "hmac-sha2-256", "sha-384": "hmac-sha2-384",
            "sha-512": "hmac-sha2-512"}
OPENIKED_GROUP = {"group-14": "modp2048", "group-19": "ecp256", "group-20": "ecp384",
                  "group-31": "curve25519"}


def libreswan_cipher(encryption):
    """aes256-gcm16 -> aes_gcm256, aes-256 -> aes256."""
    return re.sub(r"aes(\d+)-gcm16", r"aes_gcm\1", encryption).replace("aes-", "aes")


def openiked_cipher(encryption):
    return re.sub(r"aes(\d+)-gcm16", r"aes-\1-gcm", encryption)


def is_aead(encryption):
    return "gcm" in encryption or "poly1305" in encryption


@dataclass(frozen=True)
class Ike:
    """An ike-transform."""
    encryption: str = "aes256-gcm16"
    integrity: str = "auth-encryption"
    prf: str = "sha-256"
    group: str = "group-19"

    def config(self, number):
        return (f"ike-transform {number} {{\n dh-group {self.group}\n"
                f" ike-auth-algorithm {self.integrity}\n"
                f" ike-encryption-algorithm {self.encryption}\n"
                f" ike-prf-algorithm {self.prf}\n}}\n")

    def proposal(self):
        parts = (ENCRYPTION[self.encryption][0], INTEGRITY[self.integrity][0], PRF[self.prf][0],
                 GROUP[self.group][0])
        return "-".join(part for part in parts if part)

    def libreswan(self):
        return f"{libreswan_cipher(self.encryption)}-{LIBRESWAN[self.prf]}-dh{self.group[6:]}"

    def openiked(self):
        auth = "" if is_aead(self.encryption) else f" auth {OPENIKED[self.integrity]}"
        return (f"enc {openiked_cipher(self.encryption)}{auth} prf {OPENIKED[self.prf]} "
                f"group {OPENIKED_GROUP[self.group]}")

    def shown(self):
        parts = (ENCRYPTION[self.encryption][1], INTEGRITY[self.integrity][1], PRF[self.prf][1],
                 GROUP[self.group][1])
        return "/".join(part for part in parts if part)


@dataclass(frozen=True)
class Esp:
    """An ipsec-transform. `pfs` is seen only in CHILD SAs made after IKE_AUTH."""
    encryption: str = "aes256-gcm16"
    integrity: str = "auth-encryption"
    pfs: str | None = None
    esn: bool = False

    def config(self, number):
        text = (f"ipsec-transform {number} {{\n esp-auth-algorithm {self.integrity}\n"
                f" esp-encryption-algorithm {self.encryption}\n")
        if self.pfs:
            text += f" pfs-dh-group {self.pfs}\n"
        return text + f" extended-sequence-number {str(self.esn).lower()}\n}}\n"

    def proposal(self):
        parts = (ENCRYPTION[self.encryption][0], INTEGRITY[self.integrity][0],
                 GROUP[self.pfs][0] if self.pfs else None, "esn" if self.esn else None)
        return "-".join(part for part in parts if part)

    def libreswan(self):
        if is_aead(self.encryption):
            return libreswan_cipher(self.encryption)
        return f"{libreswan_cipher(self.encryption)}-{LIBRESWAN[self.integrity]}"

    def openiked(self):
        auth = "" if is_aead(self.encryption) else f" auth {OPENIKED[self.integrity]}"
        return f"enc {openiked_cipher(self.encryption)}{auth}"

    def shown(self, rekeyed=False):
        parts = (ENCRYPTION[self.encryption][1], INTEGRITY[self.integrity][1],
                 GROUP[self.pfs][1] if self.pfs and rekeyed else None,
                 "1" if self.esn else None)
        return "/".join(part for part in parts if part)
