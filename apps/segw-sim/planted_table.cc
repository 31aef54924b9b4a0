#include "planted_table.h"

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <string_view>

#include "base/planted.h"
#include "sim/swarm.h"

namespace segw::sim {

#ifdef SEGW_PLANTED_BUGS

namespace {

struct PlantedBug {
  const char* name;
  std::string_view checker;
};
constexpr std::array<PlantedBug, 17> kBugs = {{{"one_active", "one_active"},
                                               {"nonce_once", "nonce_once"},
                                               {"sequence_once", "sequence_once"},
                                               {"told_means_kept", "told_means_kept"},
                                               {"replay_never", "replay_never"},
                                               {"no_clear_text", "no_clear_text"},
                                               {"fenced", "fenced"},
                                               {"no_route_leak", "no_route_leak"},
                                               {"liveness", "liveness"},
                                               {"message_id_once", "message_id_once"},
                                               {"replica_converges", "replica_converges"},
                                               {"steering_follows_role", "steering_follows_role"},
                                               {"standby_dropped", "told_means_kept"},
                                               {"isa_epoch_reused", "nonce_once"},
                                               {"tunnel_kept", "tunnel_kept"},
                                               {"liveness_tombstone", "tunnel_kept"},
                                               {"vouching_hearsay", "liveness"}}};

// In a process of its own, since a planted bug stays. True if the right checker fired first.
bool run_bug(const PlantedBug& bug, Duration length, uint64_t seeds_max) {
  plant(bug.name);
  for (uint64_t seed = 0; seed < seeds_max; ++seed) {
    const SeedOutcome outcome = run_seed(seed, length, {});
    if (outcome.violations.empty()) continue;
    const Violation& first = outcome.violations.front();
    const bool right = first.checker == bug.checker;
    std::printf("%-21s %-21s seed %-6llu %s%s\n", bug.name, first.checker.c_str(),
                static_cast<unsigned long long>(seed),
                right ? "" : "WRONG CHECKER: ", first.text.c_str());
    return right;
  }
  std::printf("%-21s NOT CAUGHT in %llu seeds\n", bug.name,
              static_cast<unsigned long long>(seeds_max));
  return false;
}

}  // namespace

int run_planted_table(Duration length, uint64_t seeds_max) {
  std::printf("%-21s %-21s %s\n", "bug", "checker", "found");
  int exit_code = 0;
  for (const PlantedBug& bug : kBugs) {
    std::fflush(stdout);
    const pid_t child = fork();
    if (child < 0) return 1;
    if (child == 0) {
      const bool caught = run_bug(bug, length, seeds_max);
      std::fflush(stdout);
      _exit(caught ? 0 : 1);
    }
    int status = 0;
    if (waitpid(child, &status, 0) != child || status != 0) exit_code = 1;
  }
  return exit_code;
}

#else

int run_planted_table(Duration /*length*/, uint64_t /*seeds_max*/) {
  std::fputs("segw-sim: built without SEGW_PLANTED_BUGS\n", stderr);
  return 1;
}

#endif

}  // namespace segw::sim
