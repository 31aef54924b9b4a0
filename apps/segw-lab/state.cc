#include "state.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

namespace segw::lab {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

constexpr std::string_view kStateFile = "lab.json";
constexpr std::string_view kNamespaces = "/run/netns";

// After a reboot pids and start times mean nothing.
std::string boot_id() {
  std::ifstream in("/proc/sys/kernel/random/boot_id");
  std::string id;
  in >> id;
  return id;
}

Json to_json(const State& state) {
  Json processes = Json::object();
  for (const auto& [node, list] : state.processes) {
    Json items = Json::array();
    for (const ProcessId& process : list) {
      items.push_back({{"pid", process.pid}, {"start-ticks", process.start_ticks}});
    }
    processes[node] = std::move(items);
  }
  Json faults = Json::object();
  for (const auto& [link, fault] : state.faults) {
    faults[link] = {{"cut-a-to-b", fault.cut.contains(Direction::AToB)},
                    {"cut-b-to-a", fault.cut.contains(Direction::BToA)},
                    {"loss-percent", fault.loss_percent}};
  }
  return {{"name", state.name},
          {"boot-id", boot_id()},
          {"topology", state.topology_file},
          {"programs", state.programs},
          {"processes", std::move(processes)},
          {"faults", std::move(faults)}};
}

void from_json(const Json& json, State& state) {
  state.name = json.at("name").get<std::string>();
  state.topology_file = json.at("topology").get<std::string>();
  state.programs = json.at("programs").get<std::string>();
  if (json.at("boot-id").get<std::string>() == boot_id()) {
    for (const auto& [node, list] : json.at("processes").items()) {
      for (const Json& item : list) {
        state.processes[node].push_back(
            ProcessId{.pid = item.at("pid").get<pid_t>(),
                      .start_ticks = item.at("start-ticks").get<uint64_t>()});
      }
    }
  }
  for (const auto& [link, item] : json.at("faults").items()) {
    Fault& fault = state.faults[link];
    if (item.at("cut-a-to-b").get<bool>()) fault.cut.insert(Direction::AToB);
    if (item.at("cut-b-to-a").get<bool>()) fault.cut.insert(Direction::BToA);
    fault.loss_percent = item.at("loss-percent").get<unsigned>();
  }
}

std::vector<std::string> labs_in(const fs::path& base) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(base, error)) {
    if (fs::exists(entry.path() / kStateFile, error)) names.push_back(entry.path().filename());
  }
  std::ranges::sort(names);
  return names;
}

}  // namespace

Result<State> State::create(const fs::path& base, const std::string& name,
                            const std::string& topology_file, const std::string& programs) {
  State state;
  state.name = name;
  state.topology_file = topology_file;
  state.programs = programs;
  state.folder_ = base / name;
  std::error_code error;
  fs::create_directories(base, error);
  if (error) return failure(fmt::format("{}: {}", base.string(), error.message()));
  if (!fs::create_directory(state.folder_, error)) {
    if (error) return failure(fmt::format("{}: {}", state.folder_.string(), error.message()));
    return failure(
        fmt::format("lab {} is up already; 'segw-lab --name {} down' ends it", name, name));
  }
  fs::permissions(state.folder_, fs::perms::owner_all, error);
  if (!state.namespaces().empty()) {
    const std::string taken = state.namespaces().front();
    state.remove();
    return failure(fmt::format("namespace {} exists already, and no lab here made it", taken));
  }
  if (auto saved = state.save(); !saved) {
    state.remove();
    return tl::unexpected(saved.error());
  }
  return state;
}

Result<State> State::open(const fs::path& base, const std::string& name) {
  std::string wanted = name;
  if (wanted.empty()) {
    const std::vector<std::string> labs = labs_in(base);
    if (labs.empty()) return failure("no lab is up");
    if (labs.size() > 1) return failure("more than one lab is up: say which with --name");
    wanted = labs.front();
  }
  State state;
  state.folder_ = base / wanted;
  std::ifstream in(state.folder_ / kStateFile);
  std::error_code error;
  if (!in && fs::is_directory(state.folder_, error)) {
    state.name = wanted;  // `up` was killed before it wrote a word
    return state;
  }
  if (!in) return failure(fmt::format("lab {} is not up", wanted));
  try {
    from_json(Json::parse(in), state);
  } catch (const Json::exception& fault) {
    return failure(fmt::format("{}/{}: {}", state.folder_.string(), kStateFile, fault.what()));
  }
  return state;
}

Result<> State::save() const {
  const fs::path file = folder_ / kStateFile;
  const fs::path unfinished = folder_ / "lab.json.new";
  {
    std::ofstream out(unfinished);
    out << to_json(*this).dump(2) << '\n';
    if (!out.flush()) return failure(fmt::format("{}: not written", unfinished.string()));
  }
  std::error_code error;
  fs::rename(unfinished, file, error);
  if (error) return failure(fmt::format("{}: {}", file.string(), error.message()));
  return {};
}

void State::remove() {
  std::error_code error;
  fs::remove_all(folder_, error);
  fs::remove(folder_.parent_path(), error);  // only if no other lab is in it
}

std::string State::netns(const std::string& node) const {
  return fmt::format("segw-{}-{}", name, node);
}

std::vector<std::string> State::namespaces(const std::string& node) const {
  // Names of labs and nodes have no '-', so that no lab's prefix begins another's.
  const std::string own = netns(node);
  const std::string below = node.empty() ? own : own + "-";
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(kNamespaces, error)) {
    const std::string found = entry.path().filename();
    if (found.starts_with(below) || found == own) names.push_back(found);
  }
  std::ranges::sort(names);
  return names;
}

}  // namespace segw::lab
