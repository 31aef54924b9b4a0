#include "cli/command_tree.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <set>

namespace segw::cli {
namespace {

struct Form {
  std::string_view words;  // <name>: an argument
  Action action;
  bool json;                   // | json is possible
  std::string_view list = {};  // of the configuration, for ShowConfigured
};

constexpr Form show(std::string_view words, Action action) {
  return {.words = words, .action = action, .json = true};
}
constexpr Form configured(std::string_view words, std::string_view list) {
  return {.words = words, .action = Action::ShowConfigured, .json = true, .list = list};
}
constexpr Form tool(std::string_view words, Action action) {
  return {.words = words, .action = action, .json = false};
}

constexpr std::array kForms = {
    show("show redundancy multi-chassis mc-ipsec peer ip-address <address>", Action::ShowPeer),
    show("show redundancy multi-chassis mc-ipsec peer ip-address <address> detail",
         Action::ShowPeerDetail),
    show("show redundancy multi-chassis sync", Action::ShowSync),
    show("show redundancy multi-chassis all", Action::ShowMultiChassis),
    show("show redundancy multi-chassis ipsec-domain", Action::ShowDomains),
    show("show redundancy multi-chassis ipsec-domain <id>", Action::ShowDomain),
    show("show redundancy multi-chassis ipsec-domain <id> detail", Action::ShowDomainDetail),
    show("show router bfd session", Action::ShowBfdSessions),
    show("show ipsec tunnel", Action::ShowTunnels),
    show("show ipsec tunnel <name>", Action::ShowTunnel),
    show("show ipsec gateway", Action::ShowGateways),
    show("show ipsec gateway <name>", Action::ShowGateway),
    show("show ipsec gateway <name> tunnel", Action::ShowGatewayTunnels),
    show("show ipsec gateway <name> tunnel <client>", Action::ShowGatewayTunnel),
    configured("show ipsec ike-policy", "ike-policy"),
    configured("show ipsec ike-policy <id>", "ike-policy"),
    configured("show ipsec ike-transform", "ike-transform"),
    configured("show ipsec ike-transform <id>", "ike-transform"),
    configured("show ipsec ipsec-transform", "ipsec-transform"),
    configured("show ipsec ipsec-transform <id>", "ipsec-transform"),
    configured("show ipsec client-db", "client-db"),
    configured("show ipsec client-db <name>", "client-db"),
    show("show ipsec multi-chassis-shunt-interface", Action::ShowShunts),
    show("show ipsec multi-chassis-shunt-interface <name>", Action::ShowShunts),
    show("show ipsec multi-chassis-shunt-interface service <service>", Action::ShowShuntsOf),
    show("show ipsec multi-chassis-shunting-profile", Action::ShowProfiles),
    show("show ipsec multi-chassis-shunting-profile <name>", Action::ShowProfiles),
    show("show ipsec multi-chassis-shunting-profile service <service>", Action::ShowProfilesOf),
    show("show isa tunnel-group", Action::ShowTunnelGroups),
    show("show isa tunnel-member-pool", Action::ShowPools),
    show("show isa tunnel-member-pool <name>", Action::ShowPool),
    show("show isa tunnel-member-pool <name> detail", Action::ShowPoolDetail),
    show("show debug ipsec peer <address>", Action::ShowTrace),
    show("show counters", Action::ShowCounters),
    show("show log log-id <id>", Action::ShowLog),
    show("show version", Action::ShowVersion),
    show("info", Action::Info),
    tool("tools perform redundancy multi-chassis mc-ipsec force-switchover tunnel-group <id>",
         Action::ForceSwitchover),
    tool("tools perform redundancy multi-chassis mc-ipsec force-switchover tunnel-group <id> now",
         Action::ForceSwitchoverNow),
    tool("tools perform redundancy multi-chassis mc-ipsec force-switchover domain <id> auto",
         Action::MoveDomain),
    tool("tools perform redundancy multi-chassis mc-ipsec force-switchover domain <id> auto now",
         Action::MoveDomainNow),
    tool("tools perform redundancy multi-chassis mc-ipsec force-switchover domain <id> to <node>",
         Action::MoveDomain),
    tool("tools perform redundancy multi-chassis mc-ipsec force-switchover domain <id> to <node> "
         "now",
         Action::MoveDomainNow),
    tool("tools perform ipsec tunnel <name> rekey child", Action::RekeyChild),
    tool("tools perform ipsec tunnel <name> rekey ike", Action::RekeyIke),
    tool("tools perform ipsec tunnel <name> delete child", Action::DeleteChild),
    tool("tools perform ipsec tunnel <name> delete ike", Action::DeleteIke),
    tool("tools perform ipsec tunnel <name> liveness", Action::Liveness),
    tool("tools perform ipsec gateway <name> tunnel <client> rekey child", Action::RekeyChild),
    tool("tools perform ipsec gateway <name> tunnel <client> rekey ike", Action::RekeyIke),
    tool("tools perform ipsec gateway <name> tunnel <client> delete child", Action::DeleteChild),
    tool("tools perform ipsec gateway <name> tunnel <client> delete ike", Action::DeleteIke),
    tool("tools perform ipsec gateway <name> tunnel <client> liveness", Action::Liveness),
    tool("admin certificate reload", Action::ReloadCertificates),
    tool("tools perform redundancy multi-chassis reload-keys", Action::ReloadKeys),
    tool("clear ipsec tunnel <name>", Action::ClearTunnel),
    tool("clear ipsec gateway <name> tunnel <client>", Action::ClearClient),
    tool("tools debug ipsec peer <address>", Action::Trace),
    tool("tools debug ipsec peer <address> detail", Action::TraceDetail),
    tool("tools debug ipsec peer <address> detail show-keys", Action::TraceKeys),
    tool("tools debug ipsec peer <address> off", Action::TraceOff),
    tool("tools lab export-keys", Action::ExportKeys),
};

constexpr std::string_view kEnd = "<end of the command>";

// Words by blanks; "quoted words" may have blanks in them. `|` is a word.
std::vector<std::string> split(std::string_view line) {
  std::vector<std::string> words;
  std::string word;
  bool quoted = false;
  bool begun = false;
  const auto finish = [&] {
    if (begun) words.push_back(std::move(word));
    word.clear();
    begun = false;
  };
  for (const char c : line) {
    if (c == '"') {
      quoted = !quoted;
      begun = true;
    } else if (!quoted && (c == ' ' || c == '\t' || c == '\r' || c == '\n')) {
      finish();
    } else if (!quoted && c == '|') {
      finish();
      words.emplace_back("|");
    } else {
      word += c;
      begun = true;
    }
  }
  finish();
  return words;
}

bool is_argument(std::string_view step) { return step.front() == '<'; }

struct Candidate {
  const Form* form;
  std::vector<std::string> steps;
  [[nodiscard]] std::string_view step(size_t at) const {
    return at < steps.size() ? std::string_view(steps[at]) : kEnd;
  }
};
using Candidates = std::vector<Candidate>;

std::set<std::string_view> steps_at(const Candidates& candidates, size_t at) {
  std::set<std::string_view> steps;
  for (const Candidate& candidate : candidates) steps.insert(candidate.step(at));
  return steps;
}

// The one step that `word` stands for: itself, the only one that begins so, or an argument.
Result<std::string> resolve(const std::set<std::string_view>& steps, const std::string& word) {
  std::vector<std::string_view> begun;
  std::string_view argument;
  for (const std::string_view step : steps) {
    if (step == word && !is_argument(step)) return word;
    if (is_argument(step)) {
      if (step != kEnd) argument = step;
    } else if (step.starts_with(word) && !word.empty()) {
      begun.push_back(step);
    }
  }
  if (begun.size() == 1) return std::string(begun.front());
  if (begun.size() > 1) {
    return failure(fmt::format("'{}' could be {}", word, fmt::join(begun, ", ")));
  }
  if (!argument.empty() && word != "|") return std::string(argument);
  return failure(fmt::format("'{}' is not known here; expected: {}", word, fmt::join(steps, ", ")));
}

Result<bool> take_json(std::vector<std::string>& words) {
  const auto bar = std::ranges::find(words, "|");
  if (bar == words.end()) return false;
  const bool json =
      bar + 2 == words.end() && !bar[1].empty() && std::string_view("json").starts_with(bar[1]);
  if (!json) return failure("behind '|' json is expected, and nothing else");
  words.erase(bar, words.end());
  return true;
}

}  // namespace

Result<Command> parse_command(std::string_view line) {
  std::vector<std::string> words = split(line);
  const auto json = take_json(words);
  if (!json) return tl::unexpected(json.error());
  Candidates candidates;
  for (const Form& form : kForms) {
    candidates.push_back(Candidate{.form = &form, .steps = split(form.words)});
  }
  Command command{.json = *json};
  for (size_t at = 0; at < words.size(); ++at) {
    const auto step = resolve(steps_at(candidates, at), words[at]);
    if (!step) return tl::unexpected(step.error());
    if (is_argument(*step)) command.arguments.push_back(words[at]);
    std::erase_if(candidates, [&](const Candidate& other) { return other.step(at) != *step; });
  }
  for (const Candidate& candidate : candidates) {
    if (candidate.steps.size() != words.size()) continue;
    if (command.json && !candidate.form->json) return failure("'| json' is for show and info");
    command.action = candidate.form->action;
    command.list = candidate.form->list;
    return command;
  }
  return failure(fmt::format("the command is not complete; expected: {}",
                             fmt::join(steps_at(candidates, words.size()), ", ")));
}

std::vector<std::string_view> command_forms() {
  std::vector<std::string_view> forms;
  forms.reserve(std::size(kForms));
  for (const Form& form : kForms) forms.push_back(form.words);
  return forms;
}

}  // namespace segw::cli
