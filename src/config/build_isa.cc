#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "config/build.h"

namespace segw::config {
namespace {

constexpr uint8_t kChassisOfPair = 2;
constexpr size_t kEnginesMax = 1;  // of a group's own, and active ones of a pool: decision 0015

uint32_t tunnels_max(std::string_view mode) {
  if (mode == "tunnel-limit-8") return 8;
  if (mode == "tunnel-limit-32") return 32;
  if (mode == "tunnel-limit-32k") return 32U << 10U;
  if (mode == "tunnel-limit-64k") return 64U << 10U;
  return 2U << 10U;  // tunnel-limit-2k
}

uint8_t small_number(std::string_view digits) {
  uint8_t number = 0;
  std::from_chars(digits.begin(), digits.end(), number);
  return number;
}

IsaId parse_isa(std::string_view text) {  // the schema has seen to slot/mda
  const size_t slash = text.find('/');
  return IsaId{.slot = small_number(text.substr(0, slash)),
               .mda = small_number(text.substr(slash + 1))};
}

std::set<IsaId> disabled_engines(const View& root) {
  std::set<IsaId> disabled;
  for (const View& card : root.each("card")) {
    for (const View& mda : card.each("mda")) {
      if (mda.enabled()) continue;
      disabled.insert(IsaId{.slot = card.number<uint8_t>("slot-number"),
                            .mda = mda.number<uint8_t>("mda-slot")});
    }
  }
  return disabled;
}

// Who has which engine, and which of them the operator has taken away.
struct Engines {
  std::map<IsaId, std::string> owners;
  std::set<IsaId> disabled;

  std::vector<IsaId> take(const View& entry, const std::string& owner) {
    std::vector<IsaId> taken;
    for (const View& isa : entry.each("isa")) {
      const IsaId id = parse_isa(isa.text("isa-id"));
      const auto [at, fresh] = owners.emplace(id, owner);
      if (!fresh) isa.refuse(fmt::format("serves {} already", at->second));
      taken.push_back(id);
    }
    return taken;
  }
  // All of them if none is left.
  [[nodiscard]] std::vector<IsaId> usable(const std::vector<IsaId>& members) const {
    std::vector<IsaId> left = members;
    std::erase_if(left, [&](IsaId isa) { return disabled.contains(isa); });
    return left.empty() ? members : left;
  }
};

void read_pools(const View& root, Config& config, Engines& engines) {
  for (const View& entry : root.at("isa").each("tunnel-member-pool")) {
    MemberPool pool{
        .name = entry.text("name"), .description = entry.text("description"), .isas = {}};
    pool.isas = engines.take(entry, fmt::format("tunnel-member-pool \"{}\"", pool.name));
    config.member_pools.push_back(std::move(pool));
  }
}

// A pool's engine is given to a group when the group becomes active here, so that no group may need
// it before.
void check_pool(const View& leaf, const Config& config, const TunnelGroup& group) {
  const Domain* domain = domain_of(config, group.id);
  if (domain == nullptr || domain->role != mimp::DesignatedRole::Standby) {
    leaf.refuse("is for the group of an ipsec-domain in which this chassis is designated standby");
  }
}

void read_engines(const View& entry, const Config& config, TunnelGroup& group, Engines& engines) {
  const View active = entry.at("multi-active");
  const View pool_leaf = active.at("member-pool");
  if (active.exists()) group.active_isa_number = active.number<uint8_t>("active-isa-number");
  group.isas = engines.take(active, fmt::format("tunnel-group {}", group.id.value));
  if (pool_leaf.exists()) {
    group.member_pool = pool_leaf.value();
    const auto pool = std::ranges::find(config.member_pools, group.member_pool, &MemberPool::name);
    if (pool != config.member_pools.end()) group.isas = pool->isas;
    check_pool(pool_leaf, config, group);
  }
  const View number = active.at("active-isa-number");
  if (group.enabled && group.isas.empty()) {
    entry.refuse(group.member_pool.empty()
                     ? "is enabled without an engine: multi-active isa or member-pool expected"
                     : "is enabled, and its member-pool has no isa");
  } else if (group.active_isa_number > std::max<size_t>(group.isas.size(), 1)) {
    number.refuse(fmt::format("{} is more than the {} engines of the {}", group.active_isa_number,
                              group.isas.size(), group.member_pool.empty() ? "group" : "pool"));
  }
  if (group.member_pool.empty() && group.isas.size() > kEnginesMax) {
    active.refuse(
        fmt::format("{} engines; this release has one in a tunnel group", group.isas.size()));
  } else if (!group.member_pool.empty() && group.active_isa_number > kEnginesMax) {
    number.refuse(fmt::format("{}; this release has one active engine in a tunnel group",
                              group.active_isa_number));
  }
}

void read_spi_range(const View& entry, const Config& config, TunnelGroup& group) {
  const View leaf = entry.at("spi-range-index");
  if (leaf.exists()) {
    group.spi_range_index = entry.number<uint8_t>("spi-range-index");
    if (*group.spi_range_index > kChassisOfPair && domain_of(config, group.id) == nullptr) {
      leaf.refuse(fmt::format("{}; a pair has the ranges 1 and 2", *group.spi_range_index));
    }
  }
  // The peer is told one range for all groups.
  if (config.tunnel_groups.empty()) return;
  const TunnelGroup& first = config.tunnel_groups.front();
  if (first.spi_range_index != group.spi_range_index) {
    leaf.refuse(
        fmt::format("is not that of tunnel-group {}; a chassis has one range", first.id.value));
  }
}

}  // namespace

void build_isa(const View& root, Config& config) {
  Engines engines{.owners = {}, .disabled = disabled_engines(root)};
  read_pools(root, config, engines);
  for (const View& entry : root.at("isa").each("tunnel-group")) {
    TunnelGroup group;
    group.id = TunnelGroupId{entry.number<uint16_t>("id")};
    group.enabled = entry.enabled();
    group.tunnels_max = tunnels_max(entry.text("isa-scale-mode"));
    group.responder_only = entry.flag("ipsec-responder-only");
    read_spi_range(entry, config, group);
    group.reassembly_wait =
        std::chrono::milliseconds(entry.at("reassembly").number<uint16_t>("max-wait-time"));
    read_engines(entry, config, group, engines);
    group.isas = engines.usable(group.isas);
    // A group whose engines the operator has taken away is down.
    if (std::ranges::all_of(group.isas,
                            [&](IsaId isa) { return engines.disabled.contains(isa); })) {
      group.enabled = false;
    }
    config.tunnel_groups.push_back(std::move(group));
  }
  std::ranges::sort(config.tunnel_groups, {}, &TunnelGroup::id);
}

}  // namespace segw::config
