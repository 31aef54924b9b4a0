#pragma once

// What both sides can agree on (RFC 7296 2.7, 2.9). Pure.

#include <optional>
#include <variant>
#include <vector>

#include "ike/engine.h"
#include "ike/message.h"

namespace segw::ike {

[[nodiscard]] payload::Transform encryption_transform(esp::Encryption encryption,
                                                      uint16_t key_bits);

struct ChosenIke {
  IkeSuite suite;
  Duration lifetime{};
  payload::Proposal answer;  // one proposal, one transform of each type
};
// By our order of preference. With `group`, only suites of that Diffie-Hellman group.
std::optional<ChosenIke> choose_ike(const std::vector<Proposal>& ours, const payload::Sa& theirs,
                                    std::optional<Group> group);

struct ChosenChild {
  esp::Suite suite;
  std::optional<Group> group;  // of a new Diffie-Hellman exchange
  Duration lifetime{};
  payload::Proposal answer;  // `spi` is still the client's
};
enum class ChildExchange : uint8_t { WithAuth, Alone };
// `ke_group`: the group of the KE payload sent, if any. Result: a choice, or the refusal.
std::variant<ChosenChild, NotifyType> choose_child(const std::vector<ChildProposal>& ours,
                                                   const payload::Sa& theirs,
                                                   std::optional<uint16_t> ke_group,
                                                   ChildExchange exchange);

// RFC 7296 2.9: the part of `theirs` that `ours` allows; empty where there is none.
std::vector<esp::TrafficSelector> narrow(const std::vector<esp::TrafficSelector>& ours,
                                         const std::vector<esp::TrafficSelector>& theirs);

}  // namespace segw::ike
