"""Numbered datagrams both ways through tunnels: one process at each end, which sends and receives.

    probe.py '{"flows": [[local address, remote address, port], …], "rate": 100, "out": FILE}'

Commands on standard input, a line each: `arrived` answers with how many packets each flow got; `stop`
ends sending. At the end of the input what was sent and received goes to FILE as JSON: for each flow
{"sent": [time of packet 0, 1, …], "arrived": [[number, time], …]}, times in seconds since the epoch."""

import contextlib
import json
import os
import selectors
import socket
import struct
import sys
import time
from pathlib import Path

NUMBER = struct.Struct("!I")
PAYLOAD = 56  # bytes, as a ping has
SO_TIMESTAMPNS = 35  # asm-generic/socket.h; Python has no name for it
TIMESPEC = struct.Struct("@qq")
ANCILLARY = socket.CMSG_SPACE(TIMESPEC.size)
BATCH = 64  # received packets after which it is looked whether one is to be sent


class Flow:
    """One end of a tunnel's traffic. Arrivals have the kernel's time, whenever they are read."""

    def __init__(self, local, remote, port):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.socket.bind((local, port))
        self.peer = (remote, port)
        self.sent = []
        self.arrived = []

    def send(self):
        data = NUMBER.pack(len(self.sent)).ljust(PAYLOAD, b"\0")
        self.sent.append(time.time())
        # A packet that has no way now is lost like one that is dropped on its way.
        with contextlib.suppress(OSError):
            self.socket.sendto(data, self.peer)

    def receive(self):
        for _ in range(BATCH):
            try:
                data, ancillary, _, source = self.socket.recvmsg(PAYLOAD, ANCILLARY)
            except BlockingIOError:
                return
            except OSError:  # an ICMP error of a packet before
                continue
            if source[0] != self.peer[0] or len(data) < NUMBER.size:
                continue
            seconds, nanoseconds = TIMESPEC.unpack(ancillary[0][2][:TIMESPEC.size])
            self.arrived.append((NUMBER.unpack_from(data)[0], seconds + nanoseconds / 1e9))


class Probe:
    def __init__(self, job):
        self.flows = [Flow(*flow) for flow in job["flows"]]
        self.interval = 1 / job["rate"] / len(self.flows)  # the flows take turns
        self.sending = True
        self.selector = selectors.DefaultSelector()
        for flow in self.flows:
            self.selector.register(flow.socket, selectors.EVENT_READ, flow.receive)
        self.selector.register(sys.stdin, selectors.EVENT_READ, self.command)
        self.ended = False

    def command(self):
        words = sys.stdin.buffer.raw.read(4096).split()
        self.ended = not words
        for word in words:
            if word == b"arrived":
                print(json.dumps([len(flow.arrived) for flow in self.flows]), flush=True)
            elif word == b"stop":
                self.sending = False

    def run(self):
        due, turn = time.monotonic(), 0
        while not self.ended:
            wait = max(0.0, due - time.monotonic()) if self.sending else None
            for key, _ in self.selector.select(wait):
                key.data()
            while self.sending and due <= time.monotonic():
                self.flows[turn % len(self.flows)].send()
                due, turn = due + self.interval, turn + 1

    def result(self):
        return [{"sent": flow.sent, "arrived": flow.arrived} for flow in self.flows]


def main():
    job = json.loads(sys.argv[1])
    # What is measured are the chassis, not how soon this process gets a core.
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    probe = Probe(job)
    probe.run()
    Path(job["out"]).write_text(json.dumps(probe.result()))


if __name__ == "__main__":
    main()
