"""libreswan and OpenIKED as cases use them: the same questions as to strongSwan in client.py, as far
as each can answer. What they chose is told in swanctl's words."""

import re
from pathlib import Path

from lab_files import PEERS
from segwlab import LabError, wait_until
from words import LIBRESWAN_GROUP

WHACK = ("/usr/libexec/ipsec/whack", "--ctlsocket", "/run/pluto/pluto.ctl")
LIBRESWAN_IKE = re.compile(r"\{cipher=(\S+) integ=(\S+) prf=(\S+) group=(\w+)\}")
LIBRESWAN_ESP = re.compile(r"\{ESP(?:inUDP)?(/ESN)?=>0x(\w+) <0x(\w+) xfrm=([A-Z0-9_]+)-([A-Z0-9_]+)")


def with_size(cipher):
    """AES_GCM_16_256 -> AES_GCM_16-256."""
    return re.sub(r"_(128|192|256)$", r"-\1", cipher)


class Foreign:
    """A daemon in a guest, with daemon.log in its folder."""

    def __init__(self, lab, node):
        self.lab, self.node = lab, node
        self.folder = Path(lab.folder(node))

    def run(self, *words):
        return self.lab.exec(self.node, *words)

    def log(self):
        return (self.folder / "daemon.log").read_text(errors="replace")

    def logged(self, name, expression):
        return any(re.search(expression, line) for line in self.log_of(name))

    def log_of(self, _):
        return self.log().splitlines()

    def wait_established(self, name, seconds):
        wait_until("a CHILD SA", lambda: self.spis(name)[1], seconds)

    def ike_sas(self, name):
        """How many of a connection, if it is established."""
        return 1 if self.spis(name)[0] else 0

    def end_all(self, names):
        pass


class Libreswan(Foreign):
    def whack(self, *words):
        return self.run(*WHACK, *words)

    def log_of(self, name):
        return [line for line in self.log().splitlines() if f'"{name}"' in line]

    def initiate(self, name, seconds=20):
        self.whack("--name", name, "--initiate", "--asynchronous")
        try:
            self.wait_established(name, seconds)
        except LabError:
            self.whack("--name", name, "--terminate")
            raise

    def spis(self, name):
        """(number of its IKE SA, SPIs of the newest CHILD SA): it doesn't tell IKE SPIs."""
        text = self.whack("--showstates")
        states = [line for line in text.splitlines() if f'"{name}"' in line]
        ike = [re.search(r"#(\d+)", line)[1] for line in states
               if "established IKE SA" in line and "newest" in line]
        newest = [re.search(r"#(\d+)", line)[1] for line in states
                  if "established Child SA" in line and "newest" in line]
        children = [tuple(re.findall(r"esp\.(\w+)@", line)[1::-1]) for line in states
                    if "esp." in line and re.search(r"#(\d+)", line)[1] in newest]
        return (ike[-1] if ike else None), tuple(children)

    def suites(self, name):
        ike = esp = None
        for line in self.log_of(name):
            if found := LIBRESWAN_IKE.search(line):
                cipher, integrity, prf, group = found.groups()
                parts = [with_size(cipher), None if integrity == "n/a" else integrity,
                         f"PRF_{prf}", LIBRESWAN_GROUP[group]]
                ike = "/".join(part for part in parts if part)
            if found := LIBRESWAN_ESP.search(line):
                esn, _, _, cipher, integrity = found.groups()
                parts = [with_size(cipher), None if integrity == "NONE" else integrity,
                         "1" if esn else None]
                esp = "/".join(part for part in parts if part)
        return ike, esp

    def rekey_child(self, name):
        self.whack("--name", name, "--rekey-ipsec", "--asynchronous")

    def rekey_ike(self, name):
        self.whack("--name", name, "--rekey-ike", "--asynchronous")


IKED_NAMES = {"aes-256-gcm": "AES_GCM_16-256", "aes-128-gcm": "AES_GCM_16-128",
              "aes-256": "AES_CBC-256", "aes-128": "AES_CBC-128",
              "hmac-sha2-256": "HMAC_SHA2_256_128",
              "hmac-sha2-384": "HMAC_SHA2_384_192", "hmac-sha2-512": "HMAC_SHA2_512_256",
              "ecp256": "ECP_256", "curve25519": "CURVE_25519", "modp2048": "MODP_2048"}


class OpenIked(Foreign):
    """It begins when told to be active, with all of its policies at once."""

    def ikectl(self, *words):
        return self.run(PEERS / "openiked/usr/sbin/ikectl", *words)

    def initiate(self, name, seconds=20):
        self.ikectl("active")
        self.wait_established(name, seconds)

    def _spi(self, name):
        """The initiator SPI of the newest IKE SA of this policy, by the log."""
        return (re.findall(rf"^spi=(\w+): established peer .* policy '{name}'", self.log(), re.M)
                or [None])[-1]

    def spis(self, name):
        wanted = self._spi(name)
        ike, children, here = None, [], False
        for line in self.ikectl("show", "sa").splitlines():
            if found := re.match(r"iked_sas: \S+ rspi (\w+) ispi (\w+) ", line):
                here = found[2] == wanted
                ike = found.groups() if here else ike
            elif here and (found := re.search(r"sa_childsas: \S+ ESP (\w+) (?:in|out) ", line)):
                children.append(found[1])
        return ike, (tuple(sorted(children)),) if children else ()

    def suites(self, name):
        """Its log names the policy once; the SPI ties the other lines to it."""
        ike = esp = None
        for line in self.log().splitlines():
            if not line.startswith(f"spi={self._spi(name)}:"):
                continue
            if found := re.search(r"established peer .*\(enc (\S+)(?: auth (\S+))? group (\S+) "
                                  r"prf hmac-(\S+)\)", line):
                cipher, integrity, group, prf = found.groups()
                parts = (IKED_NAMES[cipher], IKED_NAMES.get(integrity),
                         f"PRF_HMAC_{prf.upper().replace('-', '_')}", IKED_NAMES[group])
                ike = "/".join(part for part in parts if part)
            if found := re.search(r"loaded SPIs: .*\(enc (\S+) auth (\S+)\)", line):
                esp = f"{IKED_NAMES[found[1]]}/{IKED_NAMES[found[2]]}"
        return ike, esp
