#include "ike/negotiation.h"

#include <algorithm>

#include "crypto/crypto.h"
#include "esp/algorithm.h"
#include "esp/selectors.h"

namespace segw::ike {
namespace {

constexpr size_t kSelectorsMax = 16;
constexpr size_t kEspSpiSize = 4;

const payload::Transform* find(const payload::Proposal& proposal, uint8_t type, uint16_t id,
                               std::optional<uint16_t> key_bits = std::nullopt) {
  const auto at = std::ranges::find_if(proposal.transforms, [&](const auto& transform) {
    return transform.type == type && transform.id == id && transform.key_bits == key_bits &&
           !transform.unknown_attribute;
  });
  return at == proposal.transforms.end() ? nullptr : &*at;
}

bool has_type(const payload::Proposal& proposal, uint8_t type) {
  return std::ranges::any_of(proposal.transforms,
                             [&](const auto& transform) { return transform.type == type; });
}

// RFC 7296 3.3.6: "If the responder receives a proposal that contains a Transform Type it does not
// understand ... it MUST consider this proposal unacceptable".
bool understood(const payload::Proposal& proposal) {
  return std::ranges::all_of(proposal.transforms, [](const auto& transform) {
    return transform.type >= kTransformEncryption && transform.type <= kTransformEsn;
  });
}

// Encryption and integrity. RFC 7296 3.3: with a combined-mode cipher there is no integrity
// transform, or NONE.
bool add_ciphers(const payload::Proposal& theirs, esp::Encryption encryption, uint16_t key_bits,
                 esp::Integrity wanted, payload::Proposal& answer) {
  const payload::Transform transform = encryption_transform(encryption, key_bits);
  const auto* cipher = find(theirs, transform.type, transform.id, transform.key_bits);
  if (cipher == nullptr) return false;
  answer.transforms.push_back(*cipher);
  if (esp::algorithm(encryption).combined()) {
    return !has_type(theirs, kTransformIntegrity) ||
           find(theirs, kTransformIntegrity, 0) != nullptr;
  }
  const auto* integrity = find(theirs, kTransformIntegrity, static_cast<uint16_t>(wanted));
  if (integrity == nullptr) return false;
  answer.transforms.push_back(*integrity);
  return true;
}

std::optional<payload::Proposal> match_ike(const IkeSuite& suite, const payload::Proposal& theirs) {
  if (theirs.protocol != kProtocolIke || !understood(theirs)) return std::nullopt;
  payload::Proposal answer{
      .number = theirs.number, .protocol = kProtocolIke, .spi = {}, .transforms = {}};
  if (!add_ciphers(theirs, suite.encryption, suite.key_bits, suite.integrity, answer))
    return std::nullopt;
  const auto* prf = find(theirs, kTransformPrf, static_cast<uint16_t>(suite.prf));
  const auto* group = find(theirs, kTransformGroup, static_cast<uint16_t>(suite.group));
  if (prf == nullptr || group == nullptr) return std::nullopt;
  answer.transforms.push_back(*prf);
  answer.transforms.push_back(*group);
  return answer;
}

// Which group a CHILD proposal agrees on. No value in the variant's first: without an exchange.
std::variant<std::optional<Group>, NotifyType> child_group(const ChildProposal& ours,
                                                           const payload::Proposal& theirs,
                                                           std::optional<uint16_t> ke_group) {
  const bool offered = has_type(theirs, kTransformGroup);
  const auto offers = [&](uint16_t group) {
    return find(theirs, kTransformGroup, group) != nullptr;
  };
  if (ours.pfs) {
    const auto wanted = static_cast<uint16_t>(*ours.pfs);
    if (!offers(wanted)) return NotifyType::NoProposalChosen;
    return ke_group == wanted ? std::variant<std::optional<Group>, NotifyType>(ours.pfs)
                              : NotifyType::InvalidKePayload;
  }
  if (ke_group && offers(*ke_group) && crypto::is_dh_group(*ke_group)) {
    return std::optional(static_cast<Group>(*ke_group));
  }
  if (!offered || offers(0)) return std::optional<Group>();
  return NotifyType::NoProposalChosen;
}

bool add_esn(const ChildProposal& ours, const payload::Proposal& theirs, ChosenChild& chosen) {
  const auto* extended = find(theirs, kTransformEsn, 1);
  const auto* plain = find(theirs, kTransformEsn, 0);
  if (ours.suite.extended_sequence_numbers && extended != nullptr) {
    chosen.suite.extended_sequence_numbers = true;
    chosen.answer.transforms.push_back(*extended);
    return true;
  }
  chosen.suite.extended_sequence_numbers = false;
  if (plain == nullptr) return !has_type(theirs, kTransformEsn);
  chosen.answer.transforms.push_back(*plain);
  return true;
}

std::variant<ChosenChild, NotifyType> match_child(const ChildProposal& ours,
                                                  const payload::Proposal& theirs,
                                                  std::optional<uint16_t> ke_group,
                                                  ChildExchange exchange) {
  if (theirs.protocol != kProtocolEspSa || theirs.spi.size() != kEspSpiSize ||
      !understood(theirs)) {
    return NotifyType::NoProposalChosen;
  }
  ChosenChild chosen{.suite = ours.suite,
                     .group = std::nullopt,
                     .lifetime = ours.lifetime,
                     .answer = {.number = theirs.number,
                                .protocol = kProtocolEspSa,
                                .spi = theirs.spi,
                                .transforms = {}}};
  if (!add_ciphers(theirs, ours.suite.encryption, ours.suite.key_bits, ours.suite.integrity,
                   chosen.answer)) {
    return NotifyType::NoProposalChosen;
  }
  if (exchange == ChildExchange::Alone) {
    const auto group = child_group(ours, theirs, ke_group);
    if (const auto* refused = std::get_if<NotifyType>(&group)) return *refused;
    chosen.group = std::get<std::optional<Group>>(group);
    if (chosen.group) {
      chosen.answer.transforms.push_back(payload::Transform{
          .type = kTransformGroup, .id = static_cast<uint16_t>(*chosen.group), .key_bits = {}});
    }
  }
  if (!add_esn(ours, theirs, chosen)) return NotifyType::NoProposalChosen;
  return chosen;
}

std::optional<esp::TrafficSelector> intersection(const esp::TrafficSelector& a,
                                                 const esp::TrafficSelector& b) {
  if (a.first.family() != b.first.family()) return std::nullopt;
  if (a.protocol != 0 && b.protocol != 0 && a.protocol != b.protocol) return std::nullopt;
  esp::TrafficSelector both;
  both.protocol = a.protocol != 0 ? a.protocol : b.protocol;
  const bool opaque = esp::opaque_ports(a) || esp::opaque_ports(b);
  both.port_first = std::max(a.port_first, b.port_first);
  both.port_last = std::min(a.port_last, b.port_last);
  both.first = std::max(a.first, b.first);
  both.last = std::min(a.last, b.last);
  if (both.last < both.first) return std::nullopt;
  if (opaque) {
    // RFC 7296 3.13.1: OPAQUE is part of all ports, and of nothing else.
    const auto takes = [](const esp::TrafficSelector& selector) {
      return esp::all_ports(selector) || esp::opaque_ports(selector);
    };
    both.port_first = 0xFFFF;
    both.port_last = 0;
    return takes(a) && takes(b) ? std::optional(both) : std::nullopt;
  }
  if (both.port_first > both.port_last) return std::nullopt;
  return both;
}

}  // namespace

payload::Transform encryption_transform(esp::Encryption encryption, uint16_t key_bits) {
  payload::Transform transform{
      .type = kTransformEncryption, .id = static_cast<uint16_t>(encryption), .key_bits = {}};
  // RFC 7296 3.3.5: "The Key Length attribute MUST NOT be used with transforms that use a
  // fixed-length key."
  if (!esp::algorithm(encryption).fixed_key) transform.key_bits = key_bits;
  return transform;
}

std::optional<ChosenIke> choose_ike(const std::vector<Proposal>& ours, const payload::Sa& theirs,
                                    std::optional<Group> group) {
  for (const Proposal& proposal : ours) {
    if (group && proposal.suite.group != *group) continue;
    for (const payload::Proposal& offered : theirs.proposals) {
      if (auto answer = match_ike(proposal.suite, offered)) {
        return ChosenIke{
            .suite = proposal.suite, .lifetime = proposal.lifetime, .answer = std::move(*answer)};
      }
    }
  }
  return std::nullopt;
}

std::variant<ChosenChild, NotifyType> choose_child(const std::vector<ChildProposal>& ours,
                                                   const payload::Sa& theirs,
                                                   std::optional<uint16_t> ke_group,
                                                   ChildExchange exchange) {
  NotifyType refusal = NotifyType::NoProposalChosen;
  for (const ChildProposal& proposal : ours) {
    for (const payload::Proposal& offered : theirs.proposals) {
      auto match = match_child(proposal, offered, ke_group, exchange);
      if (std::holds_alternative<ChosenChild>(match)) return match;
      // A group that could be agreed on is worth another try of the client.
      if (std::get<NotifyType>(match) == NotifyType::InvalidKePayload) {
        refusal = NotifyType::InvalidKePayload;
      }
    }
  }
  return refusal;
}

std::vector<esp::TrafficSelector> narrow(const std::vector<esp::TrafficSelector>& ours,
                                         const std::vector<esp::TrafficSelector>& theirs) {
  std::vector<esp::TrafficSelector> narrowed;
  for (const esp::TrafficSelector& allowed : ours) {
    for (const esp::TrafficSelector& asked : theirs) {
      const auto both = intersection(allowed, asked);
      if (!both || narrowed.size() == kSelectorsMax) continue;
      if (std::ranges::find(narrowed, *both) == narrowed.end()) narrowed.push_back(*both);
    }
  }
  return narrowed;
}

}  // namespace segw::ike
