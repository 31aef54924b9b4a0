#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "cli/tables.h"

// `show isa tunnel-group` and `show isa tunnel-member-pool`.

namespace segw::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string text(const IsaId& isa) { return fmt::format("{}/{}", isa.slot, isa.mda); }

// Of a group: which engines carry it, or would, and which stand by.
struct Engines {
  std::string pool;  // empty: they are its own
  std::vector<std::string> active, spare;
};

Engines engines_of(const Snapshot& snapshot, const config::TunnelGroup& group) {
  Engines engines{.pool = group.member_pool, .active = {}, .spare = {}};
  const auto& taken = snapshot.status.pool_isas;
  for (size_t i = 0; i < group.isas.size(); ++i) {
    const IsaId isa = group.isas[i];
    const auto at = taken.find(isa);
    const bool active = group.member_pool.empty() ? i < group.active_isa_number
                                                  : at != taken.end() && at->second == group.id;
    if (active) {
      engines.active.push_back(text(isa));
    } else if (at == taken.end()) {
      engines.spare.push_back(text(isa));
    }
  }
  return engines;
}

std::string joined(const std::vector<std::string>& isas) {
  return isas.empty() ? "none" : fmt::format("{}", fmt::join(isas, " "));
}

const config::TunnelGroup* find_group(const config::Config& config, TunnelGroupId id) {
  const auto at = std::ranges::find(config.tunnel_groups, id, &config::TunnelGroup::id);
  return at == config.tunnel_groups.end() ? nullptr : &*at;
}

// Said where there is a choice.
std::string engine_lines(const Engines& engines) {
  if (engines.pool.empty() && engines.spare.empty()) return {};
  std::string lines;
  if (!engines.pool.empty()) lines += fmt::format("    Member Pool : {}\n", engines.pool);
  lines += fmt::format("    Active Isas : {}\n", joined(engines.active));
  return lines + fmt::format("    Spare Isas  : {}\n", joined(engines.spare));
}

std::vector<uint16_t> groups_of(const config::Config& config, const config::MemberPool& pool) {
  std::vector<uint16_t> groups;
  for (const config::TunnelGroup& group : config.tunnel_groups) {
    if (group.member_pool == pool.name) groups.push_back(group.id.value);
  }
  return groups;
}

TunnelGroupId active_in(const chassis::Status& status, const IsaId& isa) {
  const auto at = status.pool_isas.find(isa);
  return at == status.pool_isas.end() ? TunnelGroupId{} : at->second;
}

std::ptrdiff_t active_entries(const chassis::Status& status, const config::MemberPool& pool) {
  return std::ranges::count_if(
      pool.isas, [&](const IsaId& isa) { return active_in(status, isa) != TunnelGroupId{}; });
}

std::string line(std::string text) {
  text.erase(text.find_last_not_of(' ') + 1);
  return text + "\n";
}

enum class Changes : uint8_t { Shown, LeftOut };

std::string pool_text(const Snapshot& snapshot, const config::MemberPool& pool, Changes changes) {
  const bool shown = changes == Changes::Shown;
  constexpr std::string_view kRow = "{:<25}{:<19}{}";
  std::string table = "\n" + thick_line();
  table += fmt::format("ISA Tunnel Member Pool : {}\n", pool.name);
  table += fmt::format("Description            : {}\n",
                       pool.description.empty() ? "(Not Specified)" : pool.description);
  table += line(
      fmt::format("Associated Tunnel Grps : {}", fmt::join(groups_of(snapshot.config, pool), " ")));
  table += thick_line();
  table += line(fmt::format(fmt::runtime(kRow), "Isa Members", "Active In Group",
                            shown ? "Last Configuration Change" : ""));
  table += thin_line();
  for (const IsaId& isa : pool.isas) {
    const TunnelGroupId group = active_in(snapshot.status, isa);
    table += line(fmt::format(fmt::runtime(kRow), text(isa),
                              group.value == 0 ? "" : std::to_string(group.value),
                              shown ? utc_date(snapshot.status.configured_at) : ""));
  }
  table += thin_line();
  table += fmt::format("Number of Configured Entries: {}\n", pool.isas.size());
  table += fmt::format("Number of Active Entries: {}\n", active_entries(snapshot.status, pool));
  return table + thick_line();
}

}  // namespace

std::string tunnel_group_table(const Snapshot& snapshot) {
  constexpr std::string_view kRow = "{:<7}{:<9}{:<7}{:<7}{}\n";
  std::string table = "\n" + title("ISA Tunnel Groups");
  table += fmt::format(fmt::runtime(kRow), "Group", "Isa", "Admin", "Oper", "Crypto");
  table += thin_line();
  for (const chassis::IsaStatus& isa : snapshot.status.isas) {
    const config::TunnelGroup* group = find_group(snapshot.config, isa.group);
    table += fmt::format(fmt::runtime(kRow), isa.group.value, isa.isa,
                         up_down(group != nullptr && group->enabled), up_down(isa.up),
                         isa.up ? isa.crypto : isa.down_reason);
    if (group != nullptr) table += engine_lines(engines_of(snapshot, *group));
    table += counter_lines(isa.drops, 4);
  }
  return table + table_end("Tunnel Groups", snapshot.status.isas.size());
}

Json isas_json(const Snapshot& snapshot) {
  Json groups = Json::array();
  for (const chassis::IsaStatus& isa : snapshot.status.isas) {
    const config::TunnelGroup* group = find_group(snapshot.config, isa.group);
    const Engines engines = group != nullptr ? engines_of(snapshot, *group) : Engines{};
    groups.push_back(Json{{"tunnel-group", isa.group.value},
                          {"isa", isa.isa},
                          {"oper-state", up_down(isa.up)},
                          {"crypto", isa.crypto},
                          {"down-reason", isa.down_reason},
                          {"member-pool", engines.pool},
                          {"active-isas", engines.active},
                          {"spare-isas", engines.spare},
                          {"drops", isa.drops}});
  }
  return Json{{"tunnel-groups", std::move(groups)}};
}

std::string pool_list(const Snapshot& snapshot) {
  constexpr std::string_view kRow = "{:<33}{:<12}{:<9}{}";
  std::string table = "\n" + title("ISA Tunnel Member Pools");
  table += line(fmt::format(fmt::runtime(kRow), "Name", "Configured", "Active", "Tunnel Groups"));
  table += thin_line();
  for (const config::MemberPool& pool : snapshot.config.member_pools) {
    table += line(fmt::format(fmt::runtime(kRow), pool.name, pool.isas.size(),
                              active_entries(snapshot.status, pool),
                              fmt::format("{}", fmt::join(groups_of(snapshot.config, pool), " "))));
  }
  return table + table_end("Tunnel Member Pools", snapshot.config.member_pools.size());
}

std::string pool_table(const Snapshot& snapshot, const config::MemberPool& pool) {
  return pool_text(snapshot, pool, Changes::LeftOut);
}

std::string pool_detail(const Snapshot& snapshot, const config::MemberPool& pool) {
  return pool_text(snapshot, pool, Changes::Shown);
}

Json pool_json(const Snapshot& snapshot, const config::MemberPool& pool) {
  Json isas = Json::array();
  for (const IsaId& isa : pool.isas) {
    isas.push_back(Json{{"isa", text(isa)},
                        {"tunnel-group-active-in", active_in(snapshot.status, isa).value}});
  }
  return Json{{"name", pool.name},
              {"description", pool.description},
              {"tunnel-groups", groups_of(snapshot.config, pool)},
              {"last-change", utc_timestamp(snapshot.status.configured_at)},
              {"isas", std::move(isas)}};
}

Json pools_json(const Snapshot& snapshot) {
  Json pools = Json::array();
  for (const config::MemberPool& pool : snapshot.config.member_pools) {
    pools.push_back(pool_json(snapshot, pool));
  }
  return Json{{"tunnel-member-pools", std::move(pools)}};
}

}  // namespace segw::cli
