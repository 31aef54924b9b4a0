// What comes from the client's side: arbitrary packets, arbitrary UDP datagrams to our ports,
// arbitrary ICMP and fragments to us, and arbitrary plaintext in authentic ESP. The first byte says
// which family is outside; then come steps: kind, length (2), bytes.

#include <array>
#include <cstddef>
#include <cstdint>

#include "fuzz/isa_input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace segw;
  wire::Reader in(ByteView(data, size));
  isa::testing::ActingIsa isa((in.u8("options") & 1) != 0 ? isa::testing::make_ends_over_v6()
                                                          : isa::testing::make_ends());
  const Endpoint client{.address = isa.ends.client.local, .port = 4500};
  std::vector<Bytes> packets;
  uint32_t sequence = 0;
  while (in.left() >= 3 && packets.size() < 64) {
    const uint8_t kind = in.u8("kind");
    const uint16_t wanted = in.u16("length");
    const ByteView bytes = in.bytes(std::min<size_t>({wanted, in.left(), 60000}), "bytes");
    switch (kind % 4) {
      case 0:
        packets.push_back(to_bytes(bytes));
        break;
      case 1:
        packets.push_back(isa.authentic(++sequence, bytes));
        break;
      case 2:
        packets.push_back(isa.authentic(kind, bytes));
        break;
      case 3:
        if (kind >= 192) {  // ICMP, fragments of IPv6, extension headers
          constexpr std::array<uint8_t, 8> kProtocols{1, 58, 44, 0, 43, 60, 50, 17};
          packets.push_back(esp::ip_packet({.source = isa.ends.client.local,
                                            .destination = isa.ends.gateway.local,
                                            .protocol = kProtocols.at(kind >> 2 & 7)},
                                           bytes));
          break;
        }
        packets.push_back(esp::udp_packet(client,
                                          {.address = isa.ends.gateway.local,
                                           .port = static_cast<uint16_t>(kind < 96 ? 500 : 4500)},
                                          1, bytes));
        break;
      default:
        break;
    }
  }
  isa::Output out;
  isa.engine.on_public(packets, isa.now, out);
  isa.check(out);
  isa.now += std::chrono::milliseconds(100);
  isa.engine.on_timer(isa.now, out);
  for (const isa::FromIsa& report : out.to_segwd) {
    SEGW_ASSERT(isa::decode_from_isa(isa::encode(report)).has_value());
  }
  return 0;
}
