#include "isa/isa_wire.h"

#include "esp/ip_packet.h"
#include "isa/sa_wire.h"
#include "wire/writer.h"

namespace segw::isa {
namespace {

constexpr size_t kGatewaysMax = 1024;
constexpr size_t kSasMax = 1024;
constexpr size_t kReasonsMax = 256;
constexpr size_t kTextMax = 256;
constexpr uint32_t kIvEpochEnd = 1U << 22;
constexpr size_t kInterfacesMax = 8;
constexpr Duration kReassemblyWaitMax = std::chrono::milliseconds(5000);
constexpr Duration kSpanMax = std::chrono::hours(24);

// The first byte of each message. Numbers are never used again.
enum class Type : uint8_t {
  Setup = 1,
  SetRole = 2,
  Vouch = 3,
  InstallSa = 4,
  UseOutbound = 5,
  RemoveSa = 6,
  SetGrants = 7,
  SetWindow = 8,
  SetPeerEndpoint = 9,
  SendIke = 10,
  Freeze = 11,
  Ready = 64,
  PuntIke = 65,
  Activity = 66,
  SequenceLow = 67,
  Frozen = 68,
  Drops = 69,
  UnknownEsp = 70,
  Alive = 71,
};

void write_text(wire::Writer& out, const std::string& text) {
  const std::string_view cut = std::string_view(text).substr(0, kTextMax);
  out.u16(static_cast<uint16_t>(cut.size())).bytes(as_bytes(cut));
}

std::string read_text(wire::Reader& in, std::string_view field) {
  const size_t size = in.u16(field);
  if (size > kTextMax) in.refuse(field);
  const ByteView bytes = in.bytes(in.ok() ? size : 0, field);
  return {bytes.begin(), bytes.end()};
}

size_t read_count(wire::Reader& in, size_t maximum, std::string_view field) {
  const size_t count = in.u16(field);
  if (count > maximum || count > in.left()) in.refuse(field);
  return in.ok() ? count : 0;
}

void write(wire::Writer& out, const IkeDatagram& datagram) {
  isa::write(out, datagram.local);
  isa::write(out, datagram.remote);
  out.u32(static_cast<uint32_t>(datagram.message.size())).bytes(datagram.message);
}

void write(wire::Writer& out, const esp::TunnelOptions& options) {
  out.u8(options.clear_df_bit ? 1 : 0).u8(options.copy_traffic_class ? 1 : 0);
  out.u8(options.propagate_pmtu_v4 ? 1 : 0).u8(options.propagate_pmtu_v6 ? 1 : 0);
  out.u16(options.ip_mtu).u16(options.encapsulated_ip_mtu);
  out.u64(static_cast<uint64_t>(options.pmtu_aging.count()));
  out.u16(options.public_tcp_mss).u8(options.public_tcp_mss_auto ? 1 : 0);
  out.u16(options.private_tcp_mss);
  out.u64(static_cast<uint64_t>(options.nat_keep_alive.count()));
  for (const esp::IcmpLimit& limit : {options.icmp_v4, options.icmp_v6}) {
    out.u16(limit.count).u64(static_cast<uint64_t>(limit.interval.count()));
  }
}

IkeDatagram read_ike(wire::Reader& in) {
  IkeDatagram datagram;
  datagram.local = read_endpoint(in);
  datagram.remote = read_endpoint(in);
  const size_t size = in.u32("ike-size");
  datagram.message = to_bytes(in.bytes(size, "ike-message"));
  return datagram;
}

struct Encoder {
  wire::Writer& out;

  void type(Type type) const { out.u8(static_cast<uint8_t>(type)); }

  void operator()(const Setup& m) const {
    type(Type::Setup);
    out.u8(m.id.slot).u8(m.id.mda).u8(m.slot.value);
    for (const auto* interfaces : {&m.public_interfaces, &m.private_interfaces}) {
      out.u8(static_cast<uint8_t>(interfaces->size()));
      for (const IpPrefix& interface : *interfaces) isa::write(out, interface);
    }
    out.u16(m.public_mtu).u64(static_cast<uint64_t>(m.reassembly_wait.count()));
    out.u16(static_cast<uint16_t>(m.gateways.size()));
    for (const IpAddress& gateway : m.gateways) isa::write(out, gateway);
  }
  void operator()(const SetRole& m) const {
    type(Type::SetRole);
    out.u8(static_cast<uint8_t>(m.role)).u32(m.iv_epoch);
    out.u8(static_cast<uint8_t>(m.position));
  }
  void operator()(const Vouch& m) const {
    type(Type::Vouch);
    out.u64(static_cast<uint64_t>(m.deadline.time_since_epoch().count()));
  }
  void operator()(const InstallSa& m) const {
    type(Type::InstallSa);
    isa::write(out, m.sa);
    write(out, m.options);
    out.u8(m.outbound ? 1 : 0).u8(m.may_seal ? 1 : 0).u64(m.outbound_next).u64(m.inbound_edge);
  }
  void operator()(const UseOutbound& m) const {
    type(Type::UseOutbound);
    out.u32(m.inbound_spi.value);
  }
  void operator()(const RemoveSa& m) const {
    type(Type::RemoveSa);
    out.u32(m.inbound_spi.value);
  }
  void operator()(const SetGrants& m) const {
    type(Type::SetGrants);
    out.u32(m.inbound_spi.value);
    isa::write(out, m.grants);
  }
  void operator()(const SetWindow& m) const {
    type(Type::SetWindow);
    isa::write(out, m.window);
  }
  void operator()(const SetPeerEndpoint& m) const {
    type(Type::SetPeerEndpoint);
    out.u32(m.inbound_spi.value);
    isa::write(out, m.remote);
    isa::write(out, m.encapsulation);
  }
  void operator()(const SendIke& m) const {
    type(Type::SendIke);
    write(out, m.datagram);
  }
  void operator()(const Freeze& m) const {
    type(Type::Freeze);
    out.u64(m.cookie);
  }
  void operator()(const Ready& m) const {
    type(Type::Ready);
    write_text(out, m.crypto);
  }
  void operator()(const PuntIke& m) const {
    type(Type::PuntIke);
    write(out, m.datagram);
  }
  void operator()(const Activity& m) const {
    type(Type::Activity);
    out.u16(static_cast<uint16_t>(m.sas.size()));
    for (const SaActivity& sa : m.sas) {
      isa::write(out, sa.window);
      out.u64(sa.packets_in).u64(sa.bytes_in).u64(sa.packets_out).u64(sa.bytes_out);
      out.u64(sa.drops_replay).u64(sa.drops_integrity).u64(sa.drops_selector);
      out.u64(sa.drops_sequence).u8(sa.moved_to ? 1 : 0);
      if (sa.moved_to) isa::write(out, *sa.moved_to);
    }
  }
  void operator()(const SequenceLow& m) const {
    type(Type::SequenceLow);
    out.u32(m.inbound_spi.value).u64(m.next).u64(m.rate);
  }
  void operator()(const Frozen& m) const {
    type(Type::Frozen);
    out.u64(m.cookie).u8(m.last ? 1 : 0).u16(static_cast<uint16_t>(m.windows.size()));
    for (const esp::SaWindow& window : m.windows) isa::write(out, window);
  }
  void operator()(const Drops& m) const {
    type(Type::Drops);
    out.u16(static_cast<uint16_t>(m.counts.size()));
    for (const DropCount& drop : m.counts) {
      write_text(out, drop.reason);
      out.u64(drop.count);
    }
  }
  void operator()(const UnknownEsp& m) const {
    type(Type::UnknownEsp);
    isa::write(out, m.local);
    isa::write(out, m.remote);
    out.u32(m.spi.value).u32(m.size);
  }
  void operator()(const Alive& /*m*/) const { type(Type::Alive); }
};

Duration read_span(wire::Reader& in, Duration most, std::string_view field) {
  const uint64_t value = in.u64(field);
  if (value > static_cast<uint64_t>(most.count())) in.refuse(field);
  return in.ok() ? Duration(static_cast<int64_t>(value)) : Duration{};
}

uint16_t read_mtu(wire::Reader& in, std::string_view field) {
  const uint16_t value = in.u16(field);
  if (value != 0 && value < esp::kIpv4MtuMin) in.refuse(field);
  return value;
}

esp::TunnelOptions read_options(wire::Reader& in) {
  esp::TunnelOptions options;
  options.clear_df_bit = read_bool(in, "clear-df-bit");
  options.copy_traffic_class = read_bool(in, "copy-traffic-class");
  options.propagate_pmtu_v4 = read_bool(in, "propagate-pmtu-v4");
  options.propagate_pmtu_v6 = read_bool(in, "propagate-pmtu-v6");
  options.ip_mtu = read_mtu(in, "ip-mtu");
  options.encapsulated_ip_mtu = read_mtu(in, "encapsulated-ip-mtu");
  options.pmtu_aging = read_span(in, kSpanMax, "pmtu-aging");
  options.public_tcp_mss = in.u16("public-tcp-mss");
  options.public_tcp_mss_auto = read_bool(in, "public-tcp-mss-auto");
  options.private_tcp_mss = in.u16("private-tcp-mss");
  options.nat_keep_alive = read_span(in, kSpanMax, "nat-keep-alive");
  for (esp::IcmpLimit* limit : {&options.icmp_v4, &options.icmp_v6}) {
    limit->count = in.u16("icmp-count");
    limit->interval = read_span(in, kSpanMax, "icmp-interval");
  }
  return options;
}

Setup read_setup(wire::Reader& in) {
  Setup m;
  m.id.slot = in.u8("isa-slot");
  m.id.mda = in.u8("isa-mda");
  m.slot = Slot{in.u8("slot")};
  if (m.slot.value >= esp::kSlotsMax) in.refuse("slot");
  for (auto* interfaces : {&m.public_interfaces, &m.private_interfaces}) {
    const size_t prefixes = in.u8("interfaces");
    if (prefixes > kInterfacesMax) in.refuse("interfaces");
    for (size_t i = 0; i < prefixes && in.ok(); ++i) interfaces->push_back(read_prefix(in));
  }
  m.public_mtu = in.u16("public-mtu");
  if (m.public_mtu < esp::kIpv4MtuMin) in.refuse("public-mtu");
  m.reassembly_wait = read_span(in, kReassemblyWaitMax, "reassembly-wait");
  const size_t count = read_count(in, kGatewaysMax, "gateways");
  for (size_t i = 0; i < count; ++i) m.gateways.push_back(read_address(in));
  return m;
}

SetRole read_role(wire::Reader& in) {
  SetRole m;
  const uint8_t role = in.u8("role");
  if (role > static_cast<uint8_t>(Role::Acting)) in.refuse("role");
  m.role = static_cast<Role>(role);
  m.iv_epoch = in.u32("iv-epoch");
  if (m.iv_epoch >= kIvEpochEnd) in.refuse("iv-epoch");
  const uint8_t position = in.u8("position");
  if (position > static_cast<uint8_t>(esp::Position::LastReport)) in.refuse("position");
  m.position = static_cast<esp::Position>(position);
  return m;
}

InstallSa read_install(wire::Reader& in) {
  InstallSa m;
  m.sa = read_child_sa(in);
  m.options = read_options(in);
  m.outbound = read_bool(in, "outbound");
  m.may_seal = read_bool(in, "may-seal");
  m.outbound_next = in.u64("outbound-next");
  m.inbound_edge = in.u64("inbound-edge");
  return m;
}

SetPeerEndpoint read_peer_endpoint(wire::Reader& in) {
  SetPeerEndpoint m;
  m.inbound_spi = Spi{in.u32("spi")};
  m.remote = read_address(in);
  m.encapsulation = read_encapsulation(in);
  return m;
}

SaActivity read_activity_of_sa(wire::Reader& in) {
  SaActivity sa;
  sa.window = read_window(in);
  sa.packets_in = in.u64("packets-in");
  sa.bytes_in = in.u64("bytes-in");
  sa.packets_out = in.u64("packets-out");
  sa.bytes_out = in.u64("bytes-out");
  sa.drops_replay = in.u64("drops-replay");
  sa.drops_integrity = in.u64("drops-integrity");
  sa.drops_selector = in.u64("drops-selector");
  sa.drops_sequence = in.u64("drops-sequence");
  if (read_bool(in, "moved")) sa.moved_to = read_endpoint(in);
  return sa;
}

Activity read_activity(wire::Reader& in) {
  Activity m;
  const size_t count = read_count(in, kSasMax, "sas");
  for (size_t i = 0; i < count && in.ok(); ++i) m.sas.push_back(read_activity_of_sa(in));
  return m;
}

SequenceLow read_sequence_low(wire::Reader& in) {
  SequenceLow m;
  m.inbound_spi = Spi{in.u32("spi")};
  m.next = in.u64("next");
  m.rate = in.u64("rate");
  return m;
}

Frozen read_frozen(wire::Reader& in) {
  Frozen m;
  m.cookie = in.u64("cookie");
  m.last = read_bool(in, "last");
  const size_t count = read_count(in, kSasMax, "windows");
  for (size_t i = 0; i < count && in.ok(); ++i) m.windows.push_back(read_window(in));
  return m;
}

Drops read_drops(wire::Reader& in) {
  Drops m;
  const size_t count = read_count(in, kReasonsMax, "reasons");
  for (size_t i = 0; i < count && in.ok(); ++i) {
    std::string reason = read_text(in, "reason");
    const uint64_t number = in.u64("count");
    m.counts.push_back(DropCount{.reason = std::move(reason), .count = number});
  }
  return m;
}

UnknownEsp read_unknown_esp(wire::Reader& in) {
  UnknownEsp m;
  m.local = read_address(in);
  m.remote = read_endpoint(in);
  m.spi = Spi{in.u32("spi")};
  m.size = in.u32("size");
  return m;
}

SetGrants read_set_grants(wire::Reader& in) {
  const Spi spi{in.u32("spi")};
  return SetGrants{.inbound_spi = spi, .grants = read_grants(in)};
}

}  // namespace

Bytes encode(const ToIsa& message) {
  wire::Writer out;
  std::visit(Encoder{out}, message);
  return out.take();
}

Bytes encode(const FromIsa& message) {
  wire::Writer out;
  std::visit(Encoder{out}, message);
  return out.take();
}

wire::Decoded<ToIsa> decode_to_isa(ByteView bytes) {
  wire::Reader in(bytes);
  if (bytes.size() > kMessageMax) in.refuse("message-size");
  switch (in.u8("type")) {
    case static_cast<uint8_t>(Type::Setup):
      return in.finish(ToIsa(read_setup(in)));
    case static_cast<uint8_t>(Type::SetRole):
      return in.finish(ToIsa(read_role(in)));
    case static_cast<uint8_t>(Type::Vouch):
      return in.finish(
          ToIsa(Vouch{.deadline = Instant(Duration(static_cast<int64_t>(in.u64("deadline"))))}));
    case static_cast<uint8_t>(Type::InstallSa):
      return in.finish(ToIsa(read_install(in)));
    case static_cast<uint8_t>(Type::UseOutbound):
      return in.finish(ToIsa(UseOutbound{.inbound_spi = Spi{in.u32("spi")}}));
    case static_cast<uint8_t>(Type::RemoveSa):
      return in.finish(ToIsa(RemoveSa{.inbound_spi = Spi{in.u32("spi")}}));
    case static_cast<uint8_t>(Type::SetGrants):
      return in.finish(ToIsa(read_set_grants(in)));
    case static_cast<uint8_t>(Type::SetWindow):
      return in.finish(ToIsa(SetWindow{.window = read_window(in)}));
    case static_cast<uint8_t>(Type::SetPeerEndpoint):
      return in.finish(ToIsa(read_peer_endpoint(in)));
    case static_cast<uint8_t>(Type::SendIke):
      return in.finish(ToIsa(SendIke{.datagram = read_ike(in)}));
    case static_cast<uint8_t>(Type::Freeze):
      return in.finish(ToIsa(Freeze{.cookie = in.u64("cookie")}));
    default:
      in.refuse("type");
      return in.finish(ToIsa(Freeze{}));
  }
}

wire::Decoded<FromIsa> decode_from_isa(ByteView bytes) {
  wire::Reader in(bytes);
  if (bytes.size() > kMessageMax) in.refuse("message-size");
  switch (in.u8("type")) {
    case static_cast<uint8_t>(Type::Ready):
      return in.finish(FromIsa(Ready{.crypto = read_text(in, "crypto")}));
    case static_cast<uint8_t>(Type::PuntIke):
      return in.finish(FromIsa(PuntIke{.datagram = read_ike(in)}));
    case static_cast<uint8_t>(Type::Activity):
      return in.finish(FromIsa(read_activity(in)));
    case static_cast<uint8_t>(Type::SequenceLow):
      return in.finish(FromIsa(read_sequence_low(in)));
    case static_cast<uint8_t>(Type::Frozen):
      return in.finish(FromIsa(read_frozen(in)));
    case static_cast<uint8_t>(Type::Drops):
      return in.finish(FromIsa(read_drops(in)));
    case static_cast<uint8_t>(Type::UnknownEsp):
      return in.finish(FromIsa(read_unknown_esp(in)));
    case static_cast<uint8_t>(Type::Alive):
      return in.finish(FromIsa(Alive{}));
    default:
      in.refuse("type");
      return in.finish(FromIsa(Ready{}));
  }
}

}  // namespace segw::isa
