"""Tests of what the fault labs measure: no lab is raised."""

import struct
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "labs"), str(ROOT / "labs/faults"), str(ROOT / "labs/interop")]
from limits import Limits  # noqa: E402
from sender import ip_packet, udp  # noqa: E402
from tap import BLOCK_BITS, Tap  # noqa: E402
from traffic import window  # noqa: E402


def check(holds, what):
    if not holds:
        raise AssertionError(what)


def test_a_window_counts_what_was_sent_in_it(_):
    # Ten packets, 10 ms apart; 3, 4 and 8 are lost, 6 comes twice.
    sent = [n / 100 for n in range(10)]
    arrived = [[n, n / 100 + 0.001] for n in range(10) if n not in (3, 4, 8)] + [[6, 0.07]]
    seen = window({"sent": sent, "arrived": arrived}, 0.025, 0.075)
    check((seen.sent, seen.lost, seen.twice) == (5, 2, 1), f"{seen}")
    check(abs(seen.gap_ms - 30) < 0.01, f"from packet 2 to packet 5: {seen}")


def test_a_gap_that_a_window_cuts_counts_whole(_):
    flow = {"sent": [0.0, 0.01, 0.5], "arrived": [[0, 0.0], [2, 0.5]]}
    check(window(flow, 0.2, 0.3).gap_ms == 500, "the window is within the gap")


def esp_in_udp(spi, sequence):
    data = udp(4500, 4500, struct.pack("!II", spi, sequence) + bytes(20))
    return bytes(12) + b"\x08\x00" + ip_packet(bytes(4), bytes(4), 17, data)


def test_the_tap_finds_a_sequence_number_that_was_there(_):
    tap = Tap([])
    numbers = [1, 2, 1 << BLOCK_BITS, (1 << BLOCK_BITS) + 1, 0xffffffff]
    for spi in (7, 8):
        for number in numbers:
            tap.see(esp_in_udp(spi, number))
    check(tap.counts()["repeated"] == 0, "of each SPI its own numbers")
    tap.see(esp_in_udp(7, 1 << BLOCK_BITS))
    check((tap.counts()["esp"], tap.counts()["repeated"]) == (11, 1), f"{tap.counts()}")


def ike(exchange, flags, message):
    data = udp(4500, 4500, bytes(4) + bytes(16) + struct.pack("!BBBBII", 0, 0x20, exchange, flags,
                                                               message, 28))
    return bytes(12) + b"\x08\x00" + ip_packet(bytes(4), bytes(4), 17, data)


def test_the_tap_counts_an_exchange_that_is_sent_again_once(_):
    tap = Tap([])
    for frame in (ike(35, 8, 1), ike(35, 8, 1), ike(35, 0x20, 1), ike(37, 8, 2), ike(35, 8, 3)):
        tap.see(frame)
    check(tap.counts()["auths"] == 2, f"{tap.counts()}")


def test_limits_are_those_of_the_configuration(folder):
    file = folder / "a.cfg"
    file.write_text("hold-on-neighbor-failure 3\nkeep-alive-interval 5 # not 100\n")
    check(Limits.of(file).loss_gap_ms == 2000, f"{Limits.of(file)}")
    file.write_text("bfd-liveness true\ntransmit-interval 50\nreceive 50\nmultiplier 3\n")
    check(Limits.of(file).loss_gap_ms == 300, f"{Limits.of(file)}")
