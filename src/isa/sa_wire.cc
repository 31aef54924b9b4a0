#include "isa/sa_wire.h"

#include <algorithm>

#include "esp/algorithm.h"

namespace segw::isa {
namespace {

constexpr uint8_t kFamilyV4 = 4;
constexpr uint8_t kFamilyV6 = 6;
constexpr size_t kSelectorsMax = 64;
constexpr size_t kHoldersMax = 64;
constexpr size_t kWindowWordsMax = 8;  // 512 packets
constexpr size_t kKeyMax = 128;

void write(wire::Writer& out, const SecretBytes& secret) {
  out.u16(static_cast<uint16_t>(secret.size())).bytes(secret.view());
}

SecretBytes read_secret(wire::Reader& in, std::string_view field) {
  const size_t size = in.u16(field);
  if (size > kKeyMax) in.refuse(field);
  return SecretBytes(in.bytes(in.ok() ? size : 0, field));
}

void write(wire::Writer& out, const esp::TrafficSelector& selector) {
  out.u8(selector.protocol).u16(selector.port_first).u16(selector.port_last);
  isa::write(out, selector.first);
  isa::write(out, selector.last);
}

esp::TrafficSelector read_selector(wire::Reader& in) {
  esp::TrafficSelector selector;
  selector.protocol = in.u8("selector-protocol");
  selector.port_first = in.u16("selector-port-first");
  selector.port_last = in.u16("selector-port-last");
  selector.first = read_address(in);
  selector.last = read_address(in);
  return selector;
}

// A count of things of at least `size` bytes each: bounded by the bytes that are left.
size_t read_count(wire::Reader& in, size_t maximum, size_t size, std::string_view field) {
  const size_t count = in.u16(field);
  if (count > maximum || count * size > in.left()) in.refuse(field);
  return in.ok() ? count : 0;
}

template <typename T, typename WriteOne>
void write_list(wire::Writer& out, const std::vector<T>& list, WriteOne write_one) {
  out.u16(static_cast<uint16_t>(list.size()));
  for (const T& item : list) write_one(item);
}

esp::Suite read_suite(wire::Reader& in) {
  const uint16_t encryption = in.u16("encryption");
  const uint16_t key_bits = in.u16("key-bits");
  const uint16_t integrity = in.u16("integrity");
  const bool extended = read_bool(in, "extended-sequence-numbers");
  const std::string_view wrong = esp::misfit(encryption, key_bits, integrity);
  if (!wrong.empty()) in.refuse(wrong);
  if (!in.ok()) return {};
  return {.encryption = static_cast<esp::Encryption>(encryption),
          .key_bits = key_bits,
          .integrity = static_cast<esp::Integrity>(integrity),
          .extended_sequence_numbers = extended};
}

}  // namespace

bool read_bool(wire::Reader& in, std::string_view field) {
  const uint8_t value = in.u8(field);
  if (value > 1) in.refuse(field);
  return value == 1;
}

void write(wire::Writer& out, const IpAddress& address) {
  out.u8(address.is_v4() ? kFamilyV4 : kFamilyV6).bytes(address.bytes());
}

IpAddress read_address(wire::Reader& in) {
  const uint8_t family = in.u8("address-family");
  if (family != kFamilyV4 && family != kFamilyV6) in.refuse("address-family");
  const ByteView bytes = in.bytes(family == kFamilyV4 ? 4 : 16, "address");
  return IpAddress::from_bytes(bytes).value_or(IpAddress{});
}

void write(wire::Writer& out, const IpPrefix& prefix) {
  write(out, prefix.address);
  out.u8(prefix.length);
}

IpPrefix read_prefix(wire::Reader& in) {
  IpPrefix prefix;
  prefix.address = read_address(in);
  prefix.length = in.u8("prefix-length");
  if (prefix.length > (prefix.address.is_v4() ? 32 : 128)) in.refuse("prefix-length");
  return prefix;
}

void write(wire::Writer& out, const Endpoint& endpoint) {
  write(out, endpoint.address);
  out.u16(endpoint.port);
}

Endpoint read_endpoint(wire::Reader& in) {
  Endpoint endpoint;
  endpoint.address = read_address(in);
  endpoint.port = in.u16("port");
  return endpoint;
}

void write(wire::Writer& out, const std::optional<esp::UdpEncapsulation>& encapsulation) {
  out.u8(encapsulation ? 1 : 0);
  if (encapsulation) out.u16(encapsulation->local_port).u16(encapsulation->remote_port);
}

std::optional<esp::UdpEncapsulation> read_encapsulation(wire::Reader& in) {
  if (!read_bool(in, "encapsulated")) return std::nullopt;
  esp::UdpEncapsulation encapsulation;
  encapsulation.local_port = in.u16("local-port");
  encapsulation.remote_port = in.u16("remote-port");
  return encapsulation;
}

void write(wire::Writer& out, const esp::SequenceGrants& grants) {
  out.u8(grants.slots).u8(grants.grantee.value);
  for (const uint64_t bound : grants.bound) out.u64(bound);
}

esp::SequenceGrants read_grants(wire::Reader& in) {
  esp::SequenceGrants grants;
  grants.slots = in.u8("slots");
  if (grants.slots == 0 || grants.slots > esp::kSlotsMax) in.refuse("slots");
  grants.grantee = Slot{in.u8("grantee")};
  if (grants.grantee.value >= esp::kSlotsMax) in.refuse("grantee");
  for (uint64_t& bound : grants.bound) bound = in.u64("bound");
  return grants;
}

void write(wire::Writer& out, const esp::SaWindow& window) {
  out.u32(window.inbound_spi.value).u64(window.outbound_next).u64(window.inbound_highest);
  write_list(out, window.seen, [&](uint64_t word) { out.u64(word); });
}

esp::SaWindow read_window(wire::Reader& in) {
  esp::SaWindow window;
  window.inbound_spi = Spi{in.u32("window-spi")};
  window.outbound_next = in.u64("outbound-next");
  window.inbound_highest = in.u64("inbound-highest");
  const size_t words = read_count(in, kWindowWordsMax, sizeof(uint64_t), "window-words");
  for (size_t i = 0; i < words; ++i) window.seen.push_back(in.u64("window-word"));
  return window;
}

void write(wire::Writer& out, const esp::ChildSa& sa) {
  out.u16(sa.group.value).u64(sa.ike_sa.value).u32(sa.tunnel);
  out.u32(sa.inbound_spi.value).u32(sa.outbound_spi.value);
  write(out, sa.local);
  write(out, sa.remote);
  write(out, sa.encapsulation);
  out.u16(static_cast<uint16_t>(sa.suite.encryption)).u16(sa.suite.key_bits);
  out.u16(static_cast<uint16_t>(sa.suite.integrity));
  out.u8(sa.suite.extended_sequence_numbers ? 1 : 0);
  write(out, sa.inbound_key);
  write(out, sa.outbound_key);
  write_list(out, sa.local_selectors, [&](const auto& selector) { write(out, selector); });
  write_list(out, sa.remote_selectors, [&](const auto& selector) { write(out, selector); });
  out.u16(sa.replay_window).u8(sa.initiator ? 1 : 0).u8(sa.rekeyed ? 1 : 0);
  out.u64(static_cast<uint64_t>(sa.lifetime.count())).u64(static_cast<uint64_t>(sa.age.count()));
  write(out, sa.grants);
  write_list(out, sa.holders, [&](const esp::Holder& holder) {
    out.u8(holder.slot.value).bytes(holder.incarnation);
  });
  out.u32(sa.replaces.value).u64(static_cast<uint64_t>(sa.outbound_from.count()));
}

// Added to and taken from times: what could overflow there stays out.
static Duration read_span(wire::Reader& in, std::string_view field) {
  constexpr Duration kMax = std::chrono::hours(100 * 365 * 24);
  const uint64_t nanoseconds = in.u64(field);
  if (nanoseconds > static_cast<uint64_t>(kMax.count())) in.refuse(field);
  return in.ok() ? Duration(static_cast<int64_t>(nanoseconds)) : Duration{};
}

esp::ChildSa read_child_sa(wire::Reader& in) {
  constexpr size_t kSelectorSize = 15;
  constexpr size_t kHolderSize = 17;
  esp::ChildSa sa;
  sa.group = TunnelGroupId{in.u16("group")};
  sa.ike_sa = IkeSpi{in.u64("ike-sa")};
  sa.tunnel = in.u32("tunnel");
  sa.inbound_spi = Spi{in.u32("inbound-spi")};
  sa.outbound_spi = Spi{in.u32("outbound-spi")};
  sa.local = read_address(in);
  sa.remote = read_address(in);
  if (sa.remote.family() != sa.local.family()) in.refuse("address-family");
  sa.encapsulation = read_encapsulation(in);
  sa.suite = read_suite(in);
  sa.inbound_key = read_secret(in, "inbound-key");
  sa.outbound_key = read_secret(in, "outbound-key");
  size_t count = read_count(in, kSelectorsMax, kSelectorSize, "local-selectors");
  for (size_t i = 0; i < count; ++i) sa.local_selectors.push_back(read_selector(in));
  count = read_count(in, kSelectorsMax, kSelectorSize, "remote-selectors");
  for (size_t i = 0; i < count; ++i) sa.remote_selectors.push_back(read_selector(in));
  sa.replay_window = in.u16("replay-window");
  sa.initiator = read_bool(in, "initiator");
  sa.rekeyed = read_bool(in, "rekeyed");
  sa.lifetime = read_span(in, "lifetime");
  sa.age = read_span(in, "age");
  sa.grants = read_grants(in);
  count = read_count(in, kHoldersMax, kHolderSize, "holders");
  for (size_t i = 0; i < count; ++i) {
    esp::Holder holder{.slot = Slot{in.u8("holder-slot")}};
    std::ranges::copy(in.bytes(holder.incarnation.size(), "incarnation"),
                      holder.incarnation.begin());
    sa.holders.push_back(holder);
  }
  sa.replaces = Spi{in.u32("replaces")};
  sa.outbound_from = read_span(in, "outbound-from");
  return sa;
}

}  // namespace segw::isa
