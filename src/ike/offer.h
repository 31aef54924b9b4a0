#pragma once

// What we propose as initiator of an exchange, and whether an answer accepts a part of it
// (RFC 7296 2.7, 3.3). Pure.

#include <optional>
#include <vector>

#include "ike/engine.h"
#include "ike/message.h"
#include "ike/negotiation.h"

namespace segw::ike {

// One proposal for each of `ours`. `spi`: of the IKE SA to be made by rekeying.
payload::Sa offer_ike(const std::vector<Proposal>& ours, std::optional<IkeSpi> spi);
payload::Sa offer_child(const std::vector<ChildProposal>& ours, Spi spi, ChildExchange exchange);

[[nodiscard]] bool offers_group(const std::vector<Proposal>& ours, Group group);
[[nodiscard]] bool offers_group(const std::vector<ChildProposal>& ours, Group group);

// Nothing: the answer is not one of the offers. `group`: of the KE payload that we sent.
std::optional<ChosenIke> accepted_ike(const std::vector<Proposal>& ours, const payload::Sa& answer,
                                      Group group);
std::optional<ChosenChild> accepted_child(const std::vector<ChildProposal>& ours,
                                          const payload::Sa& answer, std::optional<Group> group,
                                          ChildExchange exchange);

}  // namespace segw::ike
