#include "lab.h"

#include <fmt/format.h>

#include <csignal>

#include "daemons.h"
#include "network.h"

namespace segw::lab {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

constexpr milliseconds kPoliteEnd{5000};
constexpr milliseconds kKillEnd{5000};

volatile std::sig_atomic_t was_interrupted = 0;

Result<> make_all(State& state, const Topology& topology) {
  if (auto made = make_network(state, topology); !made) return made;
  for (const Node& node : topology.nodes) {
    if (was_interrupted != 0) return failure("interrupted");
    if (auto prepared = prepare_node(state, topology, node); !prepared) return prepared;
  }
  for (const Node& node : topology.nodes) {
    if (was_interrupted != 0) return failure("interrupted");
    if (auto started = start_node(state, topology, node); !started) return started;
  }
  return {};
}

std::vector<ProcessId> all_roots(const State& state) {
  std::vector<ProcessId> roots;
  for (const auto& [node, list] : state.processes) {
    roots.insert(roots.end(), list.begin(), list.end());
  }
  return roots;
}

std::set<ProcessId> everybody(const State& state) {
  std::set<ProcessId> all = family(all_roots(state));
  all.merge(inhabitants(state.namespaces()));
  return all;
}

Result<> end_processes(const State& state) {
  const std::vector<ProcessId> roots = all_roots(state);
  const std::set<ProcessId> families = family(roots);
  // The first of each node ends the others; sanitizers report leaks only at such an end.
  signal_all({roots.begin(), roots.end()}, SIGTERM);
  wait_for_end(families, kPoliteEnd);
  constexpr int kRounds = 3;  // one of them may have started another meanwhile
  for (int round = 0; round < kRounds; ++round) {
    const std::set<ProcessId> left = everybody(state);
    if (left.empty()) return {};
    signal_all(left, SIGKILL);
    wait_for_end(left, kKillEnd);
  }
  const std::set<ProcessId> left = everybody(state);
  if (left.empty()) return {};
  return failure(fmt::format("process {} does not end", left.begin()->pid));
}

void copy_logs(const State& state, const std::string& to) {
  std::error_code error;
  for (const auto& entry : fs::recursive_directory_iterator(state.folder(), error)) {
    const bool log = entry.path().extension() == ".log" || entry.path().filename() == "output";
    if (!log || !entry.is_regular_file(error)) continue;
    const fs::path target = fs::path(to) / fs::relative(entry.path(), state.folder(), error);
    fs::create_directories(target.parent_path(), error);
    fs::copy_file(entry.path(), target, fs::copy_options::overwrite_existing, error);
  }
}

std::string addresses_of(const End& end) {
  std::string text;
  for (const std::string& address : end.addresses) text += " " + address;
  return text;
}

std::string fault_text(const State& state, const std::string& link) {
  const auto found = state.faults.find(link);
  if (found == state.faults.end()) return {};
  const Fault& fault = found->second;
  std::string text;
  if (fault.cut.size() == 2) text += "  CUT";
  if (fault.cut.size() == 1) text += fault.cut.contains(Direction::AToB) ? "  CUT ->" : "  CUT <-";
  if (fault.loss_percent > 0) text += fmt::format("  LOSS {} %", fault.loss_percent);
  return text;
}

std::string describe_node(const State& state, const Node& node) {
  std::string text =
      fmt::format("  {:<10} {:<11} {}\n", node.name, lab::text(node.kind), state.netns(node.name));
  for (const std::string& address : node.loopback) text += fmt::format("{:13}lo {}\n", "", address);
  for (const std::string& route : node.routes) text += fmt::format("{:13}route {}\n", "", route);
  if (node.kind == NodeKind::Chassis) {
    text += fmt::format("{:13}segwd --config {}\n", "", node.chassis.config_file);
  }
  for (const Connection& connection : node.connections) {
    text += fmt::format("{0:13}tunnel {1}: {2} <-> {3} for {4} <-> {5}, {6} / {7}\n", "",
                        connection.name, connection.local, connection.remote, connection.local_ts,
                        connection.remote_ts, connection.ike, connection.esp);
  }
  return text;
}

}  // namespace

void catch_interrupts() {
  const auto note = [](int) { was_interrupted = 1; };
  (void)std::signal(SIGINT, note);
  (void)std::signal(SIGTERM, note);
}

Result<State> up(const Where& where, const std::string& topology_file, const std::string& name) {
  auto topology = load_topology(topology_file);
  if (!topology) return tl::unexpected(topology.error());
  std::error_code error;
  auto state = State::create(where.base, name.empty() ? topology->name : name,
                             fs::absolute(topology_file, error).string(), where.programs);
  if (!state) return state;
  if (auto made = make_all(*state, *topology); !made) {
    if (auto removed = down(*state, ""); !removed) {
      return failure(
          fmt::format("{}; and taking it down: {}", made.error().text, removed.error().text));
    }
    return tl::unexpected(made.error());
  }
  return state;
}

Result<> down(State& state, const std::string& keep_logs) {
  if (auto ended = end_processes(state); !ended) return ended;
  if (!keep_logs.empty()) copy_logs(state, keep_logs);
  if (auto removed = remove_network(state); !removed) return removed;
  state.remove();
  return {};
}

Result<> change_fault(State& state, const std::string& link, const Fault& fault) {
  const auto topology = load_topology(state.topology_file);
  if (!topology) return tl::unexpected(topology.error());
  const Link* found = topology->link(link);
  if (found == nullptr) return failure(fmt::format("no link {}", link));
  state.faults[link] = fault;
  if (auto applied = apply_fault(state, *found); !applied) return applied;
  return state.save();
}

std::string describe(const State& state, const Topology& topology) {
  std::string text = fmt::format("Lab {} ({})\nNodes\n", state.name, state.topology_file);
  for (const Node& node : topology.nodes) text += describe_node(state, node);
  text += "Links\n";
  for (const Link& link : topology.links) {
    const auto& [a, b] = link.ends;
    text +=
        fmt::format("  {:<10} {}:{}{} -- {}:{}{}{}\n", link.name, a.node, a.device, addresses_of(a),
                    b.node, b.device, addresses_of(b), fault_text(state, link.name));
  }
  return text + "Processes\n" + list_processes(state, topology);
}

std::string list_processes(const State& state, const Topology& topology) {
  std::string text;
  for (const Node& node : topology.nodes) {
    std::set<ProcessId> members = node_processes(state, node.name);
    members.merge(inhabitants(state.namespaces(node.name)));
    for (const ProcessId& process : members) {
      text += fmt::format("  {:<10} {:>7} {}\n", node.name, process.pid, command_line(process.pid));
    }
  }
  return text;
}

}  // namespace segw::lab
