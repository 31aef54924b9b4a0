#include "network.h"

#include <fmt/format.h>

namespace segw::lab {
namespace {

constexpr std::string_view kBridge = "br0";

Result<> ip_batch(const std::string& netns, const std::string& lines) {
  if (lines.empty()) return {};
  const auto done = run({"ip", "-n", netns, "-batch", "-"}, {}, lines);
  if (!done) return failure(fmt::format("{}: {}", netns, done.error().text));
  return {};
}

// IPv6 of a namespace: off where the topology doesn't want it, since neighbour discovery and the
// like would only disturb what a capture shows; else without the second in which an address is not
// used.
Result<> settle_ipv6(const std::string& netns, bool wanted) {
  const std::string set =
      wanted ? "echo 0 | tee /proc/sys/net/ipv6/conf/{all,default}/{accept_dad,accept_ra}"
             : "echo 1 | tee /proc/sys/net/ipv6/conf/{all,default}/disable_ipv6";
  const auto done = run({"bash", "-c", set}, netns);
  return done ? Result<>{} : Result<>(tl::unexpected(done.error()));
}

// Hides what is behind `nat.outside`, as a home router does; ports are drawn anew for each flow.
std::string nat_rules(const NatSettings& nat) {
  std::string translate;
  for (const std::string& pair : nat.translate) {
    const size_t blank = pair.find(' ');
    translate += fmt::format("  oifname \"{}\" ip saddr {} snat to {}\n", nat.outside,
                             pair.substr(0, blank), pair.substr(blank + 1));
  }
  return fmt::format(
      "table ip segw_lab_nat {{\n chain out {{\n  type nat hook postrouting priority srcnat\n{0}"
      "  oifname \"{1}\" masquerade\n }}\n}}\n",
      translate, nat.outside);
}

Result<> make_nat(const std::string& netns, const NatSettings& nat) {
  if (const auto done = run({"bash", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward"}, netns);
      !done) {
    return tl::unexpected(done.error());
  }
  const auto done = run({"nft", "-f", "-"}, netns, nat_rules(nat));
  return done ? Result<>{} : Result<>(tl::unexpected(done.error()));
}

Result<> make_namespace(const std::string& netns, const Node& node, bool ipv6) {
  if (const auto made = run({"ip", "netns", "add", netns}); !made) {
    return tl::unexpected(made.error());
  }
  if (auto done = settle_ipv6(netns, ipv6); !done) return done;
  if (node.kind == NodeKind::Nat) {
    if (auto done = make_nat(netns, node.nat); !done) return done;
  }
  std::string lines = "link set lo up\n";
  for (const std::string& address : node.guest ? std::vector<std::string>{} : node.loopback) {
    lines += fmt::format("address add {} dev lo\n", address);
  }
  if (node.kind == NodeKind::Bridge) {
    lines += fmt::format(
        "link add {0} type bridge stp_state 0 forward_delay 0 mcast_snooping 0\nlink set {0} up\n",
        kBridge);
  }
  return ip_batch(netns, lines);
}

Result<> bring_up_end(const State& state, const Topology& topology, const End& end) {
  std::string lines;
  if (topology.node(end.node)->kind == NodeKind::Bridge) {
    lines += fmt::format("link set dev {} master {}\n", end.device, kBridge);
  }
  const bool guest = topology.node(end.node)->guest;  // there the addresses are in the guest
  for (const std::string& address : guest ? std::vector<std::string>{} : end.addresses) {
    lines += fmt::format("address add {} dev {}\n", address, end.device);
  }
  return ip_batch(state.netns(end.node), lines + fmt::format("link set dev {} up\n", end.device));
}

Result<> make_link(const State& state, const Topology& topology, const Link& link) {
  const auto& [a, b] = link.ends;
  const auto made = run({"ip", "link", "add", "name", a.device, "netns", state.netns(a.node),
                         "type", "veth", "peer", "name", b.device, "netns", state.netns(b.node)});
  if (!made) return failure(fmt::format("link {}: {}", link.name, made.error().text));
  for (const End& end : link.ends) {
    if (auto done = bring_up_end(state, topology, end); !done) return done;
  }
  return {};
}

// What reaches this end is dropped as it comes in: at the other end, a drop of what goes out would
// be an error to who sends it, which no broken wire tells.
std::string ingress_rules(const std::string& table, const std::string& device, bool cut,
                          unsigned loss_percent) {
  std::string rules;
  if (cut) rules += "  counter drop\n";
  if (loss_percent > 0) {
    rules += fmt::format("  numgen random mod 100 < {} counter drop\n", loss_percent);
  }
  // Emptied and filled in one transaction.
  return fmt::format(
      "table netdev {0} {{ }}\ndelete table netdev {0}\ntable netdev {0} {{\n"
      " chain in {{\n  type filter hook ingress device \"{1}\" priority 0\n{2} }}\n}}\n",
      table, device, rules);
}

Result<> apply_at_end(const State& state, const Link& link, const End& end, bool cut,
                      unsigned loss_percent) {
  const auto netns = device_namespace(state, end);
  if (!netns) return tl::unexpected(netns.error());
  // Both ends may be in one namespace: the device is part of the name.
  const std::string table = fmt::format("segw_lab_{}_{}", link.name, end.device);
  const auto done =
      run({"nft", "-f", "-"}, *netns, ingress_rules(table, end.device, cut, loss_percent));
  if (!done) return failure(fmt::format("link {}: {}", link.name, done.error().text));
  return {};
}

}  // namespace

Result<> make_network(const State& state, const Topology& topology) {
  for (const Node& node : topology.nodes) {
    if (auto made = make_namespace(state.netns(node.name), node, topology.ipv6); !made) return made;
  }
  for (const Link& link : topology.links) {
    if (auto made = make_link(state, topology, link); !made) return made;
  }
  for (const Node& node : topology.nodes) {
    if (node.guest) continue;
    std::string lines;
    for (const std::string& route : node.routes) lines += fmt::format("route add {}\n", route);
    if (auto done = ip_batch(state.netns(node.name), lines); !done) return done;
  }
  return {};
}

Result<> remove_network(const State& state) {
  Result<> result;
  for (const std::string& netns : state.namespaces()) {
    const auto removed = run({"ip", "netns", "delete", netns});
    if (!removed && result) result = tl::unexpected(removed.error());
  }
  return result;
}

Result<std::string> device_namespace(const State& state, const End& end) {
  for (const std::string& netns : state.namespaces(end.node)) {
    if (run({"ip", "-n", netns, "link", "show", "dev", end.device})) return netns;
  }
  return failure(fmt::format("{} has no device {} now", end.node, end.device));
}

Result<> apply_fault(const State& state, const Link& link) {
  const auto found = state.faults.find(link.name);
  const Fault fault = found == state.faults.end() ? Fault{} : found->second;
  const auto& [a, b] = link.ends;
  if (auto done =
          apply_at_end(state, link, a, fault.cut.contains(Direction::BToA), fault.loss_percent);
      !done) {
    return done;
  }
  return apply_at_end(state, link, b, fault.cut.contains(Direction::AToB), fault.loss_percent);
}

}  // namespace segw::lab
