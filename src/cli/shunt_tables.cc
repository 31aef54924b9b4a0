#include <fmt/format.h>

#include <algorithm>

#include "cli/tables.h"

// `show ipsec multi-chassis-shunt-interface` and `show ipsec multi-chassis-shunting-profile`.

namespace segw::cli {
namespace {

using Json = nlohmann::ordered_json;

// Those of IES services are the base router's, which has no number.
std::string service_id_text(const config::Service& service) {
  return service.kind == config::Service::Kind::Base ? service.name : std::to_string(service.id);
}

bool is_of(const config::Service& service, const ShuntFilter& filter) {
  return filter.service.empty() || filter.service == service.name ||
         filter.service == service_id_text(service);
}

bool is_named(const std::string& name, const ShuntFilter& filter) {
  return filter.name.empty() || filter.name == name;
}

}  // namespace

std::vector<ShuntRow> shunt_rows(const Snapshot& snapshot, const ShuntFilter& filter) {
  std::vector<ShuntRow> rows;
  for (const config::Service& service : snapshot.config.services) {
    if (!is_of(service, filter)) continue;
    for (const config::ShuntInterface& shunt : service.shunt_interfaces) {
      if (!is_named(shunt.interface, filter)) continue;
      rows.push_back({.service = service_id_text(service),
                      .interface = shunt.interface,
                      .next_hop = shunt.next_hop.text()});
    }
  }
  return rows;
}

std::string shunt_table(const std::vector<ShuntRow>& rows) {
  constexpr std::string_view kRow = "{:<12}{:<33}{}\n";
  std::string table = "\n" + title("IPsec Multi-Chassis Shunt Interfaces");
  table += fmt::format(fmt::runtime(kRow), "Service Id", "MC Shunt Interface Name", "Next Hop");
  table += thin_line();
  for (const ShuntRow& row : rows) {
    table += fmt::format(fmt::runtime(kRow), row.service, row.interface, row.next_hop);
  }
  return table + table_end("No. of IPsec MC Shunt Interfaces", rows.size());
}

Json shunts_json(const std::vector<ShuntRow>& rows) {
  Json shunts = Json::array();
  for (const ShuntRow& row : rows) {
    shunts.push_back(
        Json{{"service-id", row.service}, {"name", row.interface}, {"next-hop", row.next_hop}});
  }
  return Json{{"multi-chassis-shunt-interfaces", std::move(shunts)}};
}

std::vector<ProfileRow> profile_rows(const Snapshot& snapshot, const ShuntFilter& filter) {
  std::vector<ProfileRow> rows;
  for (const config::Service& service : snapshot.config.services) {
    if (!is_of(service, filter)) continue;
    for (const config::ShuntingProfile& profile : service.shunting_profiles) {
      if (!is_named(profile.name, filter)) continue;
      for (const config::ShuntingProfile::Entry& entry : profile.peers) {
        rows.push_back({.service = service_id_text(service),
                        .profile = profile.name,
                        .peer = entry.peer.text(),
                        .interface = entry.interface});
      }
    }
  }
  return rows;
}

std::string profile_table(const std::vector<ProfileRow>& rows) {
  constexpr std::string_view kRow = "{:<12}{:<33}{}\n";
  std::string table = "\n" + title("Multi-Chassis Shunting Profile Params Entries");
  table += fmt::format(fmt::runtime(kRow), "Service Id", "MC Shunting Profile Name",
                       "MC Shunt Interface Name");
  table += "  Peer\n" + thin_line();
  for (const ProfileRow& row : rows) {
    table += fmt::format(fmt::runtime(kRow), row.service, row.profile, row.interface);
    table += "  " + row.peer + "\n";
  }
  return table + table_end("No. of IPsec MC Shunting Profile Params Entries", rows.size());
}

Json profiles_json(const std::vector<ProfileRow>& rows) {
  Json profiles = Json::array();
  for (const ProfileRow& row : rows) {
    profiles.push_back(Json{{"service-id", row.service},
                            {"name", row.profile},
                            {"peer", row.peer},
                            {"multi-chassis-shunt-interface", row.interface}});
  }
  return Json{{"multi-chassis-shunting-profiles", std::move(profiles)}};
}

}  // namespace segw::cli
