// What comes from behind the gateway: arbitrary bytes, and IPv4 and IPv6 packets of arbitrary
// contents to the client, over IPv4 and over IPv6. What the selectors do not fit never leaves; what
// leaves, the client can open.

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "esp/reassembly.h"
#include "fuzz/isa_input.h"

namespace {

using namespace segw;

void check(const isa::testing::ActingIsa& isa, const isa::Output& out) {
  const auto opener = esp::Opener::make(isa.ends.client, *isa.backend);
  esp::Reassembler reassembler;
  Counters drops;
  for (const Bytes& packet : out.to_public) {
    SEGW_ASSERT(packet.size() <= 1500);
    auto outer = esp::parse_ip(packet);
    SEGW_ASSERT(outer.has_value());
    Bytes whole = packet;
    if (outer->fragment) {
      auto again = reassembler.add(*outer, isa.now, drops);
      if (!again) continue;
      whole = std::move(*again);
      outer = esp::parse_ip(whole);
      SEGW_ASSERT(outer.has_value());
    }
    const auto udp = esp::parse_udp(outer->payload);
    SEGW_ASSERT(udp.has_value());
    SEGW_ASSERT(opener->open(isa.ends.client, udp->payload, 0).outcome == esp::Opening::Ok);
  }
  SEGW_ASSERT(drops.all().empty() && reassembler.datagrams() == 0);
  for (const Bytes& packet : out.to_private) SEGW_ASSERT(esp::parse_ip(packet).has_value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  wire::Reader in(ByteView(data, size));
  isa::testing::ActingIsa isa((in.u8("options") & 1) != 0 ? isa::testing::make_ends_over_v6()
                                                          : isa::testing::make_ends());
  std::vector<Bytes> packets;
  while (in.left() >= 3 && packets.size() < 64) {
    const uint8_t kind = in.u8("kind");
    const uint16_t wanted = in.u16("length");
    const ByteView bytes = in.bytes(std::min<size_t>(wanted, in.left()), "bytes");
    if (kind % 2 == 0 || bytes.size() > 60000) {
      packets.push_back(to_bytes(bytes));
      continue;
    }
    const size_t family = (kind & 128) != 0 ? 1 : 0;
    packets.push_back(
        esp::ip_packet({.source = isa.ends.gateway.local_selectors[family].first,
                        .destination = isa.ends.gateway.remote_selectors[family].first,
                        .protocol = static_cast<uint8_t>(kind >> 2 & 31),
                        .dont_fragment = (kind & 2) != 0},
                       bytes));
  }
  isa::Output out;
  isa.engine.on_private(packets, isa.now, out);
  check(isa, out);
  return 0;
}
