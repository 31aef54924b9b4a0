// Runs the simulation: seeds in, violations out.
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <optional>

#include "apps/command_line.h"
#include "base/planted.h"
#include "planted_table.h"
#include "sim/swarm.h"

namespace {

using segw::Duration;
using segw::sim::SeedOutcome;

struct Range {
  uint64_t first = 0;
  uint64_t last = 0;
};

// What is summed up over seeds, and over jobs.
struct Totals {
  uint64_t seeds = 0;
  uint64_t violated = 0;
  uint64_t events = 0;
  uint64_t clean = 0;
  uint64_t unclean = 0;
  uint64_t unmerged = 0;  // splits with a release that cannot merge
  uint64_t told_beside = 0;
  uint64_t probes = 0;
  uint64_t echoes = 0;
  uint64_t authentications = 0;
  uint64_t reauthentications = 0;
  uint64_t rekeys = 0;
  uint64_t answered_set_ups = 0;
  uint64_t answered_rekeys = 0;
  uint64_t blocks = 0;
  uint64_t told = 0;
  decltype(segw::sim::CheckerCounts::excused) excused{};
  uint64_t unseed = 0;  // of all, in any order
};

void add(Totals& totals, const Totals& more) {
  totals.seeds += more.seeds;
  totals.violated += more.violated;
  totals.events += more.events;
  totals.clean += more.clean;
  totals.unclean += more.unclean;
  totals.unmerged += more.unmerged;
  totals.told_beside += more.told_beside;
  totals.probes += more.probes;
  totals.echoes += more.echoes;
  totals.authentications += more.authentications;
  totals.reauthentications += more.reauthentications;
  totals.rekeys += more.rekeys;
  totals.answered_set_ups += more.answered_set_ups;
  totals.answered_rekeys += more.answered_rekeys;
  totals.blocks += more.blocks;
  totals.told += more.told;
  for (size_t i = 0; i < totals.excused.size(); ++i) totals.excused.at(i) += more.excused.at(i);
  totals.unseed += more.unseed;
}

Totals totals_of(const SeedOutcome& outcome) {
  return Totals{.seeds = 1,
                .violated = outcome.violations.empty() ? 0U : 1U,
                .events = outcome.events,
                .clean = outcome.takeovers.clean_takeovers,
                .unclean = outcome.takeovers.unclean_takeovers,
                .unmerged = outcome.takeovers.unmerged,
                .told_beside = outcome.takeovers.told_beside,
                .probes = outcome.clients.probes,
                .echoes = outcome.clients.echoes,
                .authentications = outcome.clients.authentications,
                .reauthentications = outcome.clients.reauthentications,
                .rekeys = outcome.clients.rekeys,
                .answered_set_ups = outcome.clients.answered_set_ups,
                .answered_rekeys = outcome.clients.answered_rekeys,
                .blocks = outcome.takeovers.blocks_crossed,
                .told = outcome.takeovers.tunnels_told,
                .excused = outcome.takeovers.excused,
                .unseed = outcome.unseed};
}

// Losses of tunnels that clients knew of, by what excuses them.
std::string losses(const Totals& totals) {
  std::string text;
  for (size_t i = 0; i < totals.excused.size(); ++i) {
    if (totals.excused.at(i) == 0) continue;
    text += fmt::format("{}{}={}", text.empty() ? "" : ",", segw::sim::kLossExcuses.at(i),
                        totals.excused.at(i));
  }
  return text.empty() ? "none" : text;
}

std::string summary(const Totals& totals) {
  return fmt::format(
      "takeovers clean={} unclean={} unmerged={} told-beside={} authentications={} "
      "re-authentications={} "
      "rekeys={} "
      "by-gateway={} "
      "rekeys-by-gateway={} blocks-crossed={} told={} excused-losses={} probes={} echoes={} "
      "events={} unseed={:016x}",
      totals.clean, totals.unclean, totals.unmerged, totals.told_beside, totals.authentications,
      totals.reauthentications, totals.rekeys, totals.answered_set_ups, totals.answered_rekeys,
      totals.blocks, totals.told, losses(totals), totals.probes, totals.echoes, totals.events,
      totals.unseed);
}

std::optional<Range> parse_range(std::string_view text) {
  const size_t dots = text.find("..");
  if (dots == std::string_view::npos) return std::nullopt;
  const auto number = [](std::string_view part) -> std::optional<uint64_t> {
    uint64_t value = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
    if (error != std::errc{} || end != part.data() + part.size()) return std::nullopt;
    return value;
  };
  const auto first = number(text.substr(0, dots));
  const auto last = number(text.substr(dots + 2));
  if (!first || !last || *last < *first) return std::nullopt;
  return Range{.first = *first, .last = *last};
}

void print_violations(const SeedOutcome& outcome) {
  std::string text = outcome.history;
  for (const segw::sim::Violation& one : outcome.violations) {
    text += fmt::format("VIOLATION SEED={} {}: {}\n", outcome.seed, one.checker, one.text);
  }
  std::fputs(text.c_str(), stdout);
  std::fflush(stdout);
}

// Every `step`th seed from `first` on.
Totals run_some(Range range, uint64_t first, uint64_t step, Duration length, bool each) {
  Totals totals;
  for (uint64_t seed = first; seed <= range.last; seed += step) {
    const SeedOutcome outcome = segw::sim::run_seed(seed, length, {});
    const Totals one = totals_of(outcome);
    add(totals, one);
    if (each) {
      fmt::print("seed {} {} {}\n", seed, outcome.options, summary(one));
      std::fflush(stdout);
    }
    if (!outcome.violations.empty()) print_violations(outcome);
  }
  return totals;
}

// One process for each job; a process reports its totals through a pipe.
std::optional<Totals> run_jobs(Range range, uint64_t jobs, Duration length, bool each) {
  std::vector<std::pair<pid_t, int>> children;
  std::fflush(stdout);
  for (uint64_t job = 0; job < jobs; ++job) {
    int ends[2] = {-1, -1};
    if (pipe(ends) != 0) return std::nullopt;
    const pid_t child = fork();
    if (child < 0) return std::nullopt;
    if (child == 0) {
      const Totals totals = run_some(range, range.first + job, jobs, length, each);
      const bool told = write(ends[1], &totals, sizeof totals) == ssize_t{sizeof totals};
      std::fflush(stdout);
      _exit(told ? 0 : 1);
    }
    close(ends[1]);
    children.emplace_back(child, ends[0]);
  }
  Totals all;
  bool complete = true;
  for (const auto& [child, from] : children) {
    Totals totals;
    complete = read(from, &totals, sizeof totals) == ssize_t{sizeof totals} && complete;
    close(from);
    int status = 0;
    complete = waitpid(child, &status, 0) == child && status == 0 && complete;
    add(all, totals);
  }
  if (!complete) return std::nullopt;
  return all;
}

int run_one(uint64_t seed, Duration length, bool verbose) {
  const auto echo = [](const std::string& line) { fmt::print("{}\n", line); };
  const SeedOutcome outcome =
      verbose ? segw::sim::run_seed(seed, length, echo) : segw::sim::run_seed(seed, length, {});
  fmt::print("{}\n", outcome.options);
  if (!outcome.violations.empty()) print_violations(outcome);
  fmt::print("{}\n", summary(totals_of(outcome)));
  return outcome.violations.empty() ? 0 : 1;
}

int run_range(const std::string& text, uint64_t jobs, Duration length, bool verbose) {
  const auto range = parse_range(text);
  if (!range) {
    fmt::print(stderr, "segw-sim: --seeds {}: expected FIRST..LAST\n", text);
    return 1;
  }
  const auto totals = run_jobs(*range, jobs, length, verbose);
  if (!totals) {
    fmt::print("a job ended without its result\n");
    return 1;
  }
  fmt::print("seeds={} violated={} {}\n", totals->seeds, totals->violated, summary(*totals));
  return totals->violated == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Simulates two to four chassis and their clients, with faults, from a seed");
  uint64_t seed = 0;
  std::string seeds;
  int64_t length_s = 120;
  uint64_t jobs = 1;
  uint64_t seeds_max = 200;
  std::string planted;
  bool planted_all = false;
  bool verbose = false;
  app.add_option("--seed", seed, "run this seed");
  app.add_option("--seeds", seeds, "run the seeds FIRST..LAST");
  app.add_option("--seconds", length_s, "simulated seconds of each run")
      ->check(CLI::Range(60, 100000));
  app.add_option("--jobs", jobs, "processes for --seeds")->check(CLI::Range(1, 256));
  app.add_option("--planted", planted, "with this bug planted (planted builds only)");
  app.add_flag("--planted-all", planted_all, "show that each planted bug is caught");
  app.add_option("--planted-seeds", seeds_max, "seeds to try for each planted bug");
  app.add_flag("--verbose", verbose, "the whole history; with --seeds a line for each seed");
  if (const auto ends = segw::app::parse_arguments(app, argc, argv)) return *ends;
  const Duration length = std::chrono::seconds(length_s);
  fmt::print("SEED={} VERSION={}\n", seeds.empty() ? std::to_string(seed) : seeds, SEGW_VERSION);
  if (planted_all) return segw::sim::run_planted_table(length, seeds_max);
  if (!planted.empty()) {
#ifdef SEGW_PLANTED_BUGS
    segw::plant(planted);
#else
    fmt::print(stderr, "segw-sim: --planted: built without SEGW_PLANTED_BUGS\n");
    return 1;
#endif
  }
  return seeds.empty() ? run_one(seed, length, verbose) : run_range(seeds, jobs, length, verbose);
}
