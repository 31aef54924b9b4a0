#include "daemons.h"

#include <fmt/format.h>
#include <sys/random.h>

#include <csignal>
#include <fstream>
#include <thread>

#include "base/bytes.h"
#include "foreign.h"
#include "guest.h"
#include "strongswan.h"

namespace segw::lab {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

constexpr milliseconds kReadyPatience{30000};  // sanitized daemons on a busy machine
constexpr milliseconds kReadyPoll{50};
constexpr milliseconds kEndPatience{5000};
constexpr size_t kKeyBytes = 32;

Result<> write_secret(const fs::path& file, const std::string& text) {
  std::ofstream out(file);
  std::error_code error;
  fs::permissions(file, fs::perms::owner_read | fs::perms::owner_write, error);
  out << text;
  if (!out.flush()) return failure(fmt::format("{}: not written", file.string()));
  return {};
}

Result<std::string> random_key() {
  Bytes key(kKeyBytes);
  if (::getrandom(key.data(), key.size(), 0) != ssize_t{kKeyBytes}) return failure("getrandom");
  return to_hex(key) + "\n";
}

// All chassis of a lab that share a key read this one.
Result<std::string> shared_key(const State& state) {
  const fs::path file = state.folder() / "mcs.key";
  if (auto key = contents(file); !key.empty()) return key;
  auto key = random_key();
  if (!key) return key;
  if (auto written = write_secret(file, *key); !written) return tl::unexpected(written.error());
  return key;
}

Result<> prepare_chassis(const State& state, const Node& node) {
  const fs::path folder = state.node_folder(node.name) / "state";
  std::error_code error;
  fs::create_directory(folder, error);
  fs::permissions(folder, fs::perms::owner_all, error);
  if (error) return failure(fmt::format("{}: {}", folder.string(), error.message()));
  if (node.chassis.mcs_key == McsKey::None) return {};
  const auto key = node.chassis.mcs_key == McsKey::Own ? random_key() : shared_key(state);
  if (!key) return tl::unexpected(key.error());
  return write_secret(folder / "mcs.key", *key);
}

Spawn chassis_spawn(const State& state, const Node& node) {
  const fs::path folder = state.node_folder(node.name);
  Spawn spawn{.argv = {state.programs + "/segwd", "--config", node.chassis.config_file, "--ports",
                       node.chassis.ports_file, "--state", folder / "state", "--namespace-prefix",
                       state.netns(node.name), "--log-file", folder / "segwd.log"},
              .netns = state.netns(node.name),
              .output_file = folder / "output"};
  if (node.chassis.allow_key_export) spawn.argv.emplace_back("--allow-key-export");
  spawn.argv.insert(spawn.argv.end(), node.chassis.arguments.begin(), node.chassis.arguments.end());
  return spawn;
}

Spawn strongswan_spawn(const State& state, const Node& node) {
  const fs::path folder = state.node_folder(node.name);
  return Spawn{.argv = {std::string(kCharon)},
               .netns = state.netns(node.name),
               .output_file = folder / "output",
               .private_run = folder,
               .environment = {{"STRONGSWAN_CONF", folder / "strongswan.conf"}}};
}

// The last line that a program wrote, which says why it ended.
std::string last_words(const fs::path& file) {
  std::ifstream in(file);
  std::string line;
  std::string last = "without a word";
  while (std::getline(in, line)) {
    if (!line.empty()) last = line;
  }
  return last;
}

// A command where the node's daemon is: here, or in its guest.
Result<> run_beside(const State& state, const Node& node, const std::vector<std::string>& command) {
  if (!node.guest) {
    const auto done = run(command);
    return done ? Result<>{} : Result<>(tl::unexpected(done.error()));
  }
  const auto done = guest_run(state.node_folder(node.name), command, kReadyPatience);
  if (!done) return tl::unexpected(done.error());
  if (done->exit_code == 0) return {};
  return failure(fmt::format("{}: {}{}", command[0], done->output, done->errors));
}

bool has_daemon(const Node& node) {
  switch (node.kind) {
    case NodeKind::Chassis:
    case NodeKind::StrongSwan:
    case NodeKind::Libreswan:
    case NodeKind::OpenIked:
      return true;
    case NodeKind::Host:
    case NodeKind::Bridge:
    case NodeKind::Nat:
      return false;
  }
  return false;
}

Result<> answers(const State& state, const Node& node) {
  if (node.kind == NodeKind::StrongSwan) {
    return run_beside(state, node, vici_ready_command(state.node_folder(node.name)));
  }
  if (node.guest) return run_beside(state, node, foreign_ready_command(node));
  const auto shown = ask_chassis(state, node.name, {"show", "version"});
  return shown ? Result<>{} : Result<>(tl::unexpected(shown.error()));
}

Result<> wait_until_ready(const State& state, const Node& node, const ProcessId& root) {
  const auto end = std::chrono::steady_clock::now() + kReadyPatience;
  for (;;) {
    const auto ready = answers(state, node);
    if (ready) return {};
    if (!alive(root)) {
      return failure(fmt::format("{}: ended at once: {}", node.name,
                                 last_words(state.node_folder(node.name) / "output")));
    }
    if (std::chrono::steady_clock::now() > end) {
      return failure(fmt::format("{}: does not answer: {}", node.name, ready.error().text));
    }
    std::this_thread::sleep_for(kReadyPoll);
  }
}

}  // namespace

Result<> prepare_node(const State& state, const Topology& topology, const Node& node) {
  std::error_code error;
  fs::create_directory(state.node_folder(node.name), error);
  if (error) return failure(fmt::format("{}: {}", node.name, error.message()));
  if (node.guest) {
    if (auto written = write_guest_files(state, topology, node); !written) return written;
  }
  switch (node.kind) {
    case NodeKind::Chassis:
      return prepare_chassis(state, node);
    case NodeKind::StrongSwan:
      return write_strongswan_files(state.node_folder(node.name), node);
    case NodeKind::Host:
    case NodeKind::Bridge:
    case NodeKind::Nat:
    case NodeKind::Libreswan:
    case NodeKind::OpenIked:
      return {};
  }
  return {};
}

Result<> start_node(State& state, const Topology& topology, const Node& node) {
  if (!has_daemon(node)) return {};
  if (!node_processes(state, node.name).empty()) return failure(node.name + " runs already");
  const auto root =
      spawn_detached(node.guest                       ? guest_spawn(state, topology, node)
                     : node.kind == NodeKind::Chassis ? chassis_spawn(state, node)
                                                      : strongswan_spawn(state, node));
  if (!root) return failure(fmt::format("{}: {}", node.name, root.error().text));
  state.processes[node.name] = {*root};
  if (auto saved = state.save(); !saved) return saved;
  if (auto ready = wait_until_ready(state, node, *root); !ready) return ready;
  if (node.kind != NodeKind::StrongSwan) return {};
  const auto loaded = run_beside(state, node, load_command(state.node_folder(node.name), node));
  return loaded ? loaded : failure(fmt::format("{}: {}", node.name, loaded.error().text));
}

std::set<ProcessId> node_processes(const State& state, const std::string& node) {
  const auto found = state.processes.find(node);
  return found == state.processes.end() ? std::set<ProcessId>{} : family(found->second);
}

Result<> stop_node(State& state, const std::string& node, int signal) {
  // Again until nobody is left: one of them may have started another meanwhile.
  constexpr int kRounds = 3;
  for (int round = 0; round < kRounds; ++round) {
    const std::set<ProcessId> members = node_processes(state, node);
    if (members.empty()) break;
    signal_all(members, signal);
    const bool ends = signal == SIGKILL || signal == SIGTERM;
    if (!ends) return {};
    wait_for_end(members, kEndPatience);
  }
  if (!node_processes(state, node).empty()) return failure(node + " does not end");
  state.processes.erase(node);
  return state.save();
}

Result<std::string> ask_chassis(const State& state, const std::string& node,
                                const std::vector<std::string>& command) {
  std::vector<std::string> argv = {state.programs + "/segw", "--state",
                                   state.node_folder(node) / "state"};
  argv.insert(argv.end(), command.begin(), command.end());
  return run(argv);
}

}  // namespace segw::lab
