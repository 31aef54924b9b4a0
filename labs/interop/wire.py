"""What a capture shows without keys: exchanges, ESP numbers, and packets that should not be there."""

import ipaddress
import struct
from dataclasses import dataclass
from pathlib import Path

IKE_AUTH = 35
UDP, ESP, FRAGMENT6 = 17, 50, 44


@dataclass(frozen=True)
class Packet:
    source: str
    destination: str
    protocol: int
    payload: bytes
    fragment: bool


def frames(pcap):
    data = Path(pcap).read_bytes()
    order = "<" if data[:4] == b"\xd4\xc3\xb2\xa1" else ">"
    at = 24
    while at + 16 <= len(data):
        length = struct.unpack_from(order + "I", data, at + 8)[0]
        yield data[at + 16:at + 16 + length]
        at += 16 + length


def packet_of(frame):
    """The IP packet of either version in an Ethernet frame, or None."""
    kind = frame[12:14]
    if kind == b"\x08\x00" and len(frame) >= 34:
        header = 4 * (frame[14] & 15)
        total = struct.unpack_from("!H", frame, 16)[0]
        offset = struct.unpack_from("!H", frame, 20)[0]
        source, destination = (str(ipaddress.ip_address(frame[i:i + 4])) for i in (26, 30))
        return Packet(source, destination, frame[23], frame[14 + header:14 + total],
                      bool(offset & 0x3fff))
    if kind == b"\x86\xdd" and len(frame) >= 54:
        length = struct.unpack_from("!H", frame, 18)[0]
        source, destination = (str(ipaddress.ip_address(frame[i:i + 16])) for i in (22, 38))
        protocol, payload = frame[20], frame[54:54 + length]
        fragment = protocol == FRAGMENT6
        if fragment:
            protocol, payload = payload[0], payload[8:]
        return Packet(source, destination, protocol, payload, fragment)
    return None


def packets(pcap):
    """IP packets of both versions, as they were on the wire."""
    for frame in frames(pcap):
        if packet := packet_of(frame):
            yield packet


def udp_ports(packet):
    return struct.unpack_from("!HH", packet.payload)


def ike_header(packet):
    """(SPIs, exchange, is a response, message ID), or None where this is no IKE message."""
    if packet.protocol != UDP or len(packet.payload) < 8 + 28:
        return None
    ports = udp_ports(packet)
    message = packet.payload[8:]
    if 4500 in ports:
        # RFC 3948 2.2: on port 4500 four zero bytes tell IKE from ESP.
        if message[:4] != bytes(4) or len(message) < 32:
            return None
        message = message[4:]
    elif 500 not in ports:
        return None
    return message[:16], message[18], bool(message[19] & 0x20), message[20:24]


def esp_number(packet):
    """(SPI, low half of the sequence number), or None where this is no ESP packet."""
    payload = packet.payload
    if packet.protocol == UDP and 4500 in udp_ports(packet):
        payload = payload[8:]
        if payload[:4] == bytes(4):
            return None
    elif packet.protocol != ESP:
        return None
    return struct.unpack_from("!II", payload) if len(payload) >= 8 else None


class Wire:
    """All that was captured so far at some links."""

    def __init__(self, pcaps):
        self.packets = [packet for pcap in pcaps for packet in packets(pcap)]

    def exchanges(self, kind, address, by_address=True):
        """Distinct requests of a kind from this address, or to it."""
        begun = set()
        for packet in self.packets:
            if (packet.source if by_address else packet.destination) != address:
                continue
            header = ike_header(packet)
            if header and header[1] == kind and not header[2]:
                begun.add((header[0], header[3]))
        return len(begun)

    def auths(self, addresses):
        return sum(self.exchanges(IKE_AUTH, address, by_address)
                   for address in addresses for by_address in (True, False))

    def esp(self, source):
        """Numbers of the ESP packets that a source sent; of fragmented ones, the first part."""
        return [number for packet in self.packets
                if packet.source == source and (number := esp_number(packet))
                and not (packet.fragment and number == (0, 0))]

    def repeated_numbers(self):
        """(sender, SPI, sequence number) that were there more than once."""
        seen, twice = set(), set()
        for packet in self.packets:
            if packet.fragment:
                continue
            if number := esp_number(packet):
                key = (packet.source, *number)
                (twice if key in seen else seen).add(key)
        return twice

    def clear(self, networks):
        """Packets from or to an inner network."""
        inner = [ipaddress.ip_network(network) for network in networks]

        def is_inner(address):
            one = ipaddress.ip_address(address)
            return any(one.version == net.version and one in net for net in inner)
        return [packet for packet in self.packets
                if is_inner(packet.source) or is_inner(packet.destination)]
