"""What passes the public switch: each ESP sequence number once, and IKE exchanges that begin.

    tap.py DEVICE …

Reads what comes in at the switch's ports, so each packet once, whoever sent it. For each line on
standard input it answers with a line of JSON: how much there was of each so far. No key is needed."""

import contextlib
import json
import selectors
import socket
import struct
import sys

sys.path.insert(0, __file__.rpartition("/labs/")[0] + "/labs/interop")
from wire import IKE_AUTH, esp_number, ike_header, packet_of  # noqa: E402

ETH_P_ALL = 3
SOL_PACKET, PACKET_STATISTICS, PACKET_IGNORE_OUTGOING = 263, 6, 23  # linux/if_packet.h
SO_RCVBUFFORCE = 33  # asm-generic/socket.h
STATISTICS = struct.Struct("@II")
BUFFER = 32 << 20
SNAPSHOT = 256  # bytes; headers are enough
BLOCK_BITS = 14  # a block of sequence numbers, of which there is a bit for each
BATCH = 256
IKE_SA_INIT = 34


class Numbers:
    """Which (SPI, sequence number) were there; sequence numbers come in dense blocks."""

    def __init__(self):
        self.blocks = {}
        self.count = 0
        self.repeated = 0

    def add(self, spi, sequence):
        block = self.blocks.setdefault((spi, sequence >> BLOCK_BITS),
                                       bytearray(1 << (BLOCK_BITS - 3)))
        at, bit = (sequence >> 3) & (len(block) - 1), 1 << (sequence & 7)
        self.repeated += bool(block[at] & bit)
        self.count += 1
        block[at] |= bit


class Tap:
    def __init__(self, devices):
        self.numbers = Numbers()
        self.begun = {IKE_SA_INIT: set(), IKE_AUTH: set()}
        self.missed = 0
        self.sockets = [self._open(device) for device in devices]

    @staticmethod
    def _open(device):
        one = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        one.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        with contextlib.suppress(PermissionError):
            one.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
        one.setblocking(False)
        one.bind((device, ETH_P_ALL))
        return one

    def read(self, one):
        """True if there may be more."""
        for _ in range(BATCH):
            try:
                frame = one.recv(SNAPSHOT)
            except BlockingIOError:
                return False
            self.see(frame)
        return True

    def see(self, frame):
        packet = packet_of(frame)
        if packet is None or packet.fragment:
            return
        if number := esp_number(packet):
            self.numbers.add(*number)
        elif header := ike_header(packet):
            spis, exchange, is_response, message = header
            if exchange in self.begun and not is_response:
                # One that is sent again is the same exchange.
                self.begun[exchange].add((spis, message))

    def counts(self):
        for one in self.sockets:
            while self.read(one):
                pass
            _, drops = STATISTICS.unpack(
                one.getsockopt(SOL_PACKET, PACKET_STATISTICS, STATISTICS.size))
            self.missed += drops
        return {"esp": self.numbers.count, "repeated": self.numbers.repeated,
                "inits": len(self.begun[IKE_SA_INIT]), "auths": len(self.begun[IKE_AUTH]),
                "missed": self.missed}


def main():
    tap = Tap(sys.argv[1:])
    selector = selectors.DefaultSelector()
    for one in tap.sockets:
        selector.register(one, selectors.EVENT_READ)
    selector.register(sys.stdin, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.fileobj is not sys.stdin:
                tap.read(key.fileobj)
            elif not sys.stdin.readline():
                return
            else:
                print(json.dumps(tap.counts()), flush=True)


if __name__ == "__main__":
    main()
