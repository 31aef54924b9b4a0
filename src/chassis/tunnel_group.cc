#include "chassis/tunnel_group.h"

#include <fmt/format.h>

#include "chassis/specs.h"
#include "chassis/steering_decision.h"
#include "wire/writer.h"

namespace segw::chassis {
namespace {

constexpr Duration kAskedSwitchoverLimit = std::chrono::seconds(3);
constexpr Duration kEligibilityPoll = std::chrono::milliseconds(100);
// Without a peer nobody's keep-alives pace the vouching for the ISA.
constexpr Duration kAloneVouch = std::chrono::seconds(1);

}  // namespace

TunnelGroup::TunnelGroup(platform::Platform& platform, TunnelGroupParts parts)
    : platform_(platform),
      parts_(std::move(parts)),
      activation_(parts_.known_activation),
      ike_ivs_(parts_.slot),
      reverse_routes_(platform, parts_.group->id, counters_),
      asked_timer_(platform,
                   [this] {
                     if (!asked_switchover_) return;
                     const auto done = std::move(asked_switchover_);
                     asked_switchover_ = nullptr;
                     done(failure("the master did not move mastership"));
                   }),
      eligibility_timer_(platform, [this] { update_eligibility(); }),
      alone_timer_(platform, [this] { stand_alone(); }),
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
  const auto steering = steering_spec(config, *parts_.group);
  auto isa = isa_spec(config, *parts_.group);
  if (!steering || !isa) {
    return failure(
        fmt::format("tunnel-group {}: no public and private tunnel SAP, or no ISA", id().value));
  }
  IsaListener& listener = *this;
  const uint16_t public_mtu = platform_.services.mtu(isa->public_service);
  isa->mtu = std::max(public_mtu, platform_.services.mtu(isa->private_service));
  isa_ = std::make_unique<IsaPort>(
      platform_, *isa, isa_setup(config, *parts_.group, parts_.slot, public_mtu), listener);
  ike::GroupSettings ike_group = ike_settings(config, *parts_.group, parts_.slot,
                                              parts_.identity->incarnation(), *parts_.credentials);
  ike_group.cookie_key = protocol_key(parts_.master_key, "ike cookie 1");
  engine_ = ike::make_engine(platform_, std::move(ike_group),
                             ike::Tables{.ike_sas = state_.ike_sas, .child_sas = state_.child_sas},
                             *this);
  if (parts_.peer != nullptr) {
    mimp_ = mimp::make_service(platform_, *parts_.mimp_port,
                               mimp_settings(*parts_.peer, *parts_.peer_group, parts_.master_key),
                               parts_.known_activation, *this);
  }
  if (parts_.link != nullptr) {
    mcs::GroupHost& host = *this;
    sync_ = mcs::make_group_sync(platform_, id(), host);
    sync_->attach(*parts_.link, kPeer, parts_.peer_group->sync_tag);
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

void TunnelGroup::update_eligibility() {
  const bool epochs = parts_.identity->has_epochs();
  const bool eligible = parts_.group->enabled && isa_->up() && epochs;
  std::string why = "tunnel-group is up";
  if (!parts_.group->enabled) {
    why = "tunnel-group is disabled";
  } else if (!isa_->up()) {
    why = isa_->down_reason();
  } else if (!epochs) {
    why = "no IV epochs are reserved";
    eligibility_timer_.arm(kEligibilityPoll);
  }
  if (mimp_) {
    mimp_->set_eligible(eligible, eligible ? 1 : 0, why);
    return;
  }
  const auto next = eligible ? mimp::MasterState::Eligible : mimp::MasterState::NotEligible;
  if (next == role_) return;
  on_role(mimp::RoleChange{.from = role_,
                           .to = next,
                           .activation = Activation{activation_.value + 1},
                           .clean = true,
                           .why = why});
}

void TunnelGroup::stand_alone() {
  if (mimp::acting(role_)) vouch();
  alone_timer_.arm(kAloneVouch);
}

void TunnelGroup::on_role(const mimp::RoleChange& change) {
  const bool was_acting = mimp::acting(role_);
  const bool is_acting = mimp::acting(change.to);
  const bool renewed = activation_ < change.activation;
  role_ = change.to;
  if (renewed) store_activation(change.activation);
  platform_.log.event(
      platform::Severity::Warning, "MIMP_MASTER_CHANGED",
      fmt::format("Master state for the multi-chassis ipsec peer {} tunnel-group {} changed from "
                  "{} to {} because {}",
                  parts_.peer != nullptr ? parts_.peer->address.text() : "none", id().value,
                  mimp::text(change.from), mimp::text(change.to), change.why));
  if (is_acting && !was_acting) start_acting(change.clean);
  if (is_acting && was_acting && renewed) renew_activation(change.clean);
  if (was_acting && !is_acting) stop_acting();
  steer();
  if (is_acting && !was_acting) handover_.on_acting();
  if (asked_switchover_ && is_acting) {
    const auto done = std::move(asked_switchover_);
    asked_switchover_ = nullptr;
    asked_timer_.cancel();
    done(fmt::format("tunnel-group {} is now master here", id().value));
  }
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
  vouch();  // first: what the ISA kept for this moment is worked off at once
  give_isa_its_role();
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
  vouch();
  give_isa_its_role();
  engine_->activate(clean);
}

void TunnelGroup::stop_acting() {
  handover_.on_role_lost("the role changed");
  engine_->deactivate();
  const Instant now = platform_.clock.now();
  for (const auto& [spi, sa] : state_.ike_sas) ike_arrivals_[spi] = now;
  for (const auto& [spi, sa] : state_.child_sas) child_arrivals_[spi] = now;
  give_isa_its_role();
  if (sync_) sync_->become_reader();
  grants_asked_.clear();
}

void TunnelGroup::give_isa_its_role() {
  if (!mimp::acting(role_)) {
    const bool buffering = handover_.phase() == HandoverPhase::Buffering;
    isa_->send(isa::SetRole{.role = buffering ? isa::Role::Buffering : isa::Role::Closed});
    return;
  }
  const auto epoch = parts_.identity->take_epoch();
  if (!epoch) {
    ike_ivs_.stop();
    isa_->send(isa::SetRole{.role = isa::Role::Closed});
    update_eligibility();
    return;
  }
  ike_ivs_.begin(*epoch);
  isa_->send(isa::SetRole{.role = isa::Role::Acting, .iv_epoch = *epoch});
}

// Redundancy rule 8: not a moment longer than the peer waits before it acts itself.
void TunnelGroup::vouch() {
  const Instant until = mimp_ ? mimp_->vouch_until() : platform_.clock.now() + 3 * kAloneVouch;
  isa_->send(isa::Vouch{.deadline = until});
}

void TunnelGroup::steer() {
  const bool peer_acts = mimp_ && mimp_->reachable(kPeer) && mimp::acting(mimp_->peer_state(kPeer));
  const auto state = decide_steering(
      SteeringFacts{.role = role_, .handover = handover_.phase(), .peer_acts = peer_acts});
  if (state == steering_) return;
  steering_ = state;
  platform_.steering.set(id(), state);
}

void TunnelGroup::store_activation(Activation activation) {
  activation_ = activation;
  wire::Writer out;
  out.u64(activation.value);
  platform_.store.write(fmt::format("activation-{}", id().value), out.take(),
                        [this](const Result<void>& result) {
                          if (!result) counters_.add("activation-not-stored");
                        });
}

void TunnelGroup::on_peer(PeerIndex /*peer*/, bool reachable) {
  if (reachable && mimp::acting(role_)) {
    // It may have acted while we could not hear it, and sealed beyond the bounds we know: its
    // blocks of today's SAs are left alone for good (rule 11).
    for (const auto& [spi, sa] : state_.child_sas) own_blocks_only_.insert(spi);
  }
  if (!reachable) handover_.on_peer_lost();
  steer();
}

void TunnelGroup::on_members_changed() {
  if (sync_) sync_->members_changed();
}

void TunnelGroup::on_keep_alive() {
  if (mimp::acting(role_)) {
    vouch();
  } else if (activation_ < mimp_->activation()) {
    // Rule 2. After a crash as standby this says that the group has acted before: a takeover then
    // is not the first ever.
    store_activation(mimp_->activation());
  }
  if (handover_.is_old() && mimp::acting(mimp_->peer_state(kPeer))) handover_.on_peer_acting();
  steer();
}

void TunnelGroup::on_switchover_request(PeerIndex /*target*/) {
  if (role_ != mimp::MasterState::Master) return;
  force_switchover([this](const Result<std::string>& result) {
    platform_.log.event(platform::Severity::Info, "MIMP_SWITCHOVER_ASKED",
                        result ? *result : result.error().text);
  });
}

void TunnelGroup::renew_credentials(std::shared_ptr<const Credentials> credentials) {
  parts_.credentials = std::move(credentials);
  engine_->renew_authentication(ike_settings(*parts_.config, *parts_.group, parts_.slot,
                                             parts_.identity->incarnation(), *parts_.credentials));
}

void TunnelGroup::force_switchover(std::function<void(Result<std::string>)> done) {
  if (!mimp_ || !mimp_->reachable(kPeer)) {
    done(failure("no peer is reachable"));
    return;
  }
  switch (role_) {
    case mimp::MasterState::Discovery:
    case mimp::MasterState::NotEligible:
    case mimp::MasterState::Eligible:
      done(failure(fmt::format("tunnel-group {} is {}", id().value, mimp::text(role_))));
      return;
    case mimp::MasterState::Standby:
      if (asked_switchover_) {
        done(failure("a switchover was asked for already"));
        return;
      }
      asked_switchover_ = std::move(done);
      asked_timer_.arm(kAskedSwitchoverLimit);
      mimp_->request_switchover(std::nullopt);
      return;
    case mimp::MasterState::Master:
      break;
  }
  if (!sync_ || !mimp_->in_sync_set(kPeer) || sync_->peer_unusable(kPeer) > 0) {
    done(failure("the peer is not in sync: " + not_nominal_reason()));
    return;
  }
  handover_.begin(Activation{mimp_->activation().value + 1}, [told = std::move(done), group = id()](
                                                                 const Result<std::string>& moved) {
    told(moved
             ? Result<std::string>(fmt::format("tunnel-group {} is now standby here", group.value))
             : tl::unexpected(moved.error()));
  });
}

// ---- HandoverActions ----

bool TunnelGroup::journal_flushed() const { return sync_ && sync_->journal_flushed(kPeer); }

void TunnelGroup::send_handover(const mcs::Handover& message) {
  if (sync_) sync_->send_handover(kPeer, message);
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
  mimp_->yield(activation, "a planned handover");
}

void TunnelGroup::buffer() {
  give_isa_its_role();
  steer();
}

void TunnelGroup::stop_buffering() {
  give_isa_its_role();
  steer();
}

void TunnelGroup::apply_windows(const std::vector<esp::SaWindow>& windows) { on_windows(windows); }

void TunnelGroup::act() { mimp_->take_over("a planned handover"); }

}  // namespace segw::chassis
