#pragma once

// Packets by hand, for tests and fuzzers.

#include "esp/checksum.h"
#include "esp/ip_packet.h"
#include "wire/writer.h"

namespace segw::esp::testing {

inline IpAddress ip(const char* text) { return IpAddress::parse(text).value_or(IpAddress{}); }

// `size` bytes that count up, so that a piece in the wrong place shows.
inline Bytes pattern(size_t size) {
  Bytes bytes(size);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(i + i / 251);
  return bytes;
}

inline Bytes packet(const char* from, const char* to, uint8_t protocol, ByteView payload,
                    uint8_t traffic_class = 0, bool dont_fragment = false) {
  return ip_packet(IpFields{.source = ip(from),
                            .destination = ip(to),
                            .protocol = protocol,
                            .traffic_class = traffic_class,
                            .identification = 7,
                            .dont_fragment = dont_fragment},
                   payload);
}

inline void mend_ipv4_checksum(Bytes& packet) {
  packet[10] = packet[11] = 0;
  const uint16_t sum = checksum(ones_sum(ByteView(packet).first(size_t{packet[0] & 0xFU} * 4)));
  packet[10] = static_cast<uint8_t>(sum >> 8);
  packet[11] = static_cast<uint8_t>(sum & 0xFF);
}

struct FragmentFields {
  bool v4 = true;
  uint32_t identification = 1;
  size_t offset = 0;
  bool more = true;
  uint8_t traffic_class = 0;
  uint8_t protocol = kProtocolUdp;
  const char* source = nullptr;
};
inline Bytes fragment(const FragmentFields& fields, ByteView part) {
  if (fields.v4) {
    const char* from = fields.source != nullptr ? fields.source : "192.0.2.1";
    Bytes made = packet(from, "192.0.2.2", fields.protocol, part, fields.traffic_class);
    const size_t word = fields.offset / 8 | (fields.more ? 0x2000U : 0U);
    made[4] = static_cast<uint8_t>(fields.identification >> 8);
    made[5] = static_cast<uint8_t>(fields.identification & 0xFF);
    made[6] = static_cast<uint8_t>(word >> 8);
    made[7] = static_cast<uint8_t>(word & 0xFF);
    mend_ipv4_checksum(made);
    return made;
  }
  wire::Writer payload;
  payload.u8(fields.protocol).u8(0);
  payload.u16(static_cast<uint16_t>(fields.offset | (fields.more ? 1U : 0U)));
  payload.u32(fields.identification).bytes(part);
  const char* from = fields.source != nullptr ? fields.source : "2001:db8::1";
  return packet(from, "2001:db8::2", kProtocolFragment, payload.view(), fields.traffic_class);
}

// A UDP packet, a TCP SYN with an MSS …, by protocol: only the ports matter.
inline Bytes with_ports(uint16_t source, uint16_t destination) {
  wire::Writer out;
  out.u16(source).u16(destination).zeros(16);
  return out.take();
}

}  // namespace segw::esp::testing
