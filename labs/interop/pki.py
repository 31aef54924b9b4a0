"""Authorities of a lab and what they issue, made with strongSwan's `pki`: files in PEM."""

import subprocess
from dataclasses import dataclass
from pathlib import Path


ORGANISATION = "C=DE, O=OpenSeGW lab"
# The kinds of keys that rows ask for, as `pki` makes them.
KEYS = {"rsa": ["--type", "rsa", "--size", "2048"],
        "ecdsa256": ["--type", "ecdsa", "--size", "256"],
        "ecdsa384": ["--type", "ecdsa", "--size", "384"],
        "ecdsa521": ["--type", "ecdsa", "--size", "521"],
        "ed25519": ["--type", "ed25519"]}


def make(file, *words):
    done = subprocess.run(["pki", *map(str, words), "--outform", "pem"], capture_output=True,
                          check=False, stdin=subprocess.DEVNULL)
    if done.returncode != 0 or not done.stdout:
        raise RuntimeError(f"pki {words[0]}: {done.stderr.decode(errors='replace').strip()}")
    file.write_bytes(done.stdout)
    return file


@dataclass
class Authority:
    folder: Path
    kind: str
    name: str

    @property
    def certificate(self):
        return self.folder / f"{self.name}.crt"

    @property
    def key(self):
        return self.folder / f"{self.name}.key"

    def _generate(self, name):
        return make(self.folder / f"{name}.key", "--gen", *KEYS[self.kind])

    def begin(self):
        self._generate(self.name)
        make(self.certificate, "--self", "--ca", "--in", self.key, "--type", "priv", "--dn",
             f"{ORGANISATION}, CN={self.name}", "--lifetime", 30)
        return self

    def _issue(self, key, name, *words):
        return make(self.folder / f"{name}.crt", "--issue", "--in", key, "--type", "priv",
                    "--cacert", self.certificate, "--cakey", self.key, "--dn",
                    f"{ORGANISATION}, CN={name}", *words)

    def issue(self, name, *more):
        """A certificate for NAME.example."""
        words = more if "--lifetime" in more or "--not-after" in more else (*more, "--lifetime", 20)
        return self._issue(self._generate(name), name, "--san", f"{name}.example", *words)

    def below(self, name):
        """Another authority."""
        other = Authority(self.folder, self.kind, name)
        other._generate(name)
        self._issue(other.key, name, "--ca", "--lifetime", 25)
        return other

    def revoke(self, *certificates):
        words = [word for each in certificates for word in ("--cert", each)]
        return make(self.folder / f"{self.name}.crl", "--signcrl", "--cacert", self.certificate,
                    "--cakey", self.key, "--lifetime", 10, *words)


# --- what the interop table needs ---

def make_files(folder):
    """Every kind's authority KIND-ca with KIND-gw and KIND-client; and some that are not as they
    should be. Once: who runs already has them."""
    if folder.exists():
        return
    folder.mkdir()
    for kind in KEYS:
        authority = Authority(folder, kind, f"{kind}-ca").begin()
        for end in ("gw", "client"):
            authority.issue(f"{kind}-{end}")
        authority.revoke()
    root = Authority(folder, "rsa", "chain-ca").begin()
    middle = root.below("chain-middle")
    for end in ("gw", "client"):
        middle.issue(f"chain-{end}")
    root.revoke()
    middle.revoke()
    bad = Authority(folder, "ecdsa256", "bad-ca").begin()
    bad.issue("bad-gw")
    bad.revoke(bad.issue("bad-revoked"))
    bad.issue("bad-expired", "--not-before", "01.01.20 00:00:00", "--not-after", "01.01.21 00:00:00")
    Authority(folder, "ecdsa256", "stranger-ca").begin().issue("stranger-client")


def give_client(folder, home):
    """swanctl's folders in the client's home."""
    for target, pattern in (("x509", "*.crt"), ("private", "*.key")):
        (home / target).mkdir(exist_ok=True)
        for file in folder.glob(pattern):
            (home / target / file.name).write_bytes(file.read_bytes())
    (home / "x509ca").mkdir(exist_ok=True)
    for file in (*folder.glob("*-ca.crt"), *folder.glob("*-middle.crt")):
        (home / "x509ca" / file.name).write_bytes(file.read_bytes())


def profiles():
    """Our configuration: one ca-profile and cert-profile for each authority."""
    system = ipsec = ""
    for name in [*KEYS, "chain", "bad"]:
        authorities = ["ca", "middle"] if name == "chain" else ["ca"]
        for authority in authorities:
            system += (f'ca-profile "{name}-{authority}" {{\n    admin-state enable\n'
                       f'    cert-file "{name}-{authority}.crt"\n'
                       f'    crl-file "{name}-{authority}.crl"\n}}\n')
        chain = '        send-chain ca-profile "chain-middle"\n' if name == "chain" else ""
        for suffix, pss in (("", ""), ("-pss", "        rsa-signature pss\n")):
            if suffix and name != "rsa":
                continue
            ipsec += (f'cert-profile "{name}{suffix}" {{\n    admin-state enable\n    entry 1 {{\n'
                      f'        cert "{name}-gw.crt"\n        key "{name}-gw.key"\n{pss}{chain}'
                      f'    }}\n}}\n')
        ipsec += (f'trust-anchor-profile "{name}" {{\n    trust-anchor "{name}-ca" {{ }}\n}}\n')
    return system, ipsec
