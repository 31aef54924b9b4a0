// What comes from behind the gateway: arbitrary bytes, and IPv4 packets of arbitrary contents to
// the client. What the selectors do not fit never leaves; what leaves, the client can open.

#include <cstddef>
#include <cstdint>

#include "fuzz/isa_input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace segw;
  isa::testing::ActingIsa isa;
  const auto opener = esp::Opener::make(isa.ends.client, *isa.backend);
  wire::Reader in(ByteView(data, size));
  std::vector<Bytes> packets;
  while (in.left() >= 3 && packets.size() < 64) {
    const uint8_t kind = in.u8("kind");
    const uint16_t wanted = in.u16("length");
    const ByteView bytes = in.bytes(std::min<size_t>(wanted, in.left()), "bytes");
    if (kind % 2 == 0) {
      packets.push_back(to_bytes(bytes));
      continue;
    }
    Bytes packet = esp::ipv4_header({.source = isa.ends.gateway.local_selectors[0].first,
                                     .destination = isa.ends.gateway.remote_selectors[0].first,
                                     .protocol = static_cast<uint8_t>(kind >> 2),
                                     .dont_fragment = (kind & 2) != 0},
                                    bytes.size());
    append(packet, bytes);
    packets.push_back(std::move(packet));
  }
  isa::Output out;
  isa.engine.on_private(packets, isa.now, out);
  SEGW_ASSERT(out.to_public.size() <= packets.size());
  for (const Bytes& packet : out.to_public) {
    const auto outer = esp::parse_ipv4(packet);
    SEGW_ASSERT(outer.has_value());
    const auto udp = esp::parse_udp(outer->payload);
    SEGW_ASSERT(udp.has_value());
    SEGW_ASSERT(opener->open(isa.ends.client, udp->payload, 0).outcome == esp::Opening::Ok);
  }
  return 0;
}
