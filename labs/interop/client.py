"""A strongSwan node as cases use it: swanctl over vici, its log, and pings through its tunnels."""

import re
import time

from segwlab import LabError, wait_until



def parse_raw(text):
    """What `swanctl --raw` prints, as maps and lists. Values may have blanks: they end where the
    next key begins."""
    words = re.findall(r"[{}\[\]]|[^\s{}\[\]]+", text)
    place = 0

    def read_map():
        nonlocal place
        found, last = {}, None
        while place < len(words):
            word = words[place]
            place += 1
            if word == "}":
                break
            if word == "{":
                found[last] = read_map()
            elif word == "[":
                items = []
                while words[place] != "]":
                    items.append(words[place])
                    place += 1
                place += 1
                found[last.rstrip("=")] = items
            elif "=" in word and not word.endswith("="):
                last, _, value = word.partition("=")
                found[last] = value
            else:
                last = word
        return found

    return read_map()


def joined(sa, *keys):
    """"AES_CBC-256/HMAC_SHA2_256_128/…" of an SA's fields."""
    parts = []
    for key in keys:
        if value := sa.get(key):
            size = sa.get("encr-keysize") if key == "encr-alg" else None
            parts.append(f"{value}-{size}" if size else value)
    return "/".join(parts)


class Client:
    """The strongSwan of a node of the lab."""

    def __init__(self, lab, node):
        self.lab = lab
        self.node = node
        self.folder = lab.folder(node)

    def swanctl(self, *words):
        return self.lab.exec(self.node, "swanctl", *words, "--uri",
                             f"unix://{self.folder / 'vici'}")

    def sas(self, name):
        """The IKE SAs of a connection, newest last, each with its "child-sas"."""
        found = []
        for line in self.swanctl("--list-sas", "--raw", "--ike", name).splitlines():
            if line.startswith("list-sa event "):
                found += [sa for sa in parse_raw(line[len("list-sa event {"):]).values()
                          if isinstance(sa, dict)]
        return sorted(found, key=lambda sa: int(sa["uniqueid"]))

    def established(self, name):
        """The one IKE SA of a connection that is established with a CHILD SA; or None."""
        good = [sa for sa in self.sas(name) if sa.get("state") == "ESTABLISHED"]
        return good[-1] if good and self.children(good[-1]) else None

    def spis(self, name):
        """(SPIs of the IKE SA, those of its installed CHILD SAs)."""
        sa = self.established_ike(name)
        if not sa:
            return None, ()
        return ((sa["initiator-spi"], sa["responder-spi"]),
                tuple(sorted((child["spi-in"], child["spi-out"]) for child in self.children(sa))))

    def suites(self, name):
        """What was chosen for IKE and ESP."""
        sa = self.established(name)
        if not sa:
            raise LabError("no CHILD SA")
        return (joined(sa, "encr-alg", "integ-alg", "prf-alg", "dh-group"),
                joined(self.children(sa)[0], "encr-alg", "integ-alg", "esn"))

    def selectors(self, name):
        child = self.children(self.established(name))[0]
        return [child["local-ts"], child["remote-ts"]]

    def rekey_child(self, name):
        self.swanctl("--rekey", "--child", name)

    def rekey_ike(self, name):
        self.swanctl("--rekey", "--ike", name)

    def established_ike(self, name):
        """The newest established IKE SA of a connection, or None."""
        good = [sa for sa in self.sas(name) if sa.get("state") == "ESTABLISHED"]
        return good[-1] if good else None

    def ike_sas(self, name):
        return len(self.sas(name))

    def end_all(self, names):
        for name in names:
            if self.sas(name):
                self.swanctl("--terminate", "--ike", name, "--force", "--timeout", "2")

    def logged(self, name, expression):
        return any(re.search(expression, line) for line in self.log_of(name))

    @staticmethod
    def children(sa):
        return [child for child in sa.get("child-sas", {}).values()
                if child.get("state") == "INSTALLED"]

    def initiate(self, child, seconds=20):
        self.swanctl("--initiate", "--child", child, "--timeout", str(seconds))

    def wait_established(self, name, seconds):
        return wait_until(f"an IKE SA {name} with a CHILD SA",
                          lambda: self.established(name), seconds)

    def log(self):
        return (self.folder / "charon.log").read_text(errors="replace")

    def log_of(self, name, since=0):
        """Lines of the log that belong to a connection."""
        return [line for line in self.log()[since:].splitlines() if f"<{name}|" in line]


def answered(lab, node, source, target, count=10, size=56, wait=1):
    """Numbers of the pings that come back, of 1 to `count`."""
    # Its exit code says less than its words. With -w it waits for answers that are late, and may
    # send more meanwhile; -W counts only until the first has come.
    line = (f"ping -D -n -i 0.02 -c {count} -w {wait + count // 50} -s {size} -I {source} {target} "
            "2>&1; true")
    came = re.findall(r"bytes from .*icmp_seq=(\d+) ", lab.exec(node, "sh", "-c", line))
    return {int(number) for number in came if int(number) <= count}


def pings(*args, **words):
    """How many come back."""
    return len(answered(*args, **words))


def ping_through(lab, node, source, target, count=10, size=56, patience=10):
    """All of `count` come back, if not at once then once the first does."""
    if pings(lab, node, source, target, count, size) == count:
        return
    wait_until(f"an answer to a ping from {source} to {target}",
               lambda: pings(lab, node, source, target, 1, size) == 1, patience)
    began = time.time()
    came = answered(lab, node, source, target, count, size)
    if lost := sorted(set(range(1, count + 1)) - came):
        raise LabError(f"pings {lost} of {count} from {source} to {target} not answered, "
                       f"{began:.3f} to {time.time():.3f}")
