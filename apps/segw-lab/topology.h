#pragma once

// What a lab is made of, as its YAML file says it. docs/manual/labs.md describes the file.

#include <array>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"

namespace segw::lab {

enum class NodeKind : uint8_t { Host, Bridge, Chassis, StrongSwan, Libreswan, OpenIked, Nat };
enum class McsKey : uint8_t { Shared, Own, None };

std::string_view text(NodeKind kind);

struct ChassisSettings {
  std::string config_file;
  std::string ports_file;
  McsKey mcs_key = McsKey::Shared;  // of the lab, of this node alone, or not made
  bool allow_key_export = false;
  std::vector<std::string> arguments;  // more for segwd
};

// One IKE connection with one child of the same name; the name is that of its suite.
struct Connection {
  std::string name;
  std::string local, remote;  // addresses, and identities
  std::string local_ts, remote_ts;
  std::string psk;
  std::string ike, esp;  // proposals
};

// A daemon of somebody else, configured by files of its own.
struct PeerSettings {
  std::string config_file;  // swanctl.conf, ipsec.conf or iked.conf; its folder has what it names
  std::string tree;         // where the daemon's Debian package was unpacked, if not in /
  std::map<std::string, std::string> settings;  // more of strongswan.conf's charon section
};

struct NatSettings {
  std::string outside;                 // device behind which all others hide
  std::vector<std::string> translate;  // "192.0.2.2 198.51.100.2": an address with one of its own
};

struct Node {
  std::string name;
  NodeKind kind = NodeKind::Host;
  bool guest = false;                 // inside User Mode Linux, with that kernel's ESP
  std::vector<std::string> loopback;  // addresses on lo
  std::vector<std::string> routes;    // "10.0.0.0/8 via 192.0.2.1"
  ChassisSettings chassis;
  std::vector<Connection> connections;
  PeerSettings peer;
  NatSettings nat;
};

struct End {
  std::string node;
  std::string device;
  std::vector<std::string> addresses;
};

struct Link {
  std::string name;
  std::array<End, 2> ends;
};

struct Topology {
  std::string name;
  bool ipv6 = false;  // off where not said: neighbour discovery would disturb captures
  std::vector<Node> nodes;
  std::vector<Link> links;

  [[nodiscard]] const Node* node(const std::string& name) const;
  [[nodiscard]] const Link* link(const std::string& name) const;
};

// File names in it are relative to its own folder.
Result<Topology> load_topology(const std::string& file);
Result<Topology> parse_topology(const std::string& yaml, const std::string& folder);

}  // namespace segw::lab
