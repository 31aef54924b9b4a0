// The tunnel group as the IKE engine and the ISA see it.
#include <fmt/format.h>

#include <algorithm>

#include "chassis/tunnel_group.h"

namespace segw::chassis {
namespace {

constexpr uint64_t kBlock = uint64_t{1} << 14;  // redundancy rule 11
constexpr uint64_t kGrantAheadMax = uint64_t{1} << 22;
constexpr uint64_t kGrantAheadMin = 8 * kBlock;

}  // namespace

void TunnelGroup::send(const ike::Datagram& datagram) {
  parts_.trace->note(PeerTrace::Way::Out, datagram, state_.ike_sas);
  isa_->send(isa::SendIke{.datagram = {.local = datagram.local,
                                       .remote = datagram.remote,
                                       .message = datagram.message}});
}

void TunnelGroup::install(const esp::ChildSa& sa) {
  if (made_of_half(sa)) skip_used(sa, false, mcs::Origin::Copy);
  isa_->send(install_message(sa, false));
  reverse_routes_.add(sa);
}

void TunnelGroup::use_outbound(Spi inbound_spi) {
  const auto at = state_.child_sas.find(inbound_spi);
  if (at != state_.child_sas.end()) {
    // Rule 11: the first grant counts when its owner holds the record. An owner that we could not
    // ask may have answered the same request, and seal under the same SPI in its own blocks.
    esp::SequenceGrants& grants = at->second.grants;
    // One that acted since we asked for the SA may have made it as well (docs/decisions/0117).
    const bool asked_before = own_blocks_only_.contains(inbound_spi) || made_of_half(at->second);
    if (asked_before) own_blocks_only_.insert(inbound_spi);
    const auto owners = asked_before ? std::set<Slot>{} : slots_in_sync_set();
    bool changed = false;
    for (uint8_t slot = 0; slot < esp::kSlotsMax; ++slot) {
      if (Slot{slot} == parts_.slot || owners.contains(Slot{slot})) continue;
      changed = changed || grants.bound[slot] != 0;
      grants.bound[slot] = 0;
    }
    if (changed) isa_->send(isa::SetGrants{.inbound_spi = inbound_spi, .grants = grants});
  }
  isa_->send(isa::UseOutbound{.inbound_spi = inbound_spi});
}

void TunnelGroup::remove(Spi inbound_spi) {
  isa_->send(isa::RemoveSa{.inbound_spi = inbound_spi});
  reverse_routes_.remove(inbound_spi);
  state_.windows.erase(inbound_spi);
  activity_.erase(inbound_spi);
  own_blocks_only_.erase(inbound_spi);
  worn_.erase(inbound_spi);
  grants_asked_.erase(inbound_spi);
}

std::string TunnelGroup::gateway_name(const IpAddress& local) const {
  const auto at = std::ranges::find_if(parts_.config->gateways, [&](const auto& gateway) {
    return gateway.group == id() && gateway.local_gateway == local;
  });
  return at == parts_.config->gateways.end() ? local.text() : at->name;
}

const config::IpsecTunnel* TunnelGroup::configured(uint32_t number) const {
  const auto at = tunnels_.find(number);
  return at == tunnels_.end() ? nullptr : at->second;
}

// A client whose tunnel, gateway or entry is configured on the other chassis only could not be
// served here.
std::string TunnelGroup::unserved(const ike::IkeSa& sa) const {
  const bool stands = sa.state == ike::IkeState::Established ||
                      sa.state == ike::IkeState::Rekeyed || sa.state == ike::IkeState::Candidate;
  if (!sa.dynamic && !stands) return {};
  if (!sa.dynamic) {
    const config::IpsecTunnel* tunnel = configured(sa.tunnel);
    const bool ours = tunnel != nullptr && tunnel->local_gateway == sa.local.address;
    return ours ? std::string{} : "tunnel-not-configured";
  }
  const auto gateway = std::ranges::find_if(parts_.config->gateways, [&](const auto& each) {
    return each.group == id() && each.local_gateway == sa.dynamic->gateway;
  });
  if (gateway == parts_.config->gateways.end()) return "gateway-not-configured";
  if (sa.dynamic->client == 0) return {};
  const bool known = std::ranges::binary_search(gateway->clients, sa.dynamic->client, {},
                                                &config::GatewayClient::number);
  return known ? std::string{} : "client-not-configured";
}

std::optional<uint64_t> TunnelGroup::next_iv(const ike::IkeSa& sa) {
  if (!mimp::acting(role_) || !may_seal(sa.holders)) {
    counters_.add("ike-not-sealed");
    return std::nullopt;
  }
  const auto iv = ike_ivs_.next(sa.our_spi());
  rekey_if_worn(sa);
  return iv;
}

TunnelGroup::Position TunnelGroup::position(Spi inbound_spi) const {
  const auto at = state_.windows.find(inbound_spi);
  if (at == state_.windows.end()) return {};
  return {.outbound_next = at->second.outbound_next, .inbound_highest = at->second.inbound_highest};
}

void TunnelGroup::raise_edge(Spi inbound_spi, uint64_t edge) {
  if (!state_.child_sas.contains(inbound_spi)) return;
  const esp::SaWindow raised{.inbound_spi = inbound_spi, .inbound_highest = edge, .seen = {}};
  isa_->send(isa::SetWindow{.window = raised});  // it knows better what it accepted above
  if (edge <= position(inbound_spi).inbound_highest) return;
  merge_window(raised);
  if (sync_) sync_->send_windows({state_.windows.at(inbound_spi)});
}

void TunnelGroup::moved(const ike::IkeSa& sa) {
  for (const Spi spi : sa.children) {
    const auto at = state_.child_sas.find(spi);
    if (at == state_.child_sas.end()) continue;
    isa_->send(isa::SetPeerEndpoint{.inbound_spi = spi,
                                    .remote = at->second.remote,
                                    .encapsulation = at->second.encapsulation});
  }
}

void TunnelGroup::on_tunnel_state(uint32_t tunnel, bool up) {
  if (!ike::is_dynamic(tunnel)) {
    const config::IpsecTunnel* known = configured(tunnel);
    const std::string name = known != nullptr ? known->name : std::to_string(tunnel);
    events_.tunnel(name, up);
    return;
  }
  const auto at = std::ranges::find_if(
      state_.ike_sas, [&](const auto& entry) { return entry.second.tunnel == tunnel; });
  if (at == state_.ike_sas.end()) return;
  const auto& dynamic = at->second.dynamic;
  if (!dynamic) return;
  const std::string client =
      fmt::format("{} at {}", ike::text(at->second.remote_id), at->second.remote.text());
  const std::string gateway = gateway_name(dynamic->gateway);
  if (!up) return events_.client_removed(client, gateway);
  platform_.log.event(platform::Severity::Minor, "IPSEC_CLIENT_TUNNEL_UP",
                      fmt::format("tunnel of {} to ipsec gateway \"{}\" is up", client, gateway));
}

void TunnelGroup::on_isa_ready() {
  for (const auto& [spi, sa] : state_.child_sas) {
    if (dormant()) break;
    if (isa_->restarts() > 0) lose_position(spi, kSkip);  // its counters went with the old process
    isa_->send(install_message(sa, true));
  }
  events_.isa_ready(isa_->name());
  tell_gateways(true);
  give_isa_its_role();
  update_eligibility();
}

void TunnelGroup::on_isa_down(std::string_view why) {
  counters_.add("isa-down");
  end_serving("its ISA is down");
  events_.isa_down(why);
  tell_gateways(false);
  update_eligibility();
}

void TunnelGroup::on_ike(const isa::IkeDatagram& datagram) {
  if (!mimp::acting(role_) || handover_.is_old()) {
    counters_.add("ike-not-acting");
    return;
  }
  const ike::Datagram message{
      .local = datagram.local, .remote = datagram.remote, .message = datagram.message};
  parts_.trace->note(PeerTrace::Way::In, message, state_.ike_sas);
  engine_->on_datagram(message);
}

void TunnelGroup::on_activity(const isa::Activity& activity) {
  std::vector<esp::SaWindow> windows;
  for (const isa::SaActivity& sa : activity.sas) {
    const Spi spi = sa.window.inbound_spi;
    const auto child = state_.child_sas.find(spi);
    if (child == state_.child_sas.end()) continue;
    const bool heard = sa.packets_in > activity_[spi].packets_in;
    activity_[spi] = sa;
    // RFC 7296 2.4: protected traffic is evidence that the other endpoint lives.
    if (heard && mimp::acting(role_)) engine_->heard(child->second.ike_sa);
    if (heard && mimp::acting(role_) && mcs::only_receives(child->second)) send_where_heard(spi);
    merge_window(sa.window);
    rekey_if_worn(child->second, sa.window.outbound_next);
    if (sa.packets_out > 0) note_position(spi, sa.window.outbound_next);
    windows.push_back(state_.windows.at(spi));
    if (!sa.moved_to || !mimp::acting(role_)) continue;
    engine_->client_moved(child->second.ike_sa, *sa.moved_to);
  }
  if (sync_ && mimp::acting(role_)) sync_->send_windows(windows);
}

void TunnelGroup::on_sequence_low(const isa::SequenceLow& low) {
  const auto at = state_.child_sas.find(low.inbound_spi);
  if (at == state_.child_sas.end() || !mimp::acting(role_)) return;
  if (own_blocks_only_.contains(low.inbound_spi)) return;
  const auto owners = slots_in_sync_set();
  if (owners.empty() || !grants_asked_.insert(low.inbound_spi).second) return;
  const uint64_t ahead = std::clamp(low.rate, kGrantAheadMin, kGrantAheadMax);
  const uint64_t bound = (low.next + ahead + kBlock - 1) / kBlock * kBlock;
  esp::SequenceGrants wanted = at->second.grants;
  wanted.grantee = parts_.slot;
  const auto raise = [&](Slot slot) {
    if (slot.value < std::min<size_t>(wanted.slots, esp::kSlotsMax)) {
      wanted.bound[slot.value] = std::max(wanted.bound[slot.value], bound);
    }
  };
  raise(parts_.slot);
  std::ranges::for_each(owners, raise);
  commit_records({mcs::GrantChange{.inbound_spi = low.inbound_spi, .grants = wanted}},
                 [this, spi = low.inbound_spi, wanted, owners] {
                   grants_asked_.erase(spi);
                   const auto sa = state_.child_sas.find(spi);
                   // A grant counts when the whole in-sync set holds it: not if an owner was
                   // removed from the set while we waited.
                   if (sa == state_.child_sas.end()) return;
                   if (!std::ranges::includes(slots_in_sync_set(), owners)) return;
                   sa->second.grants = wanted;
                   isa_->send(isa::SetGrants{.inbound_spi = spi, .grants = wanted});
                 });
}

void TunnelGroup::on_frozen(const isa::Frozen& frozen) {
  for (const esp::SaWindow& window : frozen.windows) merge_window(window);
  handover_.on_frozen(frozen);
}

}  // namespace segw::chassis
