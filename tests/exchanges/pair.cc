#include "tests/exchanges/pair.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"
#include "mcs/mcs_codec.h"

namespace segw::exchanges {
namespace {

constexpr Duration kStep = std::chrono::milliseconds(10);
constexpr Duration kLong = std::chrono::seconds(10);

esp::TrafficSelector network(uint8_t second, uint8_t third) {
  return {
      .first = IpAddress::v4(uint32_t{10} << 24 | uint32_t{second} << 16 | uint32_t{third} << 8),
      .last =
          IpAddress::v4(uint32_t{10} << 24 | uint32_t{second} << 16 | uint32_t{third} << 8 | 0xFF)};
}

ike::GroupSettings gateway_settings(const Options& options) {
  ike::GroupSettings settings = ike::testing::group_settings();
  settings.responder_only = false;
  ike::TunnelSettings& tunnel = settings.tunnels.front();
  tunnel.auto_establish = options.gateway_begins;
  tunnel.local_selectors.clear();
  tunnel.remote_selectors.clear();
  for (size_t i = 0; i < options.entries; ++i) {
    tunnel.local_selectors.push_back(network(1, static_cast<uint8_t>(i)));
    tunnel.remote_selectors.push_back(network(2, static_cast<uint8_t>(i)));
  }
  for (ike::ChildProposal& each : tunnel.child_proposals) each.pfs = options.pfs;
  return settings;
}

ike::GroupSettings turned_round(ike::GroupSettings settings) {
  ike::TunnelSettings& tunnel = settings.tunnels.front();
  tunnel.auto_establish = !tunnel.auto_establish;
  std::swap(tunnel.local_gateway, tunnel.remote_gateway);
  std::swap(tunnel.local_id, tunnel.remote_id);
  std::swap(tunnel.local_selectors, tunnel.remote_selectors);
  return settings;
}

}  // namespace

Side::Side(std::string name, ike::GroupSettings group, std::function<void(ike::Datagram)> send)
    : settings(std::move(group)), name_(std::move(name)), send_(std::move(send)) {
  // Each end draws other numbers.
  fake_.rng.bytes(name_ == "client" ? 1000 : 1);
  make_engine();
}

void Side::make_engine() {
  engine_ = ike::make_engine(
      fake_.platform, settings,
      ike::Tables{.ike_sas = state_->ike_sas, .child_sas = state_->child_sas}, *this);
}

void Side::take_over(bool clean) {
  for (const auto& [what, count] : engine_->counters().all()) past_.add(what, count);
  engine_.reset();
  state_ = std::make_unique<mcs::GroupState>(*standby_);
  const Instant now = fake_.clock.now();
  for (auto& [spi, sa] : state_->ike_sas) sa.age += now - ike_arrivals_.at(spi);
  for (auto& [spi, sa] : state_->child_sas) sa.age += now - child_arrivals_.at(spi);
  outbound_.clear();
  for (const auto& [spi, sa] : state_->child_sas) outbound_.insert(spi);
  settings.slot = Slot{static_cast<uint8_t>(1 - settings.slot.value)};
  iv_ += uint64_t{1} << 40;
  make_engine();
  engine_->activate(clean);
}

void Side::replicate(const mcs::Record& record) {
  mcs::pb::Record wire;
  mcs::encode(record, wire);
  const auto back = mcs::decode(wire, settings.group);
  SEGW_ASSERT(back.has_value());
  const std::string unusable = mcs::apply(*standby_, *back);
  SEGW_ASSERT(unusable.empty());
  const Instant now = fake_.clock.now();
  if (const auto* sa = std::get_if<ike::IkeSa>(&*back)) ike_arrivals_[sa->our_spi()] = now;
  if (const auto* sa = std::get_if<esp::ChildSa>(&*back)) child_arrivals_[sa->inbound_spi] = now;
}

void Side::commit(const ike::Changes& changes, platform::Callback then) {
  for (const IkeSpi spi : changes.ike_sas) {
    const auto at = state_->ike_sas.find(spi);
    if (at != state_->ike_sas.end()) replicate(at->second);
  }
  for (const Spi spi : changes.child_sas) {
    const auto at = state_->child_sas.find(spi);
    if (at != state_->child_sas.end()) replicate(at->second);
  }
  for (const auto& gone : changes.deleted_child_sas) {
    replicate(mcs::DeleteChildSa{.inbound_spi = gone.spi, .by_client = gone.by_client});
  }
  for (const auto& gone : changes.deleted_ike_sas) {
    replicate(mcs::DeleteIkeSa{.our_spi = gone.spi, .by_client = gone.by_client});
  }
  then();
}

Spi Side::child() const {
  Spi found;
  for (const auto& [spi, sa] : state_->child_sas) {
    if (sa.rekeyed) continue;
    if (found.value != 0) return {};
    found = spi;
  }
  return found;
}

std::vector<Spi> Side::children() const {
  std::vector<Spi> spis;
  for (const auto& [spi, sa] : state_->child_sas) spis.push_back(spi);
  return spis;
}

void Side::lose_child(Spi inbound_spi) {
  for (mcs::GroupState* state : {state_.get(), standby_.get()}) {
    for (auto& [spi, sa] : state->ike_sas) std::erase(sa.children, inbound_spi);
    state->child_sas.erase(inbound_spi);
  }
}

IkeSpi Side::ike_sa() const {
  IkeSpi found;
  for (const auto& [spi, sa] : state_->ike_sas) {
    if (sa.state != ike::IkeState::Established) continue;
    if (found.value != 0) return {};
    found = spi;
  }
  return found;
}

size_t Side::count(ike::IkeState state) const {
  return static_cast<size_t>(std::ranges::count_if(
      state_->ike_sas, [&](const auto& entry) { return entry.second.state == state; }));
}

uint64_t Side::counted(std::string_view what) const {
  return past_.get(what) + engine_->counters().get(what);
}

std::string Side::describe() const {
  std::string text = name_ + ":\n";
  for (const auto& [spi, sa] : state_->ike_sas) {
    text += fmt::format("  IKE {:016x} state {} began {} pending {} children {}\n", spi.value,
                        static_cast<int>(sa.state), sa.we_initiated,
                        sa.pending ? static_cast<int>(sa.pending->kind) : -1, sa.children.size());
  }
  for (const auto& [spi, sa] : state_->child_sas) {
    text += fmt::format("  ESP {:08x} -> {:08x} of {:016x} rekeyed {} by us {} delete after {} s\n",
                        spi.value, sa.outbound_spi.value, sa.ike_sa.value, sa.rekeyed,
                        sa.rekeyed_by_us, sa.delete_after / std::chrono::seconds(1));
  }
  for (const auto& [what, count] : engine_->counters().all()) {
    text += fmt::format("  {} {}\n", what, count);
  }
  return text;
}

Pair::Pair(Options options) {
  ike::GroupSettings gateway = gateway_settings(options);
  ike::GroupSettings client = turned_round(gateway);
  if (options.change) options.change(gateway, client);
  gateway_ = std::make_unique<Side>("gateway", std::move(gateway), [this](ike::Datagram datagram) {
    flights_.push_back({.from = End::Gateway, .datagram = std::move(datagram)});
  });
  client_ = std::make_unique<Side>("client", std::move(client), [this](ike::Datagram datagram) {
    flights_.push_back({.from = End::Client, .datagram = std::move(datagram)});
  });
}

void Pair::deliver(const Flight& flight) {
  if (takeover_ && takeover_->first == messages_) side(takeover_->second).take_over();
  ++messages_;
  Side& to = flight.from == End::Gateway ? *client_ : *gateway_;
  to.receive({.local = flight.datagram.remote,
              .remote = flight.datagram.local,
              .message = flight.datagram.message});
}

bool Pair::deliver(End from) {
  const auto at = std::ranges::find(flights_, from, &Flight::from);
  if (at == flights_.end()) return false;
  const Flight flight = std::move(*at);
  flights_.erase(at);
  deliver(flight);
  return true;
}

bool Pair::deliver_last(End from) {
  const auto at = std::find_if(flights_.rbegin(), flights_.rend(),
                               [&](const Flight& flight) { return flight.from == from; });
  if (at == flights_.rend()) return false;
  const Flight flight = std::move(*at);
  flights_.erase(std::next(at).base());
  deliver(flight);
  return true;
}

bool Pair::repeat(End from) {
  const auto at = std::ranges::find(flights_, from, &Flight::from);
  if (at == flights_.end()) return false;
  flights_.insert(at, *at);
  return true;
}

bool Pair::lose(End from) {
  const auto at = std::ranges::find(flights_, from, &Flight::from);
  if (at == flights_.end()) return false;
  flights_.erase(at);
  return true;
}

size_t Pair::under_way(End from) const {
  return static_cast<size_t>(std::ranges::count(flights_, from, &Flight::from));
}

void Pair::release() {
  held_ = false;
  while (!flights_.empty()) {
    const Flight flight = std::move(flights_.front());
    flights_.pop_front();
    deliver(flight);
  }
}

void Pair::run_for(Duration span) {
  const Duration step = span > kLong ? 10 * kStep : kStep;
  for (Duration passed{}; passed < span; passed += step) {
    gateway_->run_for(step);
    client_->run_for(step);
    if (!held_) release();
  }
}

void Pair::settle() {
  if (held_) release();
  run_for(std::chrono::seconds(3));
}

bool Pair::establish() {
  gateway_->begin();
  client_->begin();
  const size_t wanted = gateway_->settings.tunnels.front().local_selectors.size();
  for (int i = 0; i < 1000; ++i) {
    run_for(kStep);
    if (gateway_->ike_sa().value != 0 && client_->ike_sa().value != 0 &&
        gateway_->state().child_sas.size() == wanted &&
        client_->state().child_sas.size() == wanted) {
      return true;
    }
  }
  return false;
}

std::string Pair::differences() const {
  std::string text;
  const auto compare = [&](const Side& one, const Side& other) {
    for (const auto& [spi, sa] : one.state().child_sas) {
      const auto at = other.state().child_sas.find(sa.outbound_spi);
      if (at == other.state().child_sas.end()) {
        text += fmt::format("{} sends to {:08x}, which is not there\n", one.name(),
                            sa.outbound_spi.value);
        continue;
      }
      const esp::ChildSa& twin = at->second;
      if (twin.outbound_spi != spi || !(twin.outbound_key == sa.inbound_key) ||
          !(twin.inbound_key == sa.outbound_key) || twin.local_selectors != sa.remote_selectors ||
          twin.remote_selectors != sa.local_selectors) {
        text += fmt::format("{:08x} and {:08x} do not fit\n", spi.value, at->first.value);
      }
    }
    for (const auto& [spi, sa] : one.state().ike_sas) {
      if (sa.state != ike::IkeState::Established) continue;
      const IkeSpi theirs = sa.we_initiated ? sa.responder_spi : sa.initiator_spi;
      const auto at = other.state().ike_sas.find(theirs);
      if (at == other.state().ike_sas.end() || !(at->second.keys.sk_d == sa.keys.sk_d)) {
        text += fmt::format("{}'s IKE SA {:016x} has no twin\n", one.name(), spi.value);
      }
      for (const Spi child : sa.children) {
        const auto owned = one.state().child_sas.find(child);
        if (owned == one.state().child_sas.end() || owned->second.ike_sa != spi) {
          text += fmt::format("{}: {:08x} is not of {:016x}\n", one.name(), child.value, spi.value);
        }
      }
    }
  };
  compare(*gateway_, *client_);
  compare(*client_, *gateway_);
  if (!text.empty()) text += gateway_->describe() + client_->describe();
  return text;
}

}  // namespace segw::exchanges
