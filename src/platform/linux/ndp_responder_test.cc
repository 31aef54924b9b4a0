#include "platform/linux/ndp_responder.h"

#include <gtest/gtest.h>

#include "esp/checksum.h"
#include "esp/ip_packet.h"
#include "wire/writer.h"

namespace segw::platform::os {
namespace {

IpAddress ip(const char* text) { return IpAddress::parse(text).value_or(IpAddress{}); }

constexpr Mac kAsker{2, 0, 0, 0, 0, 9};
constexpr Mac kUs{2, 0, 0, 0, 0, 1};

struct Solicitation {
  const char* what = "";
  const char* from = "fe80::9";
  uint8_t type = 135;
  uint8_t code = 0;
  uint8_t hop_limit = 255;
  const char* target = "2001:db8:16::254";
  size_t cut = 0;
  uint8_t spoil = 0;
};

Bytes frame(const Solicitation& fields) {
  const IpAddress from = ip(fields.from);
  const IpAddress to = ip("ff02::1:ff00:254");
  wire::Writer message;
  message.u8(fields.type).u8(fields.code).u16(0).u32(0).bytes(ip(fields.target).bytes());
  message.u8(1).u8(1).bytes(kAsker);
  const uint32_t pseudo = esp::pseudo_header_sum(from, to, esp::kProtocolIcmpv6, message.size());
  message.patch_u16(2, esp::checksum(esp::ones_sum(message.view(), pseudo)));
  Bytes body = message.take();
  body.back() = static_cast<uint8_t>(body.back() ^ fields.spoil);
  body.resize(body.size() - fields.cut);
  wire::Writer out;
  out.bytes(kUs).bytes(kAsker).u16(0x86DD);
  out.bytes(esp::ip_packet(esp::IpFields{.source = from,
                                         .destination = to,
                                         .protocol = esp::kProtocolIcmpv6,
                                         .hop_limit = fields.hop_limit},
                           body));
  return out.take();
}

TEST(NdpResponder, ReadsASolicitation) {
  const auto asked = decode_solicitation(frame({}));
  ASSERT_TRUE(asked);
  EXPECT_EQ(asked->target, ip("2001:db8:16::254"));
  EXPECT_EQ(asked->sender, ip("fe80::9"));
  EXPECT_EQ(asked->sender_mac, kAsker);
}

// RFC 4861 7.1.1.
TEST(NdpResponder, RefusesWhatIsNone) {
  const Solicitation table[] = {
      {.what = "of another type", .type = 136},        {.what = "with a code", .code = 1},
      {.what = "from another link", .hop_limit = 254}, {.what = "for a group", .target = "ff02::1"},
      {.what = "with a wrong checksum", .spoil = 1},   {.what = "cut", .cut = 12},
  };
  for (const Solicitation& row : table) EXPECT_FALSE(decode_solicitation(frame(row))) << row.what;
  const Bytes whole = frame({});
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(decode_solicitation(ByteView(whole).first(size))) << size;
  }
}

TEST(NdpResponder, AdvertisesToWhoAskedAndToAll) {
  for (const bool all : {false, true}) {
    const IpAddress to = all ? ip("::") : ip("fe80::9");
    const Bytes out = encode_advertisement(kUs, ip("2001:db8:16::254"), kAsker, to);
    const auto packet = esp::parse_ip(ByteView(out).subspan(14));
    ASSERT_TRUE(packet);
    EXPECT_EQ(packet->destination, all ? ip("ff02::1") : to);
    EXPECT_EQ(packet->hop_limit, 255);
    const uint32_t pseudo = esp::pseudo_header_sum(packet->source, packet->destination,
                                                   esp::kProtocolIcmpv6, packet->payload.size());
    EXPECT_EQ(esp::ones_sum(packet->payload, pseudo), 0xFFFFU);
    EXPECT_EQ(packet->payload[0], 136);
    // RFC 4861 4.4: "solicited" must not be set in what goes to all.
    EXPECT_EQ(packet->payload[4], all ? 0xA0 : 0xE0);
    EXPECT_EQ(out[0], all ? 0x33 : kAsker[0]);
  }
}

}  // namespace
}  // namespace segw::platform::os
