#include "sim/client.h"

#include <fmt/format.h>

#include <utility>

#include "sim/ip_packet.h"
#include "sim/probe.h"
#include "wire/writer.h"

namespace segw::sim {
namespace {

constexpr uint16_t kIkePort = 500;
constexpr uint16_t kNatPort = 4500;
constexpr uint16_t kFirstMappedPort = 20000;
constexpr Duration kStartAgain = std::chrono::milliseconds(700);
// A client that waits for the gateway begins itself when nothing comes.
constexpr Duration kGatewaysTurn = std::chrono::seconds(4);
constexpr Duration kSilence = std::chrono::seconds(3);
constexpr int kNumberShift = 48;  // probe numbers: client, then a counter

}  // namespace

Client::Client(World& world, PacketWorld& packets, Observer& observer, ClientSpec spec)
    : world_(world),
      packets_(packets),
      observer_(observer),
      spec_(std::move(spec)),
      rng_(world.stream(spec_.name)),
      nat_port_(kFirstMappedPort) {
  packets_.add_client(spec_.outer, [this](Bytes packet) { receive(std::move(packet)); });
}

void Client::start() {
  last_echo_ = world_.now();
  if (!spec_.waits) begin_init();
  world_.after(kNature, spec_.probe_interval, [this] { probe(); });
  if (spec_.chore_max > Duration{0}) {
    world_.after(kNature, rng_.between(spec_.chore_min, spec_.chore_max), [this] { chore(); });
  }
}

void Client::note(std::string_view what) { world_.note(spec_.name, what); }

std::vector<uint32_t> Client::outbound_spis() const {
  std::vector<uint32_t> spis;
  spis.reserve(children_.size());
  for (const ClientSa& sa : children_) spis.push_back(sa.outbound_spi());
  return spis;
}

ClientIke Client::named(const IkeSa& sa) const {
  return ClientIke{.client = spec_.name,
                   .outer = spec_.outer,
                   .initiator_spi = sa.initiator_spi,
                   .responder_spi = sa.responder_spi,
                   .client_began = sa.began};
}

void Client::told(IkeSa& sa) {
  if (!sa.established || std::exchange(sa.told, true)) return;
  observer_.on_client_told(named(sa));
}

void Client::lost(const IkeSa& sa, const ClientLoss& loss) {
  if (sa.told) observer_.on_client_lost(named(sa), loss);
}

Duration Client::age_of_child(uint32_t inbound_spi) const {
  const auto at = child_made_.find(inbound_spi);
  return at == child_made_.end() ? Duration{} : world_.now() - at->second;
}

void Client::start_over(std::string_view why, const std::optional<ClientLoss>& loss) {
  note(fmt::format("starts over: {}", why));
  if (loss && ike_ && ike_->established) {
    ++counts_.reauthentications;
    lost(pending_ && pending_->on_old ? *old_ike_ : *ike_, *loss);
  }
  ike_.reset();
  old_ike_.reset();
  children_.clear();
  fresh_.clear();
  child_made_.clear();
  pending_.reset();
  encapsulated_ = false;
  world_.after(kNature, spec_.waits ? kGatewaysTurn : kStartAgain, [this] {
    if (!ike_) begin_init();
  });
}

void Client::rebind_nat() {
  if (!spec_.behind_nat) return;
  ++nat_port_;
  note("has new NAT mappings");
}

uint16_t Client::mapped(uint16_t port) const {
  if (!spec_.behind_nat) return port;
  constexpr uint16_t kSecondRange = 20000;
  return port == kIkePort ? nat_port_ : static_cast<uint16_t>(nat_port_ + kSecondRange);
}

void Client::send(ByteView payload, bool esp) {
  if (esp && !encapsulated_) {
    packets_.send_to_gateway(encode(IpPacket{.source = spec_.outer,
                                             .destination = spec_.gateway,
                                             .protocol = kProtocolEsp,
                                             .payload = to_bytes(payload)}));
    return;
  }
  const uint16_t port = encapsulated_ ? kNatPort : kIkePort;
  wire::Writer out;
  if (!esp && encapsulated_) out.u32(0);
  out.bytes(payload);
  packets_.send_to_gateway(
      encode(UdpDatagram{.source = {.address = spec_.outer, .port = mapped(port)},
                         .destination = {.address = spec_.gateway, .port = port},
                         .payload = out.take()}));
}

void Client::receive(Bytes packet) {
  const auto ip = decode_ip(packet);
  if (!ip || ip->source != spec_.gateway) return;
  if (const auto udp = decode_udp(*ip)) {
    // A mapping that the NAT has replaced leads nowhere.
    const uint16_t port = udp->source.port;
    if (udp->destination.port != mapped(port)) return;
  }
  if (const auto ike = ike_of(packet)) {
    on_ike(ike->bytes);
  } else if (const auto esp = esp_of(packet)) {
    on_esp(esp->spi, esp->bytes);
  }
}

void Client::on_esp(uint32_t spi, ByteView esp) {
  for (ClientSa& sa : children_) {
    if (sa.inbound_spi() != spi) continue;
    const ClientSa::Opened opened = sa.open(esp);
    switch (opened.refusal) {
      case ClientSa::Refusal::Replay:
        ++counts_.replays_refused;
        return;
      case ClientSa::Refusal::Integrity:
        ++counts_.integrity_failures;
        return;
      case ClientSa::Refusal::None:
        break;
    }
    const auto probe = decode_probe(opened.inner);
    if (!probe || !probe->echo) return;
    ++counts_.echoes;
    last_echo_ = world_.now();
    use_fresh(spi);
    if (ike_) told(*ike_);
    return;
  }
}

void Client::probe() {
  world_.after(kNature, spec_.probe_interval, [this] { probe(); });
  if (!has_tunnel()) return;
  if (probes_) {
    const uint64_t number = uint64_t{spec_.index} << kNumberShift | next_probe_++;
    ClientSa& sa = children_.back();
    const Bytes inner = encode_probe(Probe{.number = number}, spec_.inner_host, spec_.core_host);
    const Bytes sealed = sa.seal(inner, rng_);
    observer_.on_client_sealed(number, sa.outbound_spi(), sa.last_sent());
    ++counts_.probes;
    send(sealed, true);
  }
  if (!pending_ && world_.now() - last_echo_ > kSilence) {
    begin_informational(Exchange::Liveness, {});
  }
}

void Client::chore() {
  world_.after(kNature, rng_.between(spec_.chore_min, spec_.chore_max), [this] { chore(); });
  const uint64_t dice = rng_.below(10);
  if (!chores_) return;
  if (dice < 4) {
    do_chore(Chore::RekeyChild);
  } else if (dice < 6) {
    do_chore(Chore::RekeyIke);
  } else if (dice < 9) {
    do_chore(Chore::Liveness);
  } else {
    do_chore(Chore::NewTunnel);
  }
}

bool Client::do_chore(Chore chore) {
  if (!has_tunnel() || pending_) return false;
  switch (chore) {
    case Chore::RekeyChild:
      begin_rekey_child();
      return true;
    case Chore::RekeyIke:
      begin_rekey_ike();
      return true;
    case Chore::Liveness:
      begin_informational(Exchange::Liveness, {});
      return true;
    case Chore::NewTunnel:
      begin_informational(Exchange::DeleteIke, {delete_ike()});
      return true;
  }
  return false;
}

}  // namespace segw::sim
