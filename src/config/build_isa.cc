#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "config/build.h"

namespace segw::config {
namespace {

constexpr uint8_t kChassisOfPair = 2;

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

void read_engines(const View& entry, TunnelGroup& group, std::set<IsaId>& taken) {
  const View active = entry.at("multi-active");
  if (active.exists()) group.active_isa_number = active.number<uint8_t>("active-isa-number");
  for (const View& isa : active.each("isa")) {
    const IsaId id = parse_isa(isa.text("isa-id"));
    if (!taken.insert(id).second) isa.refuse("serves another tunnel group already");
    group.isas.push_back(id);
  }
  if (group.isas.size() > 1) {
    active.refuse(
        fmt::format("{} engines; this release has one in a tunnel group", group.isas.size()));
  }
  if (group.enabled && group.isas.empty()) {
    entry.refuse("is enabled without an engine: multi-active isa expected");
  }
  if (group.active_isa_number > std::max<size_t>(group.isas.size(), 1)) {
    active.at("active-isa-number").refuse("is more than the engines of the group");
  }
}

}  // namespace

std::vector<TunnelGroup> build_tunnel_groups(const View& root) {
  const std::set<IsaId> disabled = disabled_engines(root);
  std::set<IsaId> taken;
  std::vector<TunnelGroup> groups;
  for (const View& entry : root.at("isa").each("tunnel-group")) {
    TunnelGroup group;
    group.id = TunnelGroupId{entry.number<uint16_t>("id")};
    group.enabled = entry.enabled();
    group.tunnels_max = tunnels_max(entry.text("isa-scale-mode"));
    group.responder_only = entry.flag("ipsec-responder-only");
    if (entry.at("spi-range-index").exists()) {
      group.spi_range_index = entry.number<uint8_t>("spi-range-index");
      if (*group.spi_range_index > kChassisOfPair) {
        entry.at("spi-range-index")
            .refuse(fmt::format("{}; a pair has the ranges 1 and 2", *group.spi_range_index));
      }
    }
    // The peer is told one range for all groups.
    if (!groups.empty() && groups.front().spi_range_index != group.spi_range_index) {
      entry.at("spi-range-index")
          .refuse(fmt::format("is not that of tunnel-group {}; a chassis has one range",
                              groups.front().id.value));
    }
    group.reassembly_wait =
        std::chrono::milliseconds(entry.at("reassembly").number<uint16_t>("max-wait-time"));
    read_engines(entry, group, taken);
    // A group whose engine the operator has taken away is down.
    if (std::ranges::any_of(group.isas, [&](IsaId isa) { return disabled.contains(isa); })) {
      group.enabled = false;
    }
    groups.push_back(std::move(group));
  }
  std::ranges::sort(groups, {}, &TunnelGroup::id);
  return groups;
}

}  // namespace segw::config
