#include "topology.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <utility>

namespace segw::lab {
namespace {

constexpr size_t kLabNameMax = 16;     // network namespaces are called segw-<lab>-<node>
constexpr size_t kDeviceNameMax = 15;  // IFNAMSIZ less the terminating zero
constexpr size_t kNodesMax = 64;

constexpr std::array kKinds = {
    std::pair<std::string_view, NodeKind>{"host", NodeKind::Host},
    std::pair<std::string_view, NodeKind>{"bridge", NodeKind::Bridge},
    std::pair<std::string_view, NodeKind>{"chassis", NodeKind::Chassis},
    std::pair<std::string_view, NodeKind>{"strongswan", NodeKind::StrongSwan},
    std::pair<std::string_view, NodeKind>{"libreswan", NodeKind::Libreswan},
    std::pair<std::string_view, NodeKind>{"openiked", NodeKind::OpenIked},
    std::pair<std::string_view, NodeKind>{"nat", NodeKind::Nat},
};

// Reads maps and remembers the first thing that is wrong, with its line.
class Reader {
 public:
  void refuse(const YAML::Node& at, const std::string& why) {
    if (!error_.empty()) return;
    const int line = at.Mark().line;
    error_ = line < 0 ? why : fmt::format("line {}: {}", line + 1, why);
  }
  [[nodiscard]] const std::string& error() const { return error_; }

  void only(const YAML::Node& map, const std::set<std::string>& known) {
    if (!map.IsMap()) return refuse(map, "a map expected");
    for (const auto& entry : map) {
      const auto key = entry.first.as<std::string>();
      if (!known.contains(key)) refuse(entry.first, fmt::format("'{}' is not known here", key));
    }
  }
  std::string word(const YAML::Node& map, const std::string& key) {
    const YAML::Node value = map[key];
    if (!value || !value.IsScalar() || value.Scalar().empty()) {
      refuse(map, fmt::format("'{}' is missing", key));
      return {};
    }
    return value.Scalar();
  }
  std::vector<std::string> words(const YAML::Node& map, const std::string& key) {
    const YAML::Node value = map[key];
    if (!value) return {};
    if (value.IsScalar()) return {value.Scalar()};
    std::vector<std::string> list;
    for (const YAML::Node& item : value) {
      if (!item.IsScalar()) refuse(item, fmt::format("'{}': a word expected", key));
      list.push_back(item.Scalar());
    }
    return list;
  }
  bool flag(const YAML::Node& map, const std::string& key) {
    const YAML::Node value = map[key];
    if (!value) return false;
    const std::string said = value.IsScalar() ? value.Scalar() : "";
    if (said != "true" && said != "false") refuse(value, fmt::format("'{}': true or false", key));
    return said == "true";
  }

 private:
  std::string error_;
};

bool is_name(const std::string& name, size_t longest) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  };
  return !name.empty() && name.size() <= longest && std::ranges::all_of(name, fits);
}

McsKey read_mcs_key(Reader& in, const YAML::Node& map) {
  if (!map["mcs-key"]) return McsKey::Shared;
  const std::string said = in.word(map, "mcs-key");
  if (said == "shared") return McsKey::Shared;
  if (said == "own") return McsKey::Own;
  if (said != "none") in.refuse(map["mcs-key"], "mcs-key: shared, own or none expected");
  return McsKey::None;
}

ChassisSettings read_chassis(Reader& in, const YAML::Node& map, const std::string& folder) {
  in.only(map, {"kind", "config", "ports", "mcs-key", "allow-key-export", "arguments"});
  const std::filesystem::path base(folder);
  return ChassisSettings{.config_file = (base / in.word(map, "config")).string(),
                         .ports_file = (base / in.word(map, "ports")).string(),
                         .mcs_key = read_mcs_key(in, map),
                         .allow_key_export = in.flag(map, "allow-key-export"),
                         .arguments = in.words(map, "arguments")};
}

// One for each suite; they differ in nothing else.
std::vector<Connection> read_connections(Reader& in, const YAML::Node& map) {
  in.only(map, {"local", "remote", "local-ts", "remote-ts", "psk", "suites"});
  if (!in.error().empty()) return {};
  Connection connection;
  connection.local = in.word(map, "local");
  connection.remote = in.word(map, "remote");
  connection.local_ts = in.word(map, "local-ts");
  connection.remote_ts = in.word(map, "remote-ts");
  connection.psk = in.word(map, "psk");
  if (!map["suites"] || !map["suites"].IsMap()) {
    in.refuse(map, "'suites': a map of names expected");
    return {};
  }
  std::vector<Connection> connections;
  for (const auto& entry : map["suites"]) {
    in.only(entry.second, {"ike", "esp"});
    if (!in.error().empty()) break;
    connection.name = entry.first.as<std::string>();
    connection.ike = in.word(entry.second, "ike");
    connection.esp = in.word(entry.second, "esp");
    if (!is_name(connection.name, kLabNameMax)) in.refuse(entry.first, "no name of a suite");
    connections.push_back(connection);
  }
  return connections;
}

std::map<std::string, std::string> read_settings(Reader& in, const YAML::Node& map) {
  std::map<std::string, std::string> settings;
  if (!map) return settings;
  if (!map.IsMap()) in.refuse(map, "a map of settings expected");
  if (!in.error().empty()) return settings;
  for (const auto& entry : map) {
    const auto key = entry.first.as<std::string>();
    settings[key] = in.word(map, key);
  }
  return settings;
}

PeerSettings read_peer(Reader& in, const YAML::Node& map, const std::string& config,
                       const std::string& folder) {
  PeerSettings peer{.settings = read_settings(in, map["settings"])};
  const std::filesystem::path base(folder);
  if (map[config]) peer.config_file = (base / in.word(map, config)).string();
  if (map["tree"]) peer.tree = (base / in.word(map, "tree")).string();
  return peer;
}

bool read_inside(Reader& in, const YAML::Node& map) {
  if (!map["inside"]) return false;
  const std::string said = in.word(map, "inside");
  if (said != "uml" && said != "namespace") {
    in.refuse(map["inside"], "inside: uml or namespace expected");
  }
  return said == "uml";
}

// libreswan and OpenIKED, which need ESP in the kernel.
void read_guest_daemon(Reader& in, const YAML::Node& map, const std::string& folder, Node& node) {
  in.only(map, {"kind", "loopback", "routes", "config", "tree"});
  if (!in.error().empty()) return;
  node.guest = true;
  in.word(map, "config");
  in.word(map, "tree");
  node.peer = read_peer(in, map, "config", folder);
}

void read_strongswan(Reader& in, const YAML::Node& map, const std::string& folder, Node& node) {
  in.only(map, {"kind", "loopback", "routes", "connection", "swanctl", "settings", "inside"});
  if (map["connection"] && map["swanctl"]) in.refuse(map, "either 'connection' or 'swanctl'");
  if (!in.error().empty()) return;
  node.guest = read_inside(in, map);
  node.peer = read_peer(in, map, "swanctl", folder);
  if (map["connection"]) node.connections = read_connections(in, map["connection"]);
}

void read_nat(Reader& in, const YAML::Node& map, Node& node) {
  in.only(map, {"kind", "loopback", "routes", "outside", "translate"});
  if (!in.error().empty()) return;
  node.nat = {.outside = in.word(map, "outside"), .translate = in.words(map, "translate")};
  for (const std::string& pair : node.nat.translate) {
    if (std::ranges::count(pair, ' ') != 1) {
      in.refuse(map["translate"], fmt::format("'{}': two addresses expected", pair));
    }
  }
}

Node read_node(Reader& in, const std::string& name, const YAML::Node& map,
               const std::string& folder) {
  Node node{.name = name};
  if (!is_name(name, kDeviceNameMax)) in.refuse(map, fmt::format("'{}' is no name", name));
  if (!map.IsMap()) in.refuse(map, fmt::format("node {}: a map expected", name));
  if (!in.error().empty()) return node;
  const std::string kind = in.word(map, "kind");
  const auto* const known =
      std::ranges::find(kKinds, kind, [](const auto& row) { return row.first; });
  if (known == kKinds.end()) {
    in.refuse(map, fmt::format("kind '{}': host, bridge, chassis, nat, strongswan, libreswan or "
                               "openiked expected",
                               kind));
    return node;
  }
  node.kind = known->second;
  switch (node.kind) {
    case NodeKind::Chassis:
      node.chassis = read_chassis(in, map, folder);
      return node;
    case NodeKind::Bridge:
      in.only(map, {"kind"});
      return node;
    case NodeKind::StrongSwan:
      read_strongswan(in, map, folder, node);
      break;
    case NodeKind::Libreswan:
    case NodeKind::OpenIked:
      read_guest_daemon(in, map, folder, node);
      break;
    case NodeKind::Nat:
      read_nat(in, map, node);
      break;
    case NodeKind::Host:
      in.only(map, {"kind", "loopback", "routes"});
      break;
  }
  node.loopback = in.words(map, "loopback");
  node.routes = in.words(map, "routes");
  return node;
}

Link read_link(Reader& in, const YAML::Node& map, const Topology& topology) {
  Link link;
  in.only(map, {"name", "ends", "addresses"});
  if (!in.error().empty()) return link;
  link.name = in.word(map, "name");
  if (!is_name(link.name, kDeviceNameMax)) in.refuse(map, "no name of a link");
  const std::vector<std::string> ends = in.words(map, "ends");
  if (ends.size() != 2) {
    in.refuse(map, fmt::format("link {}: two ends NODE:DEVICE expected", link.name));
    return link;
  }
  for (size_t i = 0; i < 2; ++i) {
    const size_t colon = ends[i].find(':');
    End& end = link.ends.at(i);
    end.node = ends[i].substr(0, colon);
    end.device = colon == std::string::npos ? "" : ends[i].substr(colon + 1);
    if (end.device.empty() || end.device.size() > kDeviceNameMax ||
        topology.node(end.node) == nullptr) {
      in.refuse(map, fmt::format("link {}: '{}' is no NODE:DEVICE", link.name, ends[i]));
    }
    if (map["addresses"]) end.addresses = in.words(map["addresses"], end.node);
  }
  return link;
}

void check_devices(Reader& in, const YAML::Node& at, const Topology& topology) {
  std::set<std::string> seen;
  std::set<std::string> names;
  for (const Link& link : topology.links) {
    if (!names.insert(link.name).second) {
      in.refuse(at, fmt::format("two links are called {}", link.name));
    }
    for (const End& end : link.ends) {
      if (!seen.insert(end.node + ":" + end.device).second) {
        in.refuse(at, fmt::format("{}:{} is the end of two links", end.node, end.device));
      }
    }
  }
}

// A guest's network cards are the devices that links end in; it boots with all of them.
void check_guests(Reader& in, const YAML::Node& at, const Topology& topology) {
  for (const Node& node : topology.nodes) {
    const bool linked = std::ranges::any_of(topology.links, [&](const Link& link) {
      return std::ranges::find(link.ends, node.name, &End::node) != link.ends.end();
    });
    if (node.guest && !linked) in.refuse(at, fmt::format("{}: a guest without a link", node.name));
  }
}

Result<Topology> read_topology(const YAML::Node& root, const std::string& folder) {
  Reader in;
  Topology topology;
  in.only(root, {"name", "ipv6", "nodes", "links"});
  if (!in.error().empty()) return failure(in.error());
  topology.ipv6 = in.flag(root, "ipv6");
  topology.name = in.word(root, "name");
  if (!is_name(topology.name, kLabNameMax)) in.refuse(root, "no name of a lab");
  if (!root["nodes"] || !root["nodes"].IsMap() || root["nodes"].size() > kNodesMax) {
    in.refuse(root, fmt::format("'nodes': a map of at most {} expected", kNodesMax));
    return failure(in.error());
  }
  for (const auto& entry : root["nodes"]) {
    const auto name = entry.first.as<std::string>();
    if (topology.node(name) != nullptr) in.refuse(entry.first, "two nodes are called " + name);
    topology.nodes.push_back(read_node(in, name, entry.second, folder));
  }
  for (const YAML::Node& map : root["links"]) {
    if (!in.error().empty()) break;
    topology.links.push_back(read_link(in, map, topology));
  }
  check_devices(in, root["links"], topology);
  check_guests(in, root["nodes"], topology);
  if (!in.error().empty()) return failure(in.error());
  return topology;
}

}  // namespace

std::string_view text(NodeKind kind) {
  switch (kind) {
    case NodeKind::Host:
      return "host";
    case NodeKind::Bridge:
      return "bridge";
    case NodeKind::Chassis:
      return "chassis";
    case NodeKind::StrongSwan:
      return "strongswan";
    case NodeKind::Libreswan:
      return "libreswan";
    case NodeKind::OpenIked:
      return "openiked";
    case NodeKind::Nat:
      return "nat";
  }
  return "";
}

const Node* Topology::node(const std::string& wanted) const {
  const auto found = std::ranges::find(nodes, wanted, &Node::name);
  return found == nodes.end() ? nullptr : &*found;
}

const Link* Topology::link(const std::string& wanted) const {
  const auto found = std::ranges::find(links, wanted, &Link::name);
  return found == links.end() ? nullptr : &*found;
}

Result<Topology> parse_topology(const std::string& yaml, const std::string& folder) {
  try {
    return read_topology(YAML::Load(yaml), folder);
  } catch (const YAML::Exception& fault) {
    return failure(fault.what());
  }
}

Result<Topology> load_topology(const std::string& file) {
  try {
    const std::string folder = std::filesystem::absolute(file).parent_path().string();
    auto topology = read_topology(YAML::LoadFile(file), folder);
    if (!topology) return failure(fmt::format("{}: {}", file, topology.error().text));
    return topology;
  } catch (const std::exception& fault) {  // yaml-cpp's, and a path that can't be made absolute
    return failure(fmt::format("{}: {}", file, fault.what()));
  }
}

}  // namespace segw::lab
