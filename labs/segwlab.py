"""What the scripts of the labs share: a lab as an object, the pair of chassis in it, and a ping
whose every packet is accounted for. Standard library only."""

import contextlib
import ipaddress
import json
import os
import re
import signal
import struct
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RUN = Path(os.environ.get("SEGW_LAB_RUN", "/run/segw-lab"))  # where segw-lab keeps what is up
POLL_S = 0.05


class LabError(Exception):
    """What went wrong, in one sentence."""


def wait_until(what, condition, seconds):
    """Asks again until `condition` gives something true, and returns that."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise LabError(f"not within {seconds} s: {what}")
        time.sleep(POLL_S)


def run(argv, **options):
    done = subprocess.run([str(word) for word in argv], capture_output=True, text=True,
                          check=False, stdin=subprocess.DEVNULL, **options)
    if done.returncode != 0:
        words = (done.stderr.strip() or done.stdout.strip() or "failed").splitlines()
        raise LabError(f"{Path(argv[0]).name}: {words[-1]}")
    return done.stdout


def end_orderly():
    """SIGTERM and Ctrl-C end a script like an exception does: its lab is taken down."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(1))


def start_ticks(pid):
    """With the pid it names one process for ever; None if it is gone, or only waits to be reaped."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]


class Lab:
    """A lab of segw-lab. As a context: up at its beginning, down at its end, whatever happens."""

    def __init__(self, programs, topology, name=None, keep_logs=None):
        self.programs = Path(programs).resolve()
        self.topology = Path(topology)
        self.name = name or self.topology.stem
        self.keep_logs = keep_logs
        self._seen = {}  # pid -> start ticks, of all that ran here
        self._namespace_ids = set()
        self._devices_before = set()

    def __enter__(self):
        self.end_abandoned()
        self._devices_before = set(os.listdir("/sys/class/net"))
        owner = RUN / f"{self.name}.owner"
        if not owner.exists():
            RUN.mkdir(parents=True, exist_ok=True)
            # Whole from its first moment: another script takes a lab without a living owner down.
            written = owner.with_suffix(f".{os.getpid()}")
            written.write_text(f"{os.getpid()} {start_ticks(os.getpid())}")
            os.replace(written, owner)
        try:
            self.tool("up", self.topology)
        except (SystemExit, KeyboardInterrupt):  # segw-lab was killed with it, half way
            with contextlib.suppress(LabError):
                self.tool("down")
            owner.unlink(missing_ok=True)
            raise
        self.note_processes()
        return self

    def __exit__(self, *_):
        with contextlib.suppress(LabError):
            self.note_processes()
        self.tool("down", *(["--keep-logs", self.keep_logs] if self.keep_logs else []))
        (RUN / f"{self.name}.owner").unlink(missing_ok=True)

    def end_abandoned(self):
        """Takes down every lab whose script was killed before it could."""
        for owner in RUN.glob("*.owner"):
            with contextlib.suppress(FileNotFoundError):
                words = owner.read_text().split()
                if words and start_ticks(words[0]) == words[-1]:
                    continue
                with contextlib.suppress(LabError):  # it never came up
                    run([self.programs / "segw-lab", "--name", owner.stem, "down"])
                owner.unlink()

    def tool(self, command, *words):
        return run([self.programs / "segw-lab", "--name", self.name, command, *words])

    def exec(self, node, *argv):
        return self.tool("exec", node, "--", *argv)

    def popen(self, node, *argv, command="exec", **options):
        """A program in a node. Its pid is that of the program, which replaces segw-lab."""
        words = ["--", *argv] if command == "exec" else argv
        line = [self.programs / "segw-lab", "--name", self.name, command, node, *words]
        options.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.Popen([str(word) for word in line], **options)

    def folder(self, node):
        return Path(self.tool("path", node).strip())

    def segw(self, node, *words):
        return run([self.programs / "segw", "--state", self.folder(node) / "state", *words])

    def show(self, node, *words):
        return json.loads(self.segw(node, "show", *words, "--json"))

    @contextlib.contextmanager
    def capture(self, node, link, file, pcap_filter=""):
        """tcpdump on the node's end of the link; it runs as the block begins."""
        words = [link, "--out", file, *([pcap_filter] if pcap_filter else [])]
        process = self.popen(node, *words, command="capture", stderr=subprocess.PIPE, text=True)
        try:
            for line in process.stderr:
                if "listening on" in line:
                    break
            else:
                raise LabError(f"no capture on {link}")
            yield file
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate()

    def note_processes(self):
        """Remembers who runs here, so that `leftovers` can say who should not any more."""
        for line in self.tool("ps").splitlines():
            pid = int(line.split()[1])
            self._seen[pid] = start_ticks(pid)
        for netns in self.namespaces():
            self._namespace_ids.add(os.stat(f"/run/netns/{netns}").st_ino)

    def namespaces(self):
        with contextlib.suppress(FileNotFoundError):
            return [n for n in os.listdir("/run/netns") if n.startswith(f"segw-{self.name}-")]
        return []

    def crash(self, node):
        self.note_processes()
        self.tool("kill", node, "--signal", "KILL")

    def leftovers(self):
        """What there is after `down` and was not before `up`."""
        found = [f"namespace {netns}" for netns in self.namespaces()]
        found += [f"device {device}"
                  for device in sorted(set(os.listdir("/sys/class/net")) - self._devices_before)]
        for entry in os.listdir("/proc"):
            if not entry.isdigit() or start_ticks(entry) is None:
                continue
            with contextlib.suppress(OSError):
                if (os.stat(f"/proc/{entry}/ns/net").st_ino in self._namespace_ids
                        or self._seen.get(int(entry)) == start_ticks(entry)):
                    found.append(f"process {entry}")
        return found


ACTING = ("master", "eligible")


class Pair(Lab):
    """labs/pair: chassis a and b, a strongSwan client, a host behind the gateway."""

    CHASSIS = ("a", "b")
    READY_S = 60
    RENEWED_S = 20

    def group(self, node):
        """(peer, its tunnel group 1) as the chassis shows them; None while it does not answer."""
        try:
            peer = self.show(node, "redundancy", "multi-chassis", "all")["peers"][0]
            return peer, peer["tunnel-groups"][0]
        except (LabError, IndexError):
            return None

    def master(self):
        """Who acts, or None if that is nobody or both."""
        acting = [node for node in self.CHASSIS
                  if (shown := self.group(node)) and shown[1]["mastership"] in ACTING]
        return acting[0] if len(acting) == 1 else None

    def in_sync_master(self):
        """The master if the other is a standby that could take over without loss; else None."""
        shown = {node: self.group(node) for node in self.CHASSIS}
        if None in shown.values():
            return None
        states = {node: group["mastership"] for node, (_, group) in shown.items()}
        if sorted(states.values()) != ["master", "standby"]:
            return None
        whole = all(group["in-sync"] and peer["db-sync-state"] == "inSync"
                    for peer, group in shown.values())
        master = next(node for node, state in states.items() if state == "master")
        return master if whole and shown[master][1]["protection-status"] == "nominal" else None

    def wait_in_sync(self):
        return wait_until("one master and a standby in sync", self.in_sync_master, self.READY_S)

    def initiate(self, suite):
        run(["swanctl", "--initiate", "--child", suite, "--timeout", "20", "--uri", self._vici()])

    def ike_spis(self):
        """Of each IKE SA of the client, the initiator's and the responder's: one that is taken over
        keeps them."""
        return tuple(re.findall(r"(?:initiator|responder)-spi=([0-9a-f]+)", self._sas()))

    def spis(self):
        """The client's CHILD SPIs, in and out, newest last: a rekeyed one stays for 3 minutes."""
        return tuple(re.findall(r"spi-(?:in|out)=([0-9a-f]+)", self._sas()))

    def wait_renewed(self, before):
        """Until there is a CHILD SA beside those of these SPIs (redundancy rule 21)."""
        wait_until("the CHILD SA that was taken over is rekeyed",
                   lambda: len(set(self.spis()) - set(before)) == 2, self.RENEWED_S)

    def switch_over(self, master):
        self.segw(master, "tools", "perform", "redundancy", "multi-chassis", "mc-ipsec",
                  "force-switchover", "tunnel-group", "1", "now")

    def other(self, node):
        return next(one for one in self.CHASSIS if one != node)

    def bring_back(self, node):
        self.tool("start", node)
        self.note_processes()

    def _sas(self):
        return run(["swanctl", "--list-sas", "--raw", "--uri", self._vici()])

    def _vici(self):
        return f"unix://{self.folder('client') / 'vici'}"


REPLY = re.compile(r"\[(\d+\.\d+)\] .*icmp_seq=(\d+) ")
TOTALS = re.compile(r"(\d+) packets transmitted, (\d+) received")


@dataclass
class Window:
    """The packets after one mark, up to the next."""
    first: int
    last: int
    lost: int
    longest_gap_ms: float


@dataclass
class Ping:
    """One continuous ping at 100 packets a second."""
    process: subprocess.Popen
    replies: dict = field(default_factory=dict)  # sequence number -> time
    duplicates: int = 0
    totals: tuple = (0, 0)

    @classmethod
    def begin(cls, lab, node, source, target):
        # The kernel's tick may be longer than 10 ms; a preload of 3 lets ping catch up.
        process = lab.popen(node, "ping", "-D", "-n", "-i", "0.01", "-l", "3", "-I", source, target,
                            stdout=subprocess.PIPE, text=True)
        ping = cls(process)
        ping._reader = threading.Thread(target=ping._read, daemon=True)
        ping._reader.start()
        return ping

    def _read(self):
        for line in self.process.stdout:
            if reply := REPLY.match(line):
                sequence = int(reply[2])
                self.duplicates += sequence in self.replies
                self.replies.setdefault(sequence, float(reply[1]))
            elif totals := TOTALS.match(line):
                self.totals = (int(totals[1]), int(totals[2]))

    def mark(self):
        """The highest sequence number that was answered so far."""
        return max(self.replies, default=0)

    def wait_for(self, count, after, seconds=30):
        """Until `count` packets with higher numbers than `after` were answered."""
        wait_until(f"{count} more answers to the ping",
                   lambda: sum(1 for n in list(self.replies) if n > after) >= count, seconds)

    def end(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait()
        self._reader.join()

    def window(self, first, last):
        """Loss and gaps among the packets `first` < number <= `last`."""
        lost = sum(1 for n in range(first + 1, last + 1) if n not in self.replies)
        times = sorted(self.replies[n] for n in range(first, last + 1) if n in self.replies)
        gaps = [later - earlier for earlier, later in zip(times, times[1:])]
        return Window(first, last, lost, 1000 * max(gaps, default=0.0))


IKE_AUTH = 35
IKE_PORTS = (500, 4500)


def udp_packets(pcap):
    """(source, destination, destination port, payload) of each IPv4 UDP packet in a pcap file."""
    data = Path(pcap).read_bytes()
    order = "<" if data[:4] == b"\xd4\xc3\xb2\xa1" else ">"
    at = 24
    while at + 16 <= len(data):
        length = struct.unpack_from(order + "I", data, at + 8)[0]
        frame = data[at + 16:at + 16 + length]
        at += 16 + length
        if frame[12:14] != b"\x08\x00" or len(frame) < 42 or frame[23] != 17:
            continue
        udp = 14 + 4 * (frame[14] & 15)
        source, destination = (str(ipaddress.ip_address(frame[i:i + 4])) for i in (26, 30))
        yield source, destination, struct.unpack_from("!H", frame, udp + 2)[0], frame[udp + 8:]


def ike_auth_exchanges(pcap):
    """How many IKE_AUTH exchanges were begun: distinct requests of initiators, since one that is
    sent again is the same exchange."""
    begun = set()
    for _, _, port, payload in udp_packets(pcap):
        if port not in IKE_PORTS:
            continue
        # RFC 3948 2.2: on port 4500 four zero bytes tell IKE from ESP.
        if port == 4500 and payload[:4] != bytes(4):
            continue
        header = payload[4:] if port == 4500 else payload
        if len(header) < 28:
            continue
        exchange, flags = header[18], header[19]
        is_response = flags & 0x20
        if exchange == IKE_AUTH and not is_response:
            begun.add((header[:16], header[20:24]))
    return len(begun)
