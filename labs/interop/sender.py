"""Sends frames that no honest host sends: what a capture has, mutated, or IKE_SA_INIT requests of forged
sources that nobody goes on with. Runs in the stranger's namespace; ends with one line of JSON."""

import json
import random
import socket
import struct
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent), str(Path(__file__).resolve().parent)]
from wire import ESP, UDP, packets  # noqa: E402

OVERSIZED = 1472


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ip_packet(source, destination, protocol, payload, fragment=0, number=1):
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), number, fragment, 64, protocol,
                         0, source, destination)
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + payload


def udp(source_port, port, payload):
    # RFC 768: a checksum of zero means that there is none.
    return struct.pack("!HHHH", source_port, port, 8 + len(payload), 0) + payload


class Link:
    """A raw socket on the stranger's device, towards one link address."""

    def __init__(self, device, to):
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        self.socket.bind((device, 0x0800))
        mine = self.socket.getsockname()[4]
        self.header = bytes.fromhex(to.replace(":", "")) + mine + b"\x08\x00"

    def send(self, packet):
        self.socket.send(self.header + packet)


class Mutations:
    """From the same seed the same datagrams."""

    def __init__(self, seeds, seed):
        self.seeds = seeds
        self.random = random.Random(seed)

    def payload(self):
        """(kind of mutation, protocol, ports, bytes)."""
        rng = self.random
        protocol, ports, data = rng.choice(self.seeds)
        kind = rng.choice(("replayed", "truncated", "flipped", "flipped", "spliced", "oversized",
                           "random", "lengths"))
        if kind == "truncated":
            data = data[:rng.randrange(len(data) + 1)]
        elif kind == "flipped":
            data = bytearray(data)
            for _ in range(rng.randint(1, 8)):
                data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        elif kind == "spliced":
            other = rng.choice(self.seeds)[2]
            data = data[:rng.randrange(len(data) + 1)] + other[rng.randrange(len(other)):]
        elif kind == "oversized":
            data = data + rng.randbytes(rng.randrange(max(1, OVERSIZED - len(data))))
        elif kind == "random":
            data = rng.randbytes(rng.randrange(200))
        elif kind == "lengths":
            # A pair of bytes that may be a length or a type becomes an extreme one.
            data = bytearray(data)
            at = rng.randrange(max(1, len(data) - 1))
            data[at:at + 2] = rng.choice((b"\0\0", b"\xff\xff", b"\0\x01", b"\x80\0"))
        return kind, protocol, ports, bytes(data[:OVERSIZED])

    def packet(self, sources, destination):
        rng = self.random
        kind, protocol, ports, data = self.payload()
        source = rng.choice(sources) if rng.random() < 0.8 else rng.randbytes(4)
        if protocol == UDP:
            data = udp(ports[0] if rng.random() < 0.8 else rng.randrange(65536), ports[1], data)
        fragment = 0
        if rng.random() < 0.05:
            kind, fragment = "fragment", rng.choice((0x2000, rng.randrange(0x4000)))
        return kind, ip_packet(source, destination, protocol, data, fragment, rng.randrange(65536))


def seeds_of(pcaps, destinations):
    """What was sent to these addresses, by protocol: (protocol, ports, payload), few of each size."""
    found = {}
    for pcap in pcaps:
        for packet in packets(pcap):
            if packet.destination not in destinations or packet.fragment or not packet.payload:
                continue
            if packet.protocol == UDP and len(packet.payload) > 8:
                ports, data = struct.unpack_from("!HH", packet.payload), packet.payload[8:]
                # Raw ESP is what follows the UDP header on port 4500.
                if ports[1] == 4500 and data[:4] != bytes(4):
                    found.setdefault((ESP, len(data)), []).append((ESP, (0, 0), data))
            elif packet.protocol == ESP:
                ports, data = (0, 0), packet.payload
            else:
                continue
            found.setdefault((packet.protocol, ports[1], len(data)), []).append(
                (packet.protocol, ports, data))
    return [seed for some in found.values() for seed in some[:20]]


def pace(began, sent, rate):
    if rate and sent % 50 == 0:
        ahead = sent / rate - (time.monotonic() - began)
        if ahead > 0:
            time.sleep(ahead)


def mutate(link, job):
    mutations = Mutations(seeds_of(job["pcaps"], job["seed_destinations"]), job["seed"])
    sources = [socket.inet_aton(one) for one in job["sources"]]
    destinations = [socket.inet_aton(one) for one in job["destinations"]]
    kinds = {}
    began = time.monotonic()
    for sent in range(job["count"]):
        kind, packet = mutations.packet(sources, destinations[sent % len(destinations)])
        link.send(packet)
        kinds[kind] = kinds.get(kind, 0) + 1
        pace(began, sent, job["rate"])
    return {"sent": job["count"], "seconds": time.monotonic() - began, "kinds": kinds,
            "seeds": len(mutations.seeds)}


def flood(link, job):
    """IKE_SA_INIT requests, each of another initiator SPI."""
    request = next(data for _, ports, data in seeds_of(job["pcaps"], job["destinations"])
                   if ports[1] == 500 and data[18] == 34)
    rng = random.Random(job["seed"])
    sources = [socket.inet_aton(one) for one in job["sources"]]
    destination = socket.inet_aton(job["destinations"][0])
    began, sent = time.monotonic(), 0
    while sent < job["count"]:
        data = rng.randbytes(8) + request[8:]
        link.send(ip_packet(rng.choice(sources), destination, UDP,
                            udp(rng.randint(1024, 65535), 500, data), number=sent % 65536))
        sent += 1
        pace(began, sent, job["rate"])
    return {"sent": sent, "seconds": time.monotonic() - began}


# A point that is on the curve: that of group 19 from which all others come.
GENERATOR_19 = bytes.fromhex("6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
                             "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5")


def ike_payload(following, body):
    return struct.pack("!BBH", following, 0, 4 + len(body)) + body


def first_request(rng):
    """An IKE_SA_INIT that everybody here answers: AES-256-GCM, HMAC-SHA2-256, group 19."""
    transforms = (struct.pack("!BBHBBHHH", 3, 0, 12, 1, 0, 20, 0x800e, 256)
                  + struct.pack("!BBHBBH", 3, 0, 8, 2, 0, 5) + struct.pack("!BBHBBH", 0, 0, 8, 4, 0, 19))
    proposal = struct.pack("!BBHBBBB", 0, 0, 8 + len(transforms), 1, 1, 0, 3) + transforms
    body = (ike_payload(34, proposal) + ike_payload(40, struct.pack("!HH", 19, 0) + GENERATOR_19)
            + ike_payload(0, rng.randbytes(32)))
    return rng.randbytes(8) + struct.pack("!8xBBBBII", 33, 0x20, 34, 8, 0, 28 + len(body)) + body


def half_open(link, job):
    """Begins IKE SAs, a source each, and does not go on."""
    rng = random.Random(job["seed"])
    destination = socket.inet_aton(job["destination"])
    for number, source in enumerate(job["sources"]):
        link.send(ip_packet(socket.inet_aton(source), destination, UDP,
                            udp(500, 500, first_request(rng)), number=number))
        time.sleep(0.002)
    return {"sent": len(job["sources"])}


def main():
    job = json.loads(Path(sys.argv[1]).read_text())
    link = Link(job["device"], job["to"])
    print(json.dumps({"mutate": mutate, "flood": flood, "half_open": half_open}[job["what"]](link, job)))


if __name__ == "__main__":
    main()
