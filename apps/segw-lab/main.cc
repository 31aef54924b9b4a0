// segw-lab: raises and drops topologies of network namespaces from a YAML file, with chassis and
// real clients in them. docs/manual/labs.md is its manual.
#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <exception>
#include <functional>

#include "apps/command_line.h"
#include "daemons.h"
#include "guest.h"
#include "keys.h"
#include "lab.h"
#include "network.h"

namespace segw::lab {
namespace {

namespace fs = std::filesystem;

// What the command line said; each command uses some of it.
struct Request {
  std::string name;
  std::string run_folder = "/run/segw-lab";
  std::string programs;
  std::string file;
  std::string node;
  std::string link;
  std::string one_way;  // "a->b"
  std::string signal = "KILL";
  std::string out;
  unsigned percent = 0;
  std::vector<std::string> command;
};

using Action = std::function<Result<>(const Request&)>;

// The lab that is meant, with its topology.
struct Opened {
  State state;
  Topology topology;
};

Result<Opened> open_lab(const Request& request) {
  auto state = State::open(request.run_folder, request.name);
  if (!state) return tl::unexpected(state.error());
  auto topology = load_topology(state->topology_file);
  if (!topology) return tl::unexpected(topology.error());
  return Opened{.state = std::move(*state), .topology = std::move(*topology)};
}

Result<Opened> open_with_node(const Request& request) {
  auto lab = open_lab(request);
  if (lab && lab->topology.node(request.node) == nullptr) {
    return failure(fmt::format("no node {}", request.node));
  }
  return lab;
}

Result<> do_up(const Request& request) {
  catch_interrupts();
  const auto state =
      up({.base = request.run_folder, .programs = request.programs}, request.file, request.name);
  if (!state) return tl::unexpected(state.error());
  fmt::print("lab {} is up\n", state->name);
  return {};
}

Result<> do_down(const Request& request) {
  auto state = State::open(request.run_folder, request.name);
  if (!state) return tl::unexpected(state.error());
  return down(*state, request.out);
}

Result<> do_exec(const Request& request) {
  const auto lab = open_with_node(request);
  if (!lab) return tl::unexpected(lab.error());
  if (!lab->topology.node(request.node)->guest) {
    return tl::unexpected(become(request.command, lab->state.netns(request.node)));
  }
  const auto answer =
      guest_run(lab->state.node_folder(request.node), request.command, std::chrono::hours(1));
  if (!answer) return tl::unexpected(answer.error());
  fmt::print("{}", answer->output);
  fmt::print(stderr, "{}", answer->errors);
  std::exit(answer->exit_code);  // NOLINT(concurrency-mt-unsafe): the command's own
}

// The chassis' console: segw finds it by the state folder, in whatever namespace.
Result<> do_segw(const Request& request) {
  const auto lab = open_with_node(request);
  if (!lab) return tl::unexpected(lab.error());
  if (lab->topology.node(request.node)->kind != NodeKind::Chassis) {
    return failure(fmt::format("{} is no chassis", request.node));
  }
  std::vector<std::string> argv = {lab->state.programs + "/segw", "--state",
                                   (lab->state.node_folder(request.node) / "state").string()};
  argv.insert(argv.end(), request.command.begin(), request.command.end());
  return tl::unexpected(become(argv, lab->state.netns(request.node)));
}

Result<> do_ps(const Request& request) {
  const auto lab = open_lab(request);
  if (!lab) return tl::unexpected(lab.error());
  fmt::print("{}", list_processes(lab->state, lab->topology));
  return {};
}

Result<> do_show(const Request& request) {
  const auto lab = open_lab(request);
  if (!lab) return tl::unexpected(lab.error());
  fmt::print("{}", describe(lab->state, lab->topology));
  return {};
}

Result<> do_path(const Request& request) {
  const auto lab = open_with_node(request);
  if (!lab) return tl::unexpected(lab.error());
  fmt::print("{}\n", lab->state.node_folder(request.node).string());
  return {};
}

// "a->b", where the link has these two ends, in either order.
Result<Direction> parse_direction(const Link& link, const std::string& text) {
  const auto& [a, b] = link.ends;
  if (text == a.node + "->" + b.node) return Direction::AToB;
  if (text == b.node + "->" + a.node) return Direction::BToA;
  return failure(fmt::format("--one-way {}: '{}->{}' or '{}->{}' expected", text, a.node, b.node,
                             b.node, a.node));
}

Result<> with_fault(const Request& request,
                    const std::function<Result<>(const Link&, Fault&)>& change) {
  auto lab = open_lab(request);
  if (!lab) return tl::unexpected(lab.error());
  const Link* link = lab->topology.link(request.link);
  if (link == nullptr) return failure(fmt::format("no link {}", request.link));
  Fault fault = lab->state.faults[request.link];
  if (auto changed = change(*link, fault); !changed) return changed;
  return change_fault(lab->state, request.link, fault);
}

Result<> do_cut(const Request& request) {
  return with_fault(request, [&](const Link& link, Fault& fault) -> Result<> {
    if (request.one_way.empty()) {
      fault.cut = {Direction::AToB, Direction::BToA};
      return {};
    }
    const auto direction = parse_direction(link, request.one_way);
    if (!direction) return tl::unexpected(direction.error());
    fault.cut.insert(*direction);
    return {};
  });
}

Result<> do_heal(const Request& request) {
  return with_fault(request, [](const Link&, Fault& fault) -> Result<> {
    fault = {};
    return {};
  });
}

Result<> do_loss(const Request& request) {
  return with_fault(request, [&](const Link&, Fault& fault) -> Result<> {
    fault.loss_percent = request.percent;
    return {};
  });
}

Result<int> parse_signal(const std::string& name) {
  const std::map<std::string, int> known = {
      {"KILL", SIGKILL}, {"TERM", SIGTERM}, {"STOP", SIGSTOP}, {"CONT", SIGCONT}};
  const auto found = known.find(name);
  if (found == known.end()) return failure("--signal: KILL, TERM, STOP or CONT expected");
  return found->second;
}

Result<> do_kill(const Request& request) {
  auto lab = open_with_node(request);
  if (!lab) return tl::unexpected(lab.error());
  const auto signal = parse_signal(request.signal);
  if (!signal) return tl::unexpected(signal.error());
  if (node_processes(lab->state, request.node).empty()) {
    return failure(fmt::format("{} runs nothing", request.node));
  }
  return stop_node(lab->state, request.node, *signal);
}

Result<> do_start(const Request& request) {
  auto lab = open_with_node(request);
  if (!lab) return tl::unexpected(lab.error());
  return start_node(lab->state, lab->topology, *lab->topology.node(request.node));
}

Result<> do_keys(const Request& request) {
  const auto lab = open_lab(request);
  if (!lab) return tl::unexpected(lab.error());
  return export_keys(lab->state, lab->topology, request.node, request.out);
}

Result<> do_capture(const Request& request) {
  const auto lab = open_with_node(request);
  if (!lab) return tl::unexpected(lab.error());
  const Link* link = lab->topology.link(request.link);
  if (link == nullptr) return failure(fmt::format("no link {}", request.link));
  for (const End& end : link->ends) {
    if (end.node != request.node) continue;
    const auto netns = device_namespace(lab->state, end);
    if (!netns) return tl::unexpected(netns.error());
    // Without --immediate-mode the last packets stay in the kernel when it is interrupted.
    std::vector<std::string> argv = {"tcpdump", "-Z",       "root", "-U",       "--immediate-mode",
                                     "-i",      end.device, "-w",   request.out};
    argv.insert(argv.end(), request.command.begin(), request.command.end());
    return tl::unexpected(become(argv, *netns));
  }
  return failure(fmt::format("link {} does not end at {}", request.link, request.node));
}

class Commands {
 public:
  Commands(CLI::App& app, Request& request) : app_(app), request_(request) {}

  CLI::App* add(const std::string& name, const std::string& help, Action action) {
    CLI::App* command = app_.add_subcommand(name, help);
    command->fallthrough();
    actions_.emplace_back(command, std::move(action));
    return command;
  }
  CLI::App* add_with_node(const std::string& name, const std::string& help, Action action) {
    CLI::App* command = add(name, help, std::move(action));
    command->add_option("NODE", request_.node, "a node of the lab")->required();
    return command;
  }
  CLI::App* add_with_link(const std::string& name, const std::string& help, Action action) {
    CLI::App* command = add(name, help, std::move(action));
    command->add_option("LINK", request_.link, "a link of the lab")->required();
    return command;
  }
  [[nodiscard]] Result<> perform() const {
    for (const auto& [command, action] : actions_) {
      if (command->parsed()) return action(request_);
    }
    return failure("no command");
  }

 private:
  CLI::App& app_;
  Request& request_;
  std::vector<std::pair<CLI::App*, Action>> actions_;
};

void declare(Commands& commands, Request& request) {
  commands.add("up", "raise the lab of a YAML file", do_up)
      ->add_option("FILE", request.file, "topology")
      ->required();
  commands.add("down", "end all processes, remove everything", do_down)
      ->add_option("--keep-logs", request.out, "folder that gets a copy of all logs");
  commands.add_with_node("exec", "run a command in a node: exec NODE -- COMMAND …", do_exec)
      ->add_option("COMMAND", request.command, "program and arguments")
      ->required();
  commands.add_with_node("segw", "a command for a chassis: segw NODE show version", do_segw)
      ->add_option("COMMAND", request.command, "words of segw; options of its own behind --")
      ->required();
  commands.add("ps", "what runs where", do_ps);
  commands.add("show", "the topology as text", do_show);
  commands.add_with_node("path", "the folder of a node: logs, state, sockets", do_path);
  commands.add_with_link("cut", "drop everything on a link", do_cut)
      ->add_option("--one-way", request.one_way, "in this direction only: 'a->b'");
  commands.add_with_link("heal", "end cuts and loss on a link", do_heal);
  commands.add_with_link("loss", "drop some packets on a link, at random", do_loss)
      ->add_option("PERCENT", request.percent, "each way")
      ->required()
      ->check(CLI::Range(0, 100));
  commands.add_with_node("kill", "signal all processes of a node", do_kill)
      ->add_option("--signal", request.signal, "KILL, TERM, STOP or CONT")
      ->capture_default_str();
  commands.add_with_node("start", "start the processes of a node again", do_start);
  commands.add_with_node("keys", "write the keys of a chassis, or of all, for Wireshark", do_keys)
      ->add_option("--out", request.out, "profile folder")
      ->required();
  CLI::App* capture = commands.add_with_node(
      "capture", "write what passes at a node's end of a link, until interrupted", do_capture);
  capture->add_option("LINK", request.link, "a link of the lab")->required();
  capture->add_option("--out", request.out, "pcap file")->required();
  capture->add_option("FILTER", request.command, "words of a pcap filter");
}

std::string own_folder() {
  std::error_code error;
  return fs::read_symlink("/proc/self/exe", error).parent_path().string();
}

int main(int argc, char** argv) {
  CLI::App app("Labs of OpenSeGW: network namespaces with chassis and real clients");
  Request request;
  request.programs = own_folder();
  app.add_option("--name", request.name, "lab (default: the file's name, or the only lab)");
  app.add_option("--run-folder", request.run_folder, "where labs keep what they need")
      ->capture_default_str()
      ->envname("SEGW_LAB_RUN");
  app.add_option("--programs", request.programs, "folder of segwd and segw (default: this one's)");
  app.require_subcommand(1);
  Commands commands(app, request);
  declare(commands, request);
  if (const auto ends = app::parse_arguments(app, argc, argv)) return *ends;
  if (const auto done = commands.perform(); !done) {
    fmt::print(stderr, "segw-lab: {}\n", done.error().text);
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace segw::lab

int main(int argc, char** argv) {
  try {
    return segw::lab::main(argc, argv);
  } catch (const std::exception& fault) {  // a library's: a closed output, no memory
    (void)std::fprintf(stderr, "segw-lab: %s\n", fault.what());
    return 1;
  }
}
