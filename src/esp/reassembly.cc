#include "esp/reassembly.h"

#include <algorithm>
#include <string_view>

#include "esp/traffic_class.h"

namespace segw::esp {
namespace {

constexpr size_t kUnit = 8;
static_assert(kIpSizeMax + (kFragmentsMax + 1) * kFragmentCost < kReassemblyBytesMax / 2);
constexpr uint8_t kSawNotCapable = 1U << kEcnNotCapable;
constexpr uint8_t kSawCongestion = 1U << kEcnCongestion;

size_t cost(const Bytes& part) { return part.size() + kFragmentCost; }

size_t end_of(const IpPacket& fragment) {
  return fragment.fragment_offset + fragment.fragmentable.size();
}

}  // namespace

std::string_view Reassembler::fault(const IpPacket& fragment) {
  const size_t size = fragment.fragmentable.size();
  const size_t header = fragment.is_v4() ? kIpv4HeaderSize : 0;
  if (size == 0 || header + end_of(fragment) > kIpSizeMax) return "fragment-malformed";
  if (!fragment.more_fragments) return {};
  // RFC 8200 4.5: "If the length of a fragment ... is not a multiple of 8 octets and the M flag of
  // that fragment is 1, then that fragment must be discarded".
  if (size % kUnit != 0) return "fragment-malformed";
  return size < kFragmentSizeMin ? "fragment-tiny" : std::string_view{};
}

bool Reassembler::duplicate(const Datagram& datagram, const IpPacket& fragment) {
  const auto at = datagram.parts.find(fragment.fragment_offset);
  return at != datagram.parts.end() && std::ranges::equal(at->second, fragment.fragmentable);
}

// Overlaps, or two ends.
bool Reassembler::contradicts(const Datagram& datagram, const IpPacket& fragment) {
  const size_t begin = fragment.fragment_offset;
  const size_t end = end_of(fragment);
  if (datagram.total && (end > *datagram.total || !fragment.more_fragments)) return true;
  if (datagram.parts.empty()) return false;
  const auto& [last_at, last] = *datagram.parts.rbegin();
  if (!fragment.more_fragments && last_at + last.size() > end) return true;
  const auto next = datagram.parts.lower_bound(begin);
  if (next != datagram.parts.end() && next->first < end) return true;
  if (next == datagram.parts.begin()) return false;
  const auto& [before_at, before] = *std::prev(next);
  return before_at + before.size() > begin;
}

void Reassembler::refuse(Datagram& datagram) {
  for (const auto& [offset, part] : datagram.parts) bytes_ -= cost(part);
  datagram.parts.clear();
  datagram.refused = true;
}

void Reassembler::forget(Datagrams::iterator at) {
  refuse(at->second);
  const auto source = of_source_.find(at->first.source);
  if (--source->second == 0) of_source_.erase(source);
  by_age_.erase(at->second.place);
  datagrams_.erase(at);
}

Reassembler::Datagram* Reassembler::find_or_make(const Key& key, Instant now, Counters& drops) {
  const auto known = datagrams_.find(key);
  if (known != datagrams_.end()) return &known->second;
  const auto source = of_source_.find(key.source);
  if (source != of_source_.end() && source->second >= kReassembliesOfSource) {
    drops.add("reassembly-source-full");
    return nullptr;
  }
  if (datagrams_.size() >= kReassembliesMax) {
    // The oldest gives way, not the newcomer: first fragments alone cannot lock others out.
    drops.add("reassembly-evicted");
    forget(datagrams_.find(by_age_.front()));
  }
  ++of_source_[key.source];
  Datagram made;
  made.until = now + max_wait_;
  made.place = by_age_.insert(by_age_.end(), key);
  return &datagrams_.emplace(key, std::move(made)).first->second;
}

std::optional<Bytes> Reassembler::add(const IpPacket& fragment, Instant now, Counters& drops) {
  expire(now, drops);
  if (const auto reason = fault(fragment); !reason.empty()) {
    drops.add(reason);
    return std::nullopt;
  }
  const Key key{.source = fragment.source,
                .destination = fragment.destination,
                .identification = fragment.identification,
                .protocol = fragment.is_v4() ? fragment.protocol : uint8_t{0}};
  Datagram* datagram = find_or_make(key, now, drops);
  if (datagram == nullptr) return std::nullopt;
  if (datagram->refused) {
    drops.add("reassembly-refused");
    return std::nullopt;
  }
  // RFC 8200 4.5: exact duplicates may be dropped alone; networks make them.
  if (duplicate(*datagram, fragment)) {
    drops.add("fragment-duplicate");
    return std::nullopt;
  }
  // RFC 5722 4: "if any of its constituent fragments is determined to be an overlapping fragment,
  // the entire datagram (and any constituent fragments, including those not yet received) MUST be
  // silently discarded." So too in IPv4, where RFC 791 leaves the choice of the bytes open.
  if (contradicts(*datagram, fragment)) {
    drops.add("fragment-overlap");
    refuse(*datagram);
    return std::nullopt;
  }
  if (datagram->parts.size() >= kFragmentsMax) {
    drops.add("fragments-too-many");
    refuse(*datagram);
    return std::nullopt;
  }
  const size_t more = fragment.fragmentable.size() + kFragmentCost;
  // No single datagram comes near the limit, so there is always another one that can give way.
  while (bytes_ + more > kReassemblyBytesMax) {
    const auto oldest = by_age_.begin();
    drops.add("reassembly-evicted");
    forget(datagrams_.find(*oldest == key ? *std::next(oldest) : *oldest));
  }
  datagram->parts.emplace(fragment.fragment_offset, to_bytes(fragment.fragmentable));
  bytes_ += more;
  datagram->received += fragment.fragmentable.size();
  datagram->ecn_seen |= static_cast<uint8_t>(1U << (fragment.traffic_class & kEcnMask));
  if (!fragment.more_fragments) datagram->total = end_of(fragment);
  if (fragment.first_fragment()) {
    datagram->first_class = fragment.traffic_class;
    datagram->protocol = fragment.fragmentable_protocol;
    datagram->hop_limit = fragment.hop_limit;
  }
  if (datagram->received != datagram->total) return std::nullopt;
  auto packet = whole(key, *datagram);
  if (!packet) drops.add("fragment-ecn-mixed");
  forget(datagrams_.find(key));
  return packet;
}

std::optional<Bytes> Reassembler::whole(const Key& key, const Datagram& datagram) {
  uint8_t traffic_class = datagram.first_class;
  if ((datagram.ecn_seen & kSawCongestion) != 0) {
    // RFC 3168 5.3: a congestion mark on one fragment marks the packet; together with a fragment
    // that is not ECN-capable, the packet is dropped.
    if ((datagram.ecn_seen & kSawNotCapable) != 0) return std::nullopt;
    traffic_class |= kEcnCongestion;
  }
  Bytes payload;
  payload.reserve(datagram.received);
  for (const auto& [offset, part] : datagram.parts) append(payload, part);
  return ip_packet(IpFields{.source = key.source,
                            .destination = key.destination,
                            .protocol = datagram.protocol,
                            .traffic_class = traffic_class,
                            .identification = static_cast<uint16_t>(key.identification),
                            .hop_limit = datagram.hop_limit},
                   payload);
}

void Reassembler::expire(Instant now, Counters& drops) {
  while (!by_age_.empty()) {
    const auto oldest = datagrams_.find(by_age_.front());
    if (oldest->second.until > now) return;
    drops.add("reassembly-timeout");
    forget(oldest);
  }
}

void Reassembler::clear(Counters& drops) {
  if (!datagrams_.empty()) drops.add("reassembly-given-up", datagrams_.size());
  datagrams_.clear();
  by_age_.clear();
  of_source_.clear();
  bytes_ = 0;
}

}  // namespace segw::esp
