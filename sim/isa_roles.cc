#include "sim/isa_roles.h"

#include <variant>

namespace segw::sim {

bool makes_act(const isa::ToIsa& message) {
  const auto* role = std::get_if<isa::SetRole>(&message);
  return role != nullptr && role->role == isa::Role::Acting;
}

bool ends_acting(const isa::ToIsa& message) {
  const auto* role = std::get_if<isa::SetRole>(&message);
  return (role != nullptr && role->role != isa::Role::Acting) ||
         std::holds_alternative<isa::Freeze>(message);
}

void IsaRoles::on_isa_told(HostId host, const isa::ToIsa& message) {
  if (makes_act(message)) hosts_[host].acting = true;
  if (ends_acting(message)) hosts_[host].acting = false;
  if (const auto* vouch = std::get_if<isa::Vouch>(&message)) {
    hosts_[host].deadline = vouch->deadline;
  }
}

size_t IsaRoles::acting_count() const {
  size_t count = 0;
  for (size_t host = 0; host < hosts_.size(); ++host) {
    if (acting(static_cast<HostId>(host))) ++count;
  }
  return count;
}

}  // namespace segw::sim
