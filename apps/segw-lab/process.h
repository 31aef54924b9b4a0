#pragma once

// Processes of a lab. A pid alone may be reused, so a process is its pid and its start time, and
// signals go through a pidfd that was checked against both.

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"

namespace segw::lab {

struct ProcessId {
  pid_t pid = 0;
  uint64_t start_ticks = 0;  // since boot, as in /proc/PID/stat
  auto operator<=>(const ProcessId&) const = default;
};

struct Spawn {
  std::vector<std::string> argv;
  std::string netns;        // "" = ours
  std::string output_file;  // standard output and error are appended
  std::string private_run;  // if set: its own empty /run, in which this folder is still seen
  std::map<std::string, std::string> environment;  // added to ours
};

// What a file holds; nothing if it cannot be read, or belongs to a process that ends meanwhile
// (an istreambuf_iterator would throw then).
[[nodiscard]] std::string contents(const std::filesystem::path& file);

// Starts a process in a session of its own. A program that can't be executed is an error here.
Result<ProcessId> spawn_detached(const Spawn& spawn);

// Runs a program to its end and returns its standard output; the error names its last line of
// standard error.
Result<std::string> run(const std::vector<std::string>& argv, const std::string& netns = {},
                        const std::string& input = {});

// Becomes the program, inside the namespace. Returns only if that failed.
Error become(const std::vector<std::string>& argv, const std::string& netns);

// The process that has this pid now.
[[nodiscard]] ProcessId identify(pid_t pid);
[[nodiscard]] bool alive(const ProcessId& process);

// Those of `roots` that live, their descendants, and who was left behind in their sessions.
[[nodiscard]] std::set<ProcessId> family(const std::vector<ProcessId>& roots);

// Everybody in one of these network namespaces.
[[nodiscard]] std::set<ProcessId> inhabitants(const std::vector<std::string>& netns);

void signal_all(const std::set<ProcessId>& processes, int signal);

// Waits until all have ended; false when some still live after `patience`.
bool wait_for_end(const std::set<ProcessId>& processes, std::chrono::milliseconds patience);

// What a program calls the process: its command line, for `ps`.
[[nodiscard]] std::string command_line(pid_t pid);

}  // namespace segw::lab
