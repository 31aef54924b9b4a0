#include "sim/network.h"

#include <fmt/format.h>

#include <algorithm>

namespace segw::sim {
namespace {

constexpr Duration kRetransmission = std::chrono::milliseconds(200);

}  // namespace

HostId Network::add(const IpAddress& address) {
  const auto id = static_cast<HostId>(links_.size());
  hosts_.emplace(address, id);
  links_.emplace_back();
  for (auto& row : links_) row.resize(links_.size());
  return id;
}

std::optional<HostId> Network::find(const IpAddress& address) const {
  const auto at = hosts_.find(address);
  if (at == hosts_.end()) return std::nullopt;
  return at->second;
}

void Network::disturbed() { disturbed_ = world_.now(); }

Instant Network::changed_until() const {
  Instant latest = disturbed_;
  for (const auto& row : links_) {
    for (const Link& one : row) latest = std::max(latest, one.clogged_until);
  }
  return latest;
}

Instant Network::disturbed_until() const {
  const bool cut = std::ranges::any_of(
      links_, [](const auto& row) { return std::ranges::any_of(row, &Link::cut); });
  return cut ? world_.now() : changed_until();
}

Instant Network::cut_until(HostId a, HostId b) const {
  if (!two_way(a, b)) return world_.now();
  return std::max(link(a, b).cut_until, link(b, a).cut_until);
}

void Network::set_quality(HostId from, HostId to, const LinkQuality& quality) {
  links_[from][to].quality = quality;
  disturbed();
}

void Network::cut_one_way(HostId from, HostId to) {
  world_.note("net", fmt::format("cut {} -> {}", from, to));
  links_[from][to].cut = true;
  disturbed();
}

void Network::cut(HostId a, HostId b) {
  cut_one_way(a, b);
  cut_one_way(b, a);
}

void Network::heal() {
  world_.note("net", "healed");
  for (auto& row : links_) {
    for (Link& one : row) heal(one);
  }
  disturbed();
}

void Network::heal(HostId a, HostId b) {
  world_.note("net", fmt::format("healed {} - {}", a, b));
  heal(links_[a][b]);
  heal(links_[b][a]);
  disturbed();
}

void Network::heal(Link& link) {
  const Instant cut_until = link.cut ? world_.now() : link.cut_until;
  link = Link{.quality = {}, .cut_until = cut_until};
}

void Network::clog(HostId from, Duration length) {
  world_.note("net", fmt::format("clog {} for {} ms", from, length / std::chrono::milliseconds(1)));
  for (Link& one : links_[from]) one.clogged_until = world_.now() + length;
  disturbed();
}

bool Network::lossy() const {
  return std::ranges::any_of(links_, [](const auto& row) {
    return std::ranges::any_of(row, [](const Link& one) { return one.quality.loss_per_mille > 0; });
  });
}

Duration Network::delay(const Link& link) {
  return rng_.between(link.quality.delay_min, link.quality.delay_max);
}

std::vector<Instant> Network::arrivals(HostId from, HostId to) {
  const Link& on = link(from, to);
  std::vector<Instant> at;
  if (on.cut || rng_.chance_per_mille(on.quality.loss_per_mille)) return at;
  const Instant leaves = std::max(world_.now(), on.clogged_until);
  at.push_back(leaves + delay(on));
  if (rng_.chance_per_mille(on.quality.duplicate_per_mille)) at.push_back(leaves + delay(on));
  return at;
}

Instant Network::stream_arrival(HostId from, HostId to) {
  const Link& on = link(from, to);
  Instant leaves = std::max(world_.now(), on.clogged_until);
  if (rng_.chance_per_mille(on.quality.loss_per_mille)) leaves += kRetransmission;
  return leaves + delay(on);
}

}  // namespace segw::sim
