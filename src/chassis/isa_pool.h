#pragma once

// A tunnel-member-pool: ISAs that several groups of a designated standby share (sros-facts §3.1,
// §11.6). A group takes members when it becomes active and gives them back when it no longer is.
// Pure.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/ids.h"

namespace segw::chassis {

class IsaPool {
 public:
  IsaPool(std::string name, std::vector<IsaId> members)
      : name_(std::move(name)), members_(std::move(members)) {}

  // The members of the group: as many as it wants or as there are, at least one. Empty: none is
  // free. Asked again, it keeps what it has.
  const std::vector<IsaId>& claim(TunnelGroupId group, uint8_t wanted);
  void release(TunnelGroupId group);
  // Could the group have a member now? It has one, or one is free.
  [[nodiscard]] bool has_room_for(TunnelGroupId group) const;
  // How many members a claim of the group would have.
  [[nodiscard]] size_t room_for(TunnelGroupId group, uint8_t wanted) const;

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const std::vector<IsaId>& members() const { return members_; }
  // 0: active in no group.
  [[nodiscard]] TunnelGroupId active_in(const IsaId& member) const;

 private:
  [[nodiscard]] std::vector<IsaId> free() const;

  std::string name_;
  std::vector<IsaId> members_;
  std::map<TunnelGroupId, std::vector<IsaId>> claims_;
};

}  // namespace segw::chassis
