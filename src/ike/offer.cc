#include "ike/offer.h"

#include <algorithm>
#include <set>

#include "wire/writer.h"

namespace segw::ike {
namespace {

void add(payload::Proposal& proposal, uint8_t type, uint16_t id) {
  proposal.transforms.push_back(payload::Transform{.type = type, .id = id, .key_bits = {}});
}

void add_ciphers(payload::Proposal& proposal, esp::Encryption encryption, uint16_t key_bits,
                 esp::Integrity integrity) {
  proposal.transforms.push_back(encryption_transform(encryption, key_bits));
  if (integrity != esp::Integrity::None) {
    add(proposal, kTransformIntegrity, static_cast<uint16_t>(integrity));
  }
}

// RFC 7296 3.3.1: the first proposal "MUST be one (1), and subsequent proposals MUST be one more
// than the previous proposal".
uint8_t number_of(const payload::Sa& sa) { return static_cast<uint8_t>(sa.proposals.size() + 1); }

// RFC 7296 2.7: the answer has "a single proposal" with exactly one transform of each type.
bool is_a_choice(const payload::Sa& answer) {
  if (answer.proposals.size() != 1) return false;
  std::set<uint8_t> types;
  return std::ranges::all_of(answer.proposals.front().transforms, [&](const auto& transform) {
    return types.insert(transform.type).second;
  });
}

}  // namespace

payload::Sa offer_ike(const std::vector<Proposal>& ours, std::optional<IkeSpi> spi) {
  payload::Sa offer;
  for (const Proposal& each : ours) {
    payload::Proposal proposal{
        .number = number_of(offer), .protocol = kProtocolIke, .spi = {}, .transforms = {}};
    if (spi) {
      wire::Writer out;
      out.u64(spi->value);
      proposal.spi = out.take();
    }
    add_ciphers(proposal, each.suite.encryption, each.suite.key_bits, each.suite.integrity);
    add(proposal, kTransformPrf, static_cast<uint16_t>(each.suite.prf));
    add(proposal, kTransformGroup, static_cast<uint16_t>(each.suite.group));
    offer.proposals.push_back(std::move(proposal));
  }
  return offer;
}

payload::Sa offer_child(const std::vector<ChildProposal>& ours, Spi spi, ChildExchange exchange) {
  payload::Sa offer;
  for (const ChildProposal& each : ours) {
    wire::Writer out;
    out.u32(spi.value);
    payload::Proposal proposal{.number = number_of(offer),
                               .protocol = kProtocolEspSa,
                               .spi = out.take(),
                               .transforms = {}};
    add_ciphers(proposal, each.suite.encryption, each.suite.key_bits, each.suite.integrity);
    if (exchange == ChildExchange::Alone && each.pfs) {
      add(proposal, kTransformGroup, static_cast<uint16_t>(*each.pfs));
    }
    if (each.suite.extended_sequence_numbers) add(proposal, kTransformEsn, 1);
    add(proposal, kTransformEsn, 0);
    offer.proposals.push_back(std::move(proposal));
  }
  return offer;
}

bool offers_group(const std::vector<Proposal>& ours, Group group) {
  return std::ranges::any_of(ours, [&](const auto& each) { return each.suite.group == group; });
}

bool offers_group(const std::vector<ChildProposal>& ours, Group group) {
  return std::ranges::any_of(ours, [&](const auto& each) { return each.pfs == group; });
}

std::optional<ChosenIke> accepted_ike(const std::vector<Proposal>& ours, const payload::Sa& answer,
                                      Group group) {
  if (!is_a_choice(answer)) return std::nullopt;
  // RFC 7296 2.7: "the initiator of an exchange MUST check that the accepted offer is consistent
  // with one of its proposals, and if not MUST terminate the exchange."
  return choose_ike(ours, answer, group);
}

std::optional<ChosenChild> accepted_child(const std::vector<ChildProposal>& ours,
                                          const payload::Sa& answer, std::optional<Group> group,
                                          ChildExchange exchange) {
  if (!is_a_choice(answer)) return std::nullopt;
  const auto ke_group = group ? std::optional(static_cast<uint16_t>(*group)) : std::nullopt;
  auto chosen = choose_child(ours, answer, ke_group, exchange);
  if (std::holds_alternative<NotifyType>(chosen)) return std::nullopt;
  return std::get<ChosenChild>(std::move(chosen));
}

}  // namespace segw::ike
