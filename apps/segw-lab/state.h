#pragma once

// What a lab has made so far. Written before each thing is made, so that `down` finds everything
// even when `up` was killed half-way.

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "process.h"
#include "topology.h"

namespace segw::lab {

enum class Direction : uint8_t {
  AToB,
  BToA
};  // from the first end of a link to its second, or back

struct Fault {
  std::set<Direction> cut;
  unsigned loss_percent = 0;
};

// A folder of its own for each lab, /run/segw-lab/NAME where not told otherwise.
class State {
 public:
  // Fails if a lab of this name is there.
  static Result<State> create(const std::filesystem::path& base, const std::string& name,
                              const std::string& topology_file, const std::string& programs);
  // `name` may be empty if there is one lab only.
  static Result<State> open(const std::filesystem::path& base, const std::string& name);

  Result<> save() const;
  void remove();

  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }
  [[nodiscard]] std::filesystem::path node_folder(const std::string& node) const {
    return folder_ / node;
  }
  // segw-<lab>-<node>; segwd puts its own behind it.
  [[nodiscard]] std::string netns(const std::string& node) const;
  // Those that exist now, of one node with what its segwd made, or of all.
  [[nodiscard]] std::vector<std::string> namespaces(const std::string& node = {}) const;

  std::string name;
  std::string topology_file;
  std::string programs;                                     // folder of segwd and segw
  std::map<std::string, std::vector<ProcessId>> processes;  // by node, what was started there
  std::map<std::string, Fault> faults;                      // by link

 private:
  std::filesystem::path folder_;
};

}  // namespace segw::lab
