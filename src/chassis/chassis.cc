#include "chassis/chassis.h"

#include <fmt/format.h>

#include <algorithm>

#include "chassis/credentials.h"
#include "chassis/event_log.h"
#include "chassis/group_events.h"
#include "chassis/identity.h"
#include "chassis/peer_events.h"
#include "chassis/peer_liveness.h"
#include "chassis/shared_keys.h"
#include "chassis/specs.h"
#include "chassis/tunnel_group.h"
#include "wire/reader.h"

namespace segw::chassis {
namespace {

constexpr Duration kLeavingLimit = std::chrono::seconds(3);  // its keeper waits 5 s

// Those that no group acts on.
void add_idle_domains(const config::Config& config, Status& status) {
  for (const config::Domain& domain : config.domains) {
    if (std::ranges::find(status.domains, domain.id, &DomainStatus::id) != status.domains.end()) {
      continue;
    }
    DomainStatus& row = status.domains.emplace_back();
    row.id = domain.id;
    row.role = domain.role;
    row.priority = domain.priority;
    row.group = domain.group;
    row.revertive = domain.revertive;
    row.admin_up = domain.enabled;
    row.not_nominal_reason = domain.enabled ? "no peer is enabled" : "the domain is disabled";
    row.router_id = config.system_address;
  }
  std::ranges::sort(status.domains, {}, &DomainStatus::id);
}

std::vector<const config::McPeer*> configs_of(const std::vector<GroupPeer>& peers) {
  std::vector<const config::McPeer*> configs;
  configs.reserve(peers.size());
  for (const GroupPeer& peer : peers) configs.push_back(peer.config);
  return configs;
}

class ChassisImpl final : public Chassis {
 public:
  ChassisImpl(platform::Platform& platform, std::shared_ptr<const config::Config> config,
              Options options)
      : log_(platform.log, platform.clock),
        platform_{.clock = platform.clock,
                  .scheduler = platform.scheduler,
                  .rng = platform.rng,
                  .datagrams = platform.datagrams,
                  .streams = platform.streams,
                  .services = platform.services,
                  .isas = platform.isas,
                  .steering = platform.steering,
                  .workers = platform.workers,
                  .store = platform.store,
                  .log = log_,
                  .supervisor = platform.supervisor},
        config_(std::move(config)),
        options_(std::move(options)),
        started_wall_(platform.clock.wall()),
        identity_(platform_) {}

  void start(std::function<void(Result<void>)> started) override {
    identity_.load([this, told = std::move(started)](const Result<void>& loaded) {
      if (!loaded) {
        told(loaded);
        return;
      }
      const auto result = bring_up();
      if (result) platform_.supervisor.ready();
      told(result);
    });
  }

  [[nodiscard]] Status status() const override;
  void force_switchover(DomainId id, std::optional<IpAddress> to,
                        std::function<void(Result<std::string>)> done) override {
    for (const auto& group : groups_) {
      if (group->domain() == nullptr || group->domain()->id != id) continue;
      group->force_switchover(to, std::move(done));
      return;
    }
    done(failure(fmt::format("ipsec-domain {} is not configured, or not enabled", id.value)));
  }
  void force_switchover(TunnelGroupId id, std::function<void(Result<std::string>)> done) override {
    for (const auto& group : groups_) {
      if (group->id() == id) {
        group->force_switchover(std::nullopt, std::move(done));
        return;
      }
    }
    done(failure(fmt::format("tunnel-group {} is not configured", id.value)));
  }
  void hand_over_all(platform::Callback done) override;
  Result<std::string> clear_tunnel(std::string_view name) override;
  Result<std::string> clear_client(std::string_view gateway, std::string_view client) override;
  Result<std::string> perform_on_tunnel(std::string_view name, ike::TunnelAction action) override;
  Result<std::string> perform_on_client(std::string_view gateway, std::string_view client,
                                        ike::TunnelAction action) override;
  Result<std::string> reload_credentials(const platform::Files& files) override;
  Result<std::string> reload_keys(const config::Config& configured) override;
  Result<std::string> trace(const IpAddress& peer, TraceMode mode) override {
    if (mode == TraceMode::ShowKeys && !options_.allow_key_export) {
      return failure("keys are not shown: segwd runs without --allow-key-export");
    }
    return trace_.set(peer, mode);
  }
  [[nodiscard]] const mcs::GroupState* group_state(TunnelGroupId id) const override {
    for (const auto& group : groups_) {
      if (group->id() == id) return &group->state();
    }
    return nullptr;
  }
  [[nodiscard]] Result<std::string> export_keys() const override;

 private:
  struct Peer {
    const config::McPeer* config = nullptr;
    SharedKeys keys;
    std::unique_ptr<mcs::PeerLink> link;
    PeerEvents events;
  };

  using WithTunnel = std::function<Result<std::string>(TunnelGroup&, uint32_t number)>;
  Result<std::string> with_tunnel(std::string_view name, const WithTunnel& then);
  Result<std::string> with_client(std::string_view gateway, std::string_view client,
                                  const WithTunnel& then);

  Result<void> bring_up();
  Result<void> make_peers();
  Result<void> watch_peers();
  [[nodiscard]] const config::Domain* domain_of(const config::TunnelGroup& group) const;
  [[nodiscard]] std::vector<GroupPeer> peers_of(const config::TunnelGroup& group) const;
  [[nodiscard]] Slot slot_towards(const config::McPeer& peer) const;
  Result<void> make_group(const config::TunnelGroup& group);
  [[nodiscard]] Activation known_activation(TunnelGroupId id);
  void left();
  void look_at_peers();
  [[nodiscard]] PeerStatus peer_status(const Peer& peer) const;

  EventLog log_;
  platform::Platform platform_;
  std::shared_ptr<const config::Config> config_;
  Options options_;
  std::chrono::system_clock::time_point started_wall_;
  Identity identity_;
  platform::Callback leaving_;
  size_t groups_to_move_ = 0;
  platform::Timer leaving_timer_{platform_, [this] { left(); }};
  PeerTrace trace_{platform_.clock};
  std::unique_ptr<mcs::Port> mcs_port_ = mcs::make_port(platform_);
  std::vector<Peer> peers_;
  mimp::Port mimp_port_{platform_};
  std::map<std::string, IsaPool> pools_;
  std::vector<std::unique_ptr<TunnelGroup>> groups_;  // after peers_: they use the links
  std::optional<PeerLiveness> liveness_;
};

Result<void> ChassisImpl::bring_up() {
  if (auto applied = platform_.services.apply(service_specs(*config_)); !applied) return applied;
  for (const config::MemberPool& pool : config_->member_pools) {
    pools_.emplace(pool.name, IsaPool(pool.name, pool.isas));
  }
  if (auto made = make_peers(); !made) return made;
  for (const config::TunnelGroup& group : config_->tunnel_groups) {
    if (auto made = make_group(group); !made) return made;
  }
  if (auto watched = watch_peers(); !watched) return watched;
  for (const Peer& peer : peers_) {
    if (peer.link) peer.link->start();
  }
  return {};
}

Result<void> ChassisImpl::make_peers() {
  for (const config::McPeer& peer : config_->peers) {
    if (!peer.enabled) continue;
    auto keys = read_shared_keys(platform_.store, peer);
    if (!keys) {
      return failure(fmt::format("peer {}: {}", peer.address.text(), keys.error().text));
    }
    if (keys->empty()) {
      platform_.log.event(platform::Severity::Major, "MCS_NO_KEY",
                          fmt::format("peer {}: neither authentication-key nor mcs.key: nothing "
                                      "is synchronised",
                                      peer.address.text()));
    }
    peers_.push_back(Peer{.config = &peer,
                          .keys = std::move(*keys),
                          .link = nullptr,
                          .events = PeerEvents(log_, peer.address)});
  }
  for (Peer& peer : peers_) {
    if (!peer.config->sync_enabled || !peer.config->sync_ipsec) continue;
    peer.link = mcs::make_peer_link(platform_, *mcs_port_,
                                    mcs::Settings{.local = peer.config->source_address,
                                                  .peer = peer.config->address,
                                                  .keys = protocol_keys(peer.keys, "mcs 1"),
                                                  .slot = slot_towards(*peer.config),
                                                  .incarnation = identity_.incarnation()});
  }
  return {};
}

Result<void> ChassisImpl::watch_peers() {
  if (options_.prompt == nullptr) return {};
  for (const Peer& peer : peers_) {
    const auto settings = bfd_settings(*config_, *peer.config, peer.keys);
    if (!settings) continue;
    if (!liveness_) {
      liveness_.emplace(platform_.log, *options_.prompt,
                        [this](const config::McPeer& of, mimp::BfdSays says) {
                          for (const auto& group : groups_) group->on_bfd(of, says);
                        });
    }
    if (auto added = liveness_->add(*peer.config, *settings); !added) return added;
  }
  return {};
}

const config::Domain* ChassisImpl::domain_of(const config::TunnelGroup& group) const {
  const auto at = std::ranges::find(config_->domains, group.id, &config::Domain::group);
  return at == config_->domains.end() || !at->enabled ? nullptr : &*at;
}

// In the order of the configuration.
std::vector<GroupPeer> ChassisImpl::peers_of(const config::TunnelGroup& group) const {
  const config::Domain* domain = domain_of(group);
  std::vector<GroupPeer> found;
  for (const Peer& peer : peers_) {
    if (!peer.config->mc_ipsec) continue;
    GroupPeer made{
        .config = peer.config, .pair = nullptr, .link = peer.link.get(), .keys = peer.keys};
    for (const config::PeerDomain& each : peer.config->domains) {
      if (domain != nullptr && each.enabled && each.id == domain->id) found.push_back(made);
    }
    for (const config::PeerTunnelGroup& each : peer.config->tunnel_groups) {
      if (domain != nullptr || each.id != group.id || !each.enabled) continue;
      made.pair = &each;
      if (each.sync_tag.empty()) made.link = nullptr;
      found.push_back(made);
    }
  }
  return found;
}

// All groups over one link have one slot (make_group() sees to it).
Slot ChassisImpl::slot_towards(const config::McPeer& peer) const {
  for (const config::TunnelGroup& group : config_->tunnel_groups) {
    const auto configs = configs_of(peers_of(group));
    if (std::ranges::find(configs, &peer) != configs.end()) return slot_of(group, configs);
  }
  return slot_of({}, {&peer});
}

Activation ChassisImpl::known_activation(TunnelGroupId id) {
  const auto contents = platform_.store.read(fmt::format("activation-{}", id.value));
  const auto record = contents ? *contents : std::nullopt;
  if (!record) return {};
  wire::Reader in(*record);
  const uint64_t number = in.u64("activation");
  return in.ok() ? Activation{number} : Activation{};
}

Result<void> ChassisImpl::make_group(const config::TunnelGroup& group) {
  TunnelGroupParts parts{
      .config = config_,
      .group = &group,
      .domain = domain_of(group),
      .peers = peers_of(group),
      .mimp_port = &mimp_port_,
      .pool = nullptr,
      .pool_changed =
          [this] {
            for (const auto& each : groups_) each->update_eligibility();
          },
      .credentials = options_.credentials ? options_.credentials : std::make_shared<Credentials>(),
      .identity = &identity_,
      .trace = &trace_,
      .events = &log_,
      .peers_changed = [this] { look_at_peers(); },
      .slot = {},
      .known_activation = known_activation(group.id)};
  if (const auto pool = pools_.find(group.member_pool); pool != pools_.end()) {
    parts.pool = &pool->second;
  }
  parts.slot = slot_of(group, configs_of(parts.peers));
  for (const GroupPeer& peer : parts.peers) {
    if (peer.link == nullptr || slot_towards(*peer.config) == parts.slot) continue;
    return failure(fmt::format(
        "tunnel-group {}: another group with peer {} has other peers, so its SPIs would "
        "be of another range; give all groups of this chassis one spi-range-index",
        group.id.value, peer.config->address.text()));
  }
  groups_.push_back(std::make_unique<TunnelGroup>(platform_, std::move(parts)));
  return groups_.back()->start();
}

void ChassisImpl::look_at_peers() {
  for (Peer& peer : peers_) {
    PeerFacts facts;
    for (const auto& group : groups_) group->add_to(facts, *peer.config);
    peer.events.look(platform_.clock.now(), facts);
  }
}

PeerStatus ChassisImpl::peer_status(const Peer& peer) const {
  const config::McPeer& from = *peer.config;
  PeerStatus status{.address = from.address,
                    .source_address = from.source_address,
                    .name = from.name,
                    .admin_up = from.enabled,
                    .keep_alive = from.keep_alive_interval,
                    .hold_on_neighbor_failure = from.hold_on_neighbor_failure,
                    .discovery = from.discovery_interval,
                    .discovery_boot = from.discovery_interval_boot,
                    .bfd = from.bfd_liveness,
                    .last_update = started_wall_,
                    .authentication = !peer.keys.empty(),
                    .keys = ids_of(peer.keys),
                    .peer_keys = {},
                    .session_key = peer.link ? peer.link->session_key() : std::nullopt,
                    .sync_admin_up = from.sync_enabled,
                    .mcs_connected = peer.link && peer.link->connected(),
                    .mcs_down_reason = peer.link ? peer.link->down_reason() : "not configured",
                    .mcs_version = peer.link ? peer.link->version() : 0,
                    .mcs_counters = {},
                    .history = merged(peer.events.history(), History{}),
                    .groups = {}};
  if (peer.link) {
    status.history = merged(peer.events.history(), peer.link->history());
    const auto& counters = peer.link->counters().all();
    status.mcs_counters.insert(counters.begin(), counters.end());
  }
  for (const auto& group : groups_) group->fill(status, *peer.config);
  return status;
}

void ChassisImpl::hand_over_all(platform::Callback done) {
  leaving_ = std::move(done);
  leaving_timer_.arm(kLeavingLimit);
  groups_to_move_ = 1;  // until all were asked
  for (const auto& group : groups_) {
    if (!group->can_be_moved()) continue;
    ++groups_to_move_;
    group->force_switchover(std::nullopt, [this, id = group->id()](const Result<std::string>& to) {
      if (!to) {
        platform_.log.event(platform::Severity::Warning, "TUNNEL_GROUP_NOT_HANDED_OVER",
                            fmt::format("tunnel-group {} ends here without a handover: {}",
                                        id.value, to.error().text));
      }
      if (--groups_to_move_ == 0) left();
    });
  }
  if (--groups_to_move_ == 0) left();
}

void ChassisImpl::left() {
  leaving_timer_.cancel();
  if (leaving_) std::exchange(leaving_, nullptr)();
}

Status ChassisImpl::status() const {
  Status status;
  status.now = platform_.clock.now();
  status.system_name = config_->system_name;
  status.system_address = config_->system_address;
  status.configured_at = started_wall_;
  for (const Peer& peer : peers_) status.peers.push_back(peer_status(peer));
  for (const auto& group : groups_) group->fill(status);
  add_idle_domains(*config_, status);
  for (const auto& [name, pool] : pools_) {
    for (const IsaId& member : pool.members()) {
      const TunnelGroupId group = pool.active_in(member);
      if (group.value != 0) status.pool_isas[member] = group;
    }
  }
  status.traces = trace_.status();
  if (liveness_) status.bfd = liveness_->status();
  status.log.assign(log_.entries().begin(), log_.entries().end());
  return status;
}

Result<std::string> ChassisImpl::with_tunnel(std::string_view name, const WithTunnel& then) {
  for (const config::IpsecTunnel& tunnel : config_->tunnels) {
    if (tunnel.name != name) continue;
    for (const auto& group : groups_) {
      if (group->id() == tunnel.group) return then(*group, tunnel.number);
    }
  }
  return failure(fmt::format("ipsec-tunnel \"{}\" is not configured", name));
}

// A client's tunnel has a number like a configured one.
Result<std::string> ChassisImpl::with_client(std::string_view gateway, std::string_view client,
                                             const WithTunnel& then) {
  for (const config::IpsecGateway& each : config_->gateways) {
    if (each.name != gateway) continue;
    for (const auto& group : groups_) {
      if (group->id() != each.group) continue;
      const auto number = group->tunnel_of(each, client);
      return number ? then(*group, *number) : tl::unexpected(number.error());
    }
  }
  return failure(fmt::format("ipsec-gateway \"{}\" is not configured", gateway));
}

Result<std::string> ChassisImpl::clear_tunnel(std::string_view name) {
  return with_tunnel(
      name, [](TunnelGroup& group, uint32_t number) { return group.clear_tunnel(number); });
}

Result<std::string> ChassisImpl::clear_client(std::string_view gateway, std::string_view client) {
  return with_client(gateway, client, [](TunnelGroup& group, uint32_t number) {
    return group.clear_tunnel(number);
  });
}

Result<std::string> ChassisImpl::perform_on_tunnel(std::string_view name,
                                                   ike::TunnelAction action) {
  return with_tunnel(name, [action](TunnelGroup& group, uint32_t number) {
    return group.perform(number, action);
  });
}

Result<std::string> ChassisImpl::perform_on_client(std::string_view gateway,
                                                   std::string_view client,
                                                   ike::TunnelAction action) {
  return with_client(gateway, client, [action](TunnelGroup& group, uint32_t number) {
    return group.perform(number, action);
  });
}

Result<std::string> ChassisImpl::reload_credentials(const platform::Files& files) {
  auto loaded = load_credentials(*config_, files);
  if (!loaded) {
    std::string errors;
    std::string lines = "certificates stay as they were:";
    for (const config::ConfigError& error : loaded.error()) {
      errors += (errors.empty() ? "" : "; ") + config::text(error);
      lines += "\n" + config::text(error);
    }
    platform_.log.event(platform::Severity::Major, "CERTIFICATES_NOT_RELOADED", errors);
    return failure(lines);
  }
  options_.credentials = std::move(*loaded);
  for (const auto& group : groups_) group->renew_credentials(options_.credentials);
  platform_.log.event(platform::Severity::Info, "CERTIFICATES_RELOADED",
                      "certificates, keys and revocation lists were read anew");
  return std::string("certificates, keys and revocation lists were read anew");
}

// All peers' keys, or none: what is the same on all of them is changed as one.
Result<std::string> ChassisImpl::reload_keys(const config::Config& configured) {
  if (peers_.empty()) return std::string("there is no peer to share a key with");
  std::vector<KeysInUse> in_use;
  for (const Peer& peer : peers_) {
    in_use.push_back({.peer = peer.config->address, .keys = peer.keys, .told = {}});
    for (const auto& group : groups_) {
      in_use.back().told.push_back(group->peer_keys(*peer.config));
    }
  }
  const auto next = next_keys(platform_.store, configured, in_use);
  if (!next) {
    platform_.log.event(platform::Severity::Major, "MC_KEYS_NOT_RELOADED", next.error().text);
    return failure(next.error().text);
  }
  for (size_t i = 0; i < peers_.size(); ++i) {
    Peer& peer = peers_[i];
    if (peer.keys == next->at(i)) continue;
    peer.keys = next->at(i);
    for (const auto& group : groups_) group->renew_keys(*peer.config, peer.keys);
    if (liveness_) liveness_->renew_keys(*peer.config, bfd_keys(peer.keys));
    if (peer.link) peer.link->renew_keys(protocol_keys(peer.keys, "mcs 1"));
    in_use[i].keys = peer.keys;
  }
  std::string text = "keys in use: " + key_names(in_use);
  platform_.log.event(platform::Severity::Info, "MC_KEYS_RELOADED", text);
  return text;
}

Result<std::string> ChassisImpl::export_keys() const {
  if (!options_.allow_key_export) {
    return failure("keys are not exported: segwd runs without --allow-key-export");
  }
  std::string esp_lines;
  std::string ike_lines;
  for (const auto& group : groups_) group->export_keys(esp_lines, ike_lines);
  return "[esp_sa]\n" + esp_lines + "[ikev2_decryption_table]\n" + ike_lines;
}

}  // namespace

std::unique_ptr<Chassis> make_chassis(platform::Platform& platform,
                                      std::shared_ptr<const config::Config> config,
                                      Options options) {
  return std::make_unique<ChassisImpl>(platform, std::move(config), std::move(options));
}

}  // namespace segw::chassis
