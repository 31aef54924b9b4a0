#include "chassis/tunnel_group.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"
#include "base/planted.h"
#include "chassis/shared_config.h"
#include "chassis/shared_keys.h"
#include "chassis/specs.h"
#include "chassis/steering_decision.h"

namespace segw::chassis {
namespace {

constexpr Duration kAskedSwitchoverLimit = std::chrono::seconds(3);
// Without a peer nobody's keep-alives pace the vouching for the ISA.
constexpr Duration kAloneVouch = std::chrono::seconds(1);
constexpr Duration kServingLimit = std::chrono::seconds(5);  // redundancy rule 6

GroupEvents::Names names_of(const TunnelGroupParts& parts) {
  GroupEvents::Names names{.group = parts.group->id, .domain = {}, .peer = {}};
  if (parts.domain != nullptr) names.domain = parts.domain->id;
  if (!parts.peers.empty()) names.peer = parts.peers.front().config->address.text();
  return names;
}

}  // namespace

TunnelGroup::TunnelGroup(platform::Platform& platform, TunnelGroupParts parts)
    : platform_(platform),
      parts_(std::move(parts)),
      activation_(parts_.known_activation),
      ike_ivs_(parts_.slot),
      events_(*parts_.events, names_of(parts_)),
      reverse_routes_(platform, parts_.group->id, counters_),
      wait_to_restore_(platform.clock.now()),
      asked_timer_(platform,
                   [this] {
                     if (!asked_switchover_) return;
                     const auto done = std::move(asked_switchover_->done);
                     asked_switchover_.reset();
                     done(failure(fmt::format("the {} did not move mastership", acting_text())));
                   }),
      eligibility_timer_(platform, [this] { update_eligibility(); }),
      store_timer_(platform, [this] { store_activation(activation_); }),
      alone_timer_(platform, [this] { stand_alone(); }),
      serving_timer_(platform, [this] { end_serving("it was not merged in time"); }),
      post_(platform),
      handover_(platform, *this) {}

TunnelGroup::~TunnelGroup() = default;

Result<void> TunnelGroup::start() {
  const config::Config& config = *parts_.config;
  for (const config::IpsecTunnel& tunnel : config.tunnels) {
    if (tunnel.group != id()) continue;
    const bool own_number = tunnels_.emplace(tunnel.number, &tunnel).second;
    SEGW_ASSERT(own_number);  // the loader gives each one of its own
  }
  const auto steering = steering_spec(config, *parts_.group, parts_.peers);
  auto isa = isa_spec(config, *parts_.group);
  if (!steering || !isa) {
    return failure(
        fmt::format("tunnel-group {}: no public and private tunnel SAP, or no ISA", id().value));
  }
  IsaListener& listener = *this;
  const uint16_t public_mtu = platform_.services.mtu(isa->public_service);
  isa->mtu = std::max(public_mtu, platform_.services.mtu(isa->private_service));
  isa_ = std::make_unique<IsaPort>(platform_, *isa,
                                   isa_setup(config, *parts_.group, parts_.slot, public_mtu),
                                   isa_silence_max(parts_.peers), listener);
  engine_ = ike::make_engine(platform_, ike_group_settings(),
                             ike::Tables{.ike_sas = state_.ike_sas, .child_sas = state_.child_sas},
                             *this);
  if (!parts_.peers.empty()) {
    mimp_ = mimp::make_service(platform_, *parts_.mimp_port,
                               mimp_settings(config, *parts_.group, parts_.domain, parts_.peers),
                               parts_.known_activation, *this);
    attach_links();
  }
  // The ISA first: its TUN devices are what the routes point at.
  auto started = isa_->start();
  if (!started) return started;
  auto declared = platform_.steering.declare(*steering);
  if (!declared) return declared;
  if (mimp_) {
    if (auto heard = mimp_->start(); !heard) return heard;
  }
  update_eligibility();
  if (!mimp_) stand_alone();
  return {};
}

ike::GroupSettings TunnelGroup::ike_group_settings() const {
  ike::GroupSettings settings =
      ike_settings(*parts_.config, *parts_.group, parts_.slot, parts_.identity->incarnation(),
                   *parts_.credentials, slots());
  for (SharedKey& key : protocol_keys(common_keys(), "ike cookie 1")) {
    settings.cookie_keys.push_back(std::move(key.secret));
  }
  if (parts_.peers.empty()) settings.rekey_taken_over = false;  // nobody to take over from
  return settings;
}

void TunnelGroup::attach_links() {
  shared_config_ = chassis::shared_config(parts_.config, *parts_.group);
  for (uint8_t i = 0; i < peers(); ++i) {
    const GroupPeer& peer = parts_.peers[i];
    if (peer.link == nullptr) continue;
    if (!sync_) {
      mcs::GroupHost& host = *this;
      sync_ = mcs::make_group_sync(platform_, id(), host);
    }
    mcs::GroupName name = peer.pair != nullptr ? mcs::GroupName(peer.pair->sync_tag)
                                               : mcs::GroupName(parts_.domain->id);
    sync_->attach(*peer.link, PeerIndex{i}, std::move(name));
  }
}

uint8_t TunnelGroup::slots() const { return parts_.domain != nullptr ? kDomainSlots : kPairSlots; }

std::string TunnelGroup::name_of(PeerIndex peer) const {
  return parts_.peers.at(peer.value).config->address.text();
}

void TunnelGroup::stand_alone() {
  if (mimp::acting(role_)) vouch();
  update_completeness();
  tell_changes();
  alone_timer_.arm(kAloneVouch);
}

void TunnelGroup::on_role(const mimp::RoleChange& change) {
  const bool was_acting = mimp::acting(role_);
  const bool is_acting = mimp::acting(change.to);
  const bool renewed = activation_ < change.activation;
  role_ = change.to;
  if (renewed) store_activation(change.activation);
  events_.role(change, mimp_ ? mimp_->current_active() : std::nullopt);
  if (change.to != mimp::MasterState::Standby) end_serving("the role changed");
  if (is_acting && !was_acting) start_acting(change.clean);
  if (is_acting && was_acting && renewed) renew_activation(change.clean);
  if (was_acting && !is_acting) stop_acting(change.outranked);
  if (was_acting && !is_acting && activation_refused_) update_eligibility();
  steer();
  if (is_acting && !was_acting) handover_.on_acting();
  end_asked_switchover();
  tell_changes();
}

void TunnelGroup::start_acting(bool clean) {
  ++(clean ? clean_takeovers_ : unclean_takeovers_);
  if (!clean && mimp_) {
    platform_.log.event(platform::Severity::Major, "MIMP_UNCLEAN_TAKEOVER",
                        fmt::format("tunnel-group {} is taken over without a valid grant: what "
                                    "clients were told last may be missing here",
                                    id().value));
  }
  if (sync_) sync_->become_writer(activation_);
  awaiting_config_.clear();
  wake();
  positions_exact_ = false;
  worn_.clear();
  worn_ike_.clear();
  doubtful_ = !clean;
  complete_since_.reset();
  if (!clean) leave_others_blocks();
  vouch();  // first: what the ISA kept for this moment is worked off at once
  give_isa_its_role(mimp_ && !handover_.has_windows() ? esp::Position::LastReport
                                                      : esp::Position::Exact);
  count_ages_on();
  engine_->activate(clean);
}

void TunnelGroup::count_ages_on() {
  const Instant now = platform_.clock.now();
  for (const auto& [spi, arrival] : ike_arrivals_) {
    const auto at = state_.ike_sas.find(spi);
    if (at != state_.ike_sas.end()) at->second.age += now - arrival;
  }
  for (const auto& [spi, arrival] : child_arrivals_) {
    const auto at = state_.child_sas.find(spi);
    if (at != state_.child_sas.end()) at->second.age += now - arrival;
  }
  ike_arrivals_.clear();
  child_arrivals_.clear();
}

// Two acting chassis met and this one goes on: the other's records are of an older activation now.
void TunnelGroup::renew_activation(bool clean) {
  handover_.on_role_lost("another chassis acted");
  if (sync_) sync_->become_writer(activation_);
  grants_asked_.clear();  // their commits were forgotten with the old base
  worn_.clear();
  worn_ike_.clear();
  doubtful_ = true;
  complete_since_.reset();
  vouch();
  give_isa_its_role();
  engine_->activate(clean);
}

// Redundancy rule 6: "The loser serves until the merge is acknowledged or 5 s have passed." It
// opens and seals as before, and tells clients nothing new.
void TunnelGroup::stop_acting(bool outranked) {
  handover_.on_role_lost("the role changed");
  engine_->deactivate();
  serving_ =
      outranked && role_ == mimp::MasterState::Standby && sync_ && isa_->up() && !mimp_->blocked();
  const Instant now = platform_.clock.now();
  for (const auto& [spi, sa] : state_.ike_sas) ike_arrivals_[spi] = now;
  for (const auto& [spi, sa] : state_.child_sas) child_arrivals_[spi] = now;
  if (serving_) {
    serving_timer_.arm(kServingLimit);
    vouch();
  } else {
    close();
  }
  if (sync_) sync_->become_reader();
  grants_asked_.clear();
}

void TunnelGroup::close() {
  give_isa_its_role();
  fall_asleep();
}

void TunnelGroup::give_isa_its_role(esp::Position position) {
  if (!mimp::acting(role_)) {
    const bool buffering = handover_.phase() == HandoverPhase::Buffering;
    isa_->send(isa::SetRole{.role = buffering ? isa::Role::Buffering : isa::Role::Closed});
    return;
  }
  const bool reused = SEGW_PLANTED(isa_epoch_reused) && isa_->restarts() > 0 && ike_ivs_.epoch();
  const auto epoch = reused ? ike_ivs_.epoch() : parts_.identity->take_epoch();
  if (!epoch) {
    ike_ivs_.stop();
    isa_->send(isa::SetRole{.role = isa::Role::Closed});
    update_eligibility();
    return;
  }
  ike_ivs_.begin(*epoch);
  isa_->send(isa::SetRole{.role = isa::Role::Acting, .iv_epoch = *epoch, .position = position});
}

// Redundancy rule 8: not a moment longer than the peer waits before it acts itself.
void TunnelGroup::vouch() {
  const Instant until = mimp_ ? mimp_->vouch_until() : platform_.clock.now() + 3 * kAloneVouch;
  isa_->send(isa::Vouch{.deadline = until});
}

void TunnelGroup::steer() {
  auto active = mimp_ ? mimp_->active_peer() : std::nullopt;
  if (active) last_active_ = active;
  // What it says may be late, as after a handover that we know the end of from MCS.
  if (role_ == mimp::MasterState::Standby) active = last_active_;
  const auto state = decide_steering(SteeringFacts{.role = role_,
                                                   .handover = handover_.phase(),
                                                   .counterpart = handover_.counterpart(),
                                                   .serving = serving_,
                                                   .blocked = mimp_ && mimp_->blocked(),
                                                   .active = active});
  if (state == steering_) return;
  if (SEGW_PLANTED(steering_follows_role) && !mimp::acting(role_)) return;
  steering_ = state;
  platform_.steering.set(id(), state);
}

void TunnelGroup::on_peer(PeerIndex peer, bool reachable) {
  if (reachable && mimp::acting(role_)) {
    leave_others_blocks();  // it may have acted while we could not hear it
  }
  if (!reachable) handover_.on_peer_lost(peer);
  steer();
  tell_changes();
}

// Rule 11: another chassis may have sealed beyond all that we know, also while its report was old
// (docs/decisions/0103). The others' blocks of today's SAs are left alone for good.
void TunnelGroup::leave_others_blocks() {
  own_blocks_only_.clear();
  for (const auto& [spi, sa] : state_.child_sas) own_blocks_only_.insert(spi);
  std::erase_if(half_made_, [&](IkeSpi spi) { return !state_.ike_sas.contains(spi); });
  for (const auto& [spi, sa] : state_.ike_sas) {
    // It may have got the answer that we wait for, and sealed on what it made of it.
    if (sa.pending && sa.pending->new_child.value != 0) {
      own_blocks_only_.insert(sa.pending->new_child);
    }
    if (half_made(sa)) half_made_.insert(spi);
  }
}

void TunnelGroup::on_bfd(const config::McPeer& peer, mimp::BfdSays says) {
  const auto at = std::ranges::find(parts_.peers, &peer, &GroupPeer::config);
  if (!mimp_ || at == parts_.peers.end()) return;
  mimp_->set_bfd(PeerIndex{static_cast<uint8_t>(at - parts_.peers.begin())}, says);
}

void TunnelGroup::on_members_changed() {
  if (sync_) sync_->members_changed();
}

void TunnelGroup::on_keep_alive() {
  if (serving_ && mimp_->blocked()) end_serving("the active is heard by other peers only");
  if (mimp::acting(role_) || serving_) vouch();
  if (!mimp::acting(role_) && activation_ < mimp_->activation()) {
    // Rule 2. After a crash as standby this says that the group has acted before: a takeover then
    // is not the first ever.
    store_activation(mimp_->activation());
  }
  const PeerIndex target = handover_.counterpart();
  if (handover_.is_old() && mimp::acting(mimp_->peer_state(target))) {
    handover_.on_peer_acting(target);
  }
  steer();
  end_asked_switchover();
  take_back();
  update_completeness();
  tell_changes();
}

void TunnelGroup::renew_credentials(std::shared_ptr<const Credentials> credentials) {
  parts_.credentials = std::move(credentials);
  engine_->renew_authentication(ike_group_settings());
}

bool TunnelGroup::can_be_moved() const {
  return mimp_ && mimp::acting(role_) && mimp_->successor(std::nullopt).has_value();
}

// Wherever it is asked for: MIMP brings it to the active, which chooses the target.
void TunnelGroup::force_switchover(std::optional<IpAddress> to,
                                   std::function<void(Result<std::string>)> done) {
  if (!mimp_ || !mimp_->any_reachable()) {
    done(failure("no peer is reachable"));
    return;
  }
  if (role_ != mimp::MasterState::Master && role_ != mimp::MasterState::Standby) {
    done(failure(fmt::format("tunnel-group {} is {}", id().value, mimp::text(role_))));
    return;
  }
  if (asked_switchover_) {
    done(failure("a switchover was asked for already"));
    return;
  }
  const auto active = mimp_->current_active();
  if (to && active == to) {
    done(fmt::format("{} is the active already", to->text()));
    return;
  }
  if (role_ == mimp::MasterState::Master) {
    const auto target = mimp_->successor(to);
    if (!target) {
      done(failure(to ? fmt::format("{} cannot act now", to->text()) : "no peer can act now"));
      return;
    }
    hand_over_to(*target, std::move(done));
    return;
  }
  asked_switchover_ = AskedSwitchover{.before = active, .done = std::move(done)};
  asked_timer_.arm(kAskedSwitchoverLimit);
  mimp_->request_switchover(to);
}

void TunnelGroup::on_switchover_request(PeerIndex target) {
  if (role_ != mimp::MasterState::Master) return;
  hand_over_to(target, [this](const Result<std::string>& result) {
    platform_.log.event(platform::Severity::Info, "MIMP_SWITCHOVER_ASKED",
                        result ? *result : result.error().text);
  });
}

// A standby asked, and mastership has moved: to here, or to another.
void TunnelGroup::end_asked_switchover() {
  if (!asked_switchover_) return;
  const auto active = mimp_->current_active();
  if (!active || active == asked_switchover_->before) return;
  const auto done = std::move(asked_switchover_->done);
  asked_switchover_.reset();
  asked_timer_.cancel();
  done(mimp::acting(role_)
           ? fmt::format("tunnel-group {} is now {} here", id().value, acting_text())
           : fmt::format("the active of tunnel-group {} is now {}", id().value, active->text()));
}

std::string_view TunnelGroup::acting_text() const {
  return parts_.domain != nullptr ? "active" : "master";
}

void TunnelGroup::hand_over_to(PeerIndex target, std::function<void(Result<std::string>)> done) {
  if (!sync_ || !mimp_->in_sync_set(target) || sync_->peer_unusable(target) > 0) {
    done(failure(fmt::format("peer {} is not in sync", name_of(target))));
    return;
  }
  handover_.begin(target, Activation{mimp_->activation().value + 1},
                  [told = std::move(done), group = id()](const Result<std::string>& moved) {
                    told(moved ? Result<std::string>(fmt::format(
                                     "tunnel-group {} is now standby here", group.value))
                               : tl::unexpected(moved.error()));
                  });
}

// ---- HandoverActions ----

bool TunnelGroup::journal_flushed(PeerIndex target) const {
  return sync_ && sync_->journal_flushed(target);
}

void TunnelGroup::send_handover(PeerIndex to, const mcs::Handover& message) {
  if (sync_) sync_->send_handover(to, message);
}

void TunnelGroup::pause_ike() { engine_->pause(); }

void TunnelGroup::shunt_and_freeze(uint64_t cookie) {
  steer();  // first, so that what the ISA still finds on its TUNs is the last of it
  isa_->send(isa::Freeze{.cookie = cookie});
}

void TunnelGroup::resume_acting() {
  if (!mimp::acting(role_)) return;
  vouch();
  give_isa_its_role();  // a new epoch
  engine_->resume();
  steer();
}

void TunnelGroup::yield_to(Activation activation) {
  last_active_ = handover_.counterpart();
  positions_exact_ = true;
  mimp_->yield(activation, "a planned handover");
}

void TunnelGroup::buffer() {
  wake();
  give_isa_its_role();
  steer();
}

void TunnelGroup::stop_buffering() {
  give_isa_its_role();
  fall_asleep();
  steer();
}

void TunnelGroup::apply_windows(const std::vector<esp::SaWindow>& windows) { on_windows(windows); }

void TunnelGroup::act() { mimp_->take_over("a planned handover"); }

}  // namespace segw::chassis
