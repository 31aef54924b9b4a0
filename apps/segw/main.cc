// segw, the operator's command. Most commands are words for the console of a running segwd
// (src/cli); two need none: `segw check` and `segw tools mcs-key generate`.

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include "apps/command_line.h"
#include "check.h"
#include "cli/command_tree.h"
#include "control_client.h"
#include "mcs_key.h"

namespace segw::app {
namespace {

constexpr int kMustConfirm = 2;  // cli/console.h: the answer is a question

int fail(const std::string& why) {
  fmt::print(stderr, "segw: {}\n", why);
  return 1;
}

int print(const Reply& reply) {
  std::FILE* out = reply.code == 0 ? stdout : stderr;
  fmt::print(out, "{}", reply.text);
  return reply.code;
}

// One line of the words as the console splits them again.
Result<std::string> command_line(const std::vector<std::string>& words) {
  std::string line;
  for (const std::string& word : words) {
    if (word.find_first_of("\"\n\r") != std::string::npos) {
      return failure("a word may have neither quotes nor line ends in it");
    }
    // A whole command may come as one quoted word of the shell ("show version | json").
    const bool is_name =
        word.find(' ') != std::string::npos && word.front() != '|' && words.size() > 1;
    if (!line.empty()) line += ' ';
    line += is_name || word.empty() ? '"' + word + '"' : word;
  }
  return line;
}

bool confirmed(const std::string& question) {
  fmt::print("{}", question);
  (void)std::fflush(stdout);
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

int run(const std::string& socket, const std::string& command) {
  const auto reply = ask(socket, command);
  if (!reply) return fail(reply.error().text);
  if (reply->code != kMustConfirm) return print(*reply);
  if (::isatty(STDIN_FILENO) == 0) {
    fmt::print(stderr, "{}", reply->text);
    return fail("not confirmed: say 'now' where nobody can be asked");
  }
  if (!confirmed(reply->text)) return fail("not confirmed, nothing done");
  const auto done = ask(socket, command + " now");
  return done ? print(*done) : fail(done.error().text);
}

bool is_mcs_key(const std::vector<std::string>& words) {
  return words.size() >= 2 && words[0] == "tools" && words[1] == "mcs-key";
}

int change(const std::string& state, McsKeyStep step) {
  const auto changed = change_mcs_key(state, step);
  if (!changed) return fail(changed.error().text);
  fmt::print("{} changed; the same on each chassis, then: {}\n", *changed,
             "segw tools perform redundancy multi-chassis reload-keys");
  return 0;
}

int mcs_key(const std::vector<std::string>& words, std::string state) {
  const std::string step = words.size() > 2 ? words[2] : "";
  if (words.size() == 5 && words[3] == "--state") {
    state = words[4];
  } else if (words.size() != 3) {
    return fail("segw tools mcs-key generate|add|swap|remove [--state DIR] expected");
  }
  if (step == "add") return change(state, McsKeyStep::Add);
  if (step == "swap") return change(state, McsKeyStep::Swap);
  if (step == "remove") return change(state, McsKeyStep::Remove);
  if (step != "generate") {
    return fail("segw tools mcs-key generate|add|swap|remove [--state DIR] expected");
  }
  const auto made = generate_mcs_key(state);
  if (!made) return fail(made.error().text);
  fmt::print("{} made; the other chassis needs a copy of it\n", *made);
  return 0;
}

std::string footer() {
  std::string text = "Commands of a running chassis, words may be cut short:\n";
  for (const std::string_view form : cli::command_forms()) text += fmt::format("  {}\n", form);
  return text +
         "Without a running chassis:\n"
         "  check FILE --ports FILE [--pki FOLDER]\n"
         "  tools mcs-key generate|add|swap|remove [--state DIR]";
}

int main(int argc, char** argv) {
  CLI::App app("Operates an OpenSeGW chassis: show …, info, clear …, tools …");
  app.footer(footer());
  std::string state = "/var/lib/opensegw";
  std::string socket;
  bool json = false;
  app.add_option("--state", state, "State folder of segwd")->capture_default_str();
  app.add_option("--socket", socket, "Control socket of segwd (default: control in its folder)");
  app.add_flag("--json", json, "Same as '| json' behind the command");
  app.prefix_command();
  CLI::App* checker = app.add_subcommand("check", "Verify a configuration, print every error");
  std::string config_file;
  std::string ports_file;
  std::string pki_folder;
  checker->add_option("FILE", config_file, "Configuration")->required();
  checker->add_option("--ports", ports_file, "Ports file")->required();
  checker->add_option("--pki", pki_folder, "PKI folder; its files are checked too");
  if (const auto ends = parse_arguments(app, argc, argv)) return *ends;

  if (checker->parsed()) return check(config_file, ports_file, pki_folder);
  std::vector<std::string> words = app.remaining();
  if (is_mcs_key(words)) return mcs_key(words, state);
  json = std::erase(words, "--json") != 0 || json;
  if (words.empty()) {
    (void)fail("no command; segw --help says what there is");
    return kWrongUsage;
  }
  const auto line = command_line(words);
  if (!line) return fail(line.error().text);
  return run(socket.empty() ? state + "/control" : socket, *line + (json ? " | json" : ""));
}

}  // namespace
}  // namespace segw::app

int main(int argc, char** argv) {
  try {
    return segw::app::main(argc, argv);
  } catch (const std::exception& fault) {  // a library's: a closed output, no memory
    (void)std::fprintf(stderr, "segw: %s\n", fault.what());
    return 1;
  }
}
