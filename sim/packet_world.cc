#include "sim/packet_world.h"

#include "sim/ip_packet.h"

namespace segw::sim {
namespace {

constexpr uint32_t kOverrunArrives = 64;
constexpr Duration kCoreDelay = std::chrono::microseconds(300);
// What neighbour unreachability detection takes until a router asks again who has an address.
constexpr Duration kNeighbourTimeout = std::chrono::seconds(8);

size_t index(platform::Side side) { return side == platform::Side::Public ? 0 : 1; }

}  // namespace

void PacketWorld::announce(HostId host, platform::Side side) {
  neighbours_[index(side)] = Neighbour{.holder = host, .silent_since = std::nullopt};
}

void PacketWorld::set_client_quality(const LinkQuality& quality) {
  if (quality.loss_per_mille < client_quality_.loss_per_mille) client_link_mended_ = world_.now();
  client_quality_ = quality;
}

std::vector<Instant> PacketWorld::client_arrivals() {
  std::vector<Instant> at;
  if (rng_.chance_per_mille(client_quality_.loss_per_mille)) return at;
  at.push_back(world_.now() + rng_.between(client_quality_.delay_min, client_quality_.delay_max));
  if (rng_.chance_per_mille(client_quality_.duplicate_per_mille)) {
    at.push_back(world_.now() + rng_.between(client_quality_.delay_min, client_quality_.delay_max));
  }
  return at;
}

void PacketWorld::send_to_gateway(const Bytes& packet) {
  for (const Instant at : client_arrivals()) {
    world_.at(kNature, at, [this, packet] { enter_chassis(platform::Side::Public, packet); });
  }
}

void PacketWorld::send_to_clients(Bytes packet) {
  world_.after(kNature, kCoreDelay,
               [this, sent = std::move(packet)] { enter_chassis(platform::Side::Private, sent); });
}

void PacketWorld::overrun_client(const Bytes& packet, uint32_t count) {
  for (uint32_t i = 0; i < count; ++i) {
    overrun_ = i % kOverrunArrives != 0;
    enter_chassis(platform::Side::Private, packet);
  }
  overrun_ = false;
}

void PacketWorld::enter_chassis(platform::Side side, Bytes packet) {
  Neighbour& neighbour = neighbours_[index(side)];
  if (neighbour.holder && chassis_[*neighbour.holder]->receives()) {
    neighbour.silent_since.reset();
    chassis_[*neighbour.holder]->receive(side, std::move(packet));
    return;
  }
  if (!neighbour.silent_since) neighbour.silent_since = world_.now();
  if (world_.now() - *neighbour.silent_since < kNeighbourTimeout) return;
  for (size_t host = 0; host < chassis_.size(); ++host) {
    if (!chassis_[host]->answers_arp()) continue;
    announce(static_cast<HostId>(host), side);
    chassis_[host]->receive(side, std::move(packet));
    return;
  }
}

void PacketWorld::leave_chassis(platform::Side side, Bytes packet) {
  if (side == platform::Side::Private) {
    world_.after(kNature, kCoreDelay, [this, sent = std::move(packet)] {
      if (core_) core_(sent);
    });
    return;
  }
  if (overrun_) return;
  const auto to = destination_of(packet);
  if (!to || !clients_.contains(*to)) return;
  for (const Instant at : client_arrivals()) {
    world_.at(kNature, at, [this, address = *to, packet] { clients_.at(address)(packet); });
  }
}

}  // namespace segw::sim
