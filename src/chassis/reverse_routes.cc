#include "chassis/reverse_routes.h"

#include <algorithm>
#include <ranges>

namespace segw::chassis {
namespace {

constexpr size_t kPrefixesOfSelectorMax = 64;
constexpr size_t kPrefixesMax = 262144;  // of a group
// Adding a route takes some microseconds of the one thread; keep-alives must not wait for a copy of
// a hundred thousand.
constexpr size_t kChangesAtOnce = 512;
constexpr Duration kBreath = std::chrono::milliseconds(1);

using AddressBytes = std::vector<uint8_t>;

bool bit(const AddressBytes& bytes, size_t at) { return (bytes[at / 8] >> (7 - at % 8) & 1U) != 0; }

// The address after `bytes`; false if that was the highest.
bool advance(AddressBytes& bytes) {
  for (uint8_t& byte : std::views::reverse(bytes)) {
    if (++byte != 0) return true;
  }
  return false;
}

}  // namespace

std::vector<IpPrefix> prefixes_of(const IpAddress& first, const IpAddress& last, size_t most) {
  std::vector<IpPrefix> prefixes;
  if (first.family() != last.family() || last < first) return prefixes;
  const ByteView begin = first.bytes();
  AddressBytes at(begin.begin(), begin.end());
  const size_t bits = at.size() * 8;
  while (true) {
    const auto address = IpAddress::from_bytes(at);
    if (!address) return {};  // never: `at` has the size of `first`
    IpPrefix prefix{.address = *address, .length = static_cast<uint8_t>(bits)};
    // As wide as the alignment of its first address and the end of the range allow.
    for (size_t length = bits; length > 0 && !bit(at, length - 1); --length) {
      const IpPrefix wider{.address = prefix.address, .length = static_cast<uint8_t>(length - 1)};
      if (last < wider.last()) break;
      prefix = wider;
    }
    if (prefixes.size() == most) return {};
    prefixes.push_back(prefix);
    if (!(prefix.last() < last)) return prefixes;
    const IpAddress end = prefix.last();
    at.assign(end.bytes().begin(), end.bytes().end());
    if (!advance(at)) return prefixes;
  }
}

ReverseRoutes::ReverseRoutes(platform::Platform& platform, TunnelGroupId group, Counters& counters)
    : platform_(platform),
      group_(group),
      counters_(counters),
      timer_(platform, [this] { flush(); }) {}

void ReverseRoutes::add(const esp::ChildSa& sa) {
  std::vector<IpPrefix> wanted;
  if (sa.reverse_route != esp::ReverseRoute::None) {
    const bool default_too = sa.reverse_route == esp::ReverseRoute::All;
    for (const esp::TrafficSelector& selector : sa.remote_selectors) {
      const auto prefixes = prefixes_of(selector.first, selector.last, kPrefixesOfSelectorMax);
      if (prefixes.empty()) counters_.add("reverse-route-too-many-prefixes");
      for (const IpPrefix& prefix : prefixes) {
        const bool known = std::ranges::find(wanted, prefix) != wanted.end();
        if (!known && (prefix.length != 0 || default_too)) wanted.push_back(prefix);
      }
    }
  }
  const auto before = of_sa_.find(sa.inbound_spi);
  if (before == of_sa_.end() ? wanted.empty() : before->second == wanted) return;
  for (const IpPrefix& prefix : wanted) refer(prefix);  // first: what stays is not touched
  remove(sa.inbound_spi);
  if (!wanted.empty()) of_sa_.emplace(sa.inbound_spi, std::move(wanted));
}

void ReverseRoutes::remove(Spi inbound_spi) {
  const auto at = of_sa_.find(inbound_spi);
  if (at == of_sa_.end()) return;
  for (const IpPrefix& prefix : at->second) release(prefix);
  of_sa_.erase(at);
}

void ReverseRoutes::refer(const IpPrefix& prefix) {
  if (references_[prefix]++ != 0) return;
  changed_.insert(prefix);
  if (!timer_.armed()) timer_.arm(Duration{0});
}

void ReverseRoutes::release(const IpPrefix& prefix) {
  const auto at = references_.find(prefix);
  if (at == references_.end() || --at->second != 0) return;
  references_.erase(at);
  changed_.insert(prefix);
  if (!timer_.armed()) timer_.arm(Duration{0});
}

void ReverseRoutes::flush() {
  std::vector<IpPrefix> added;
  std::vector<IpPrefix> removed;
  for (size_t done = 0; done < kChangesAtOnce && !changed_.empty(); ++done) {
    const IpPrefix prefix = changed_.extract(changed_.begin()).value();
    const bool wanted = references_.contains(prefix);
    if (wanted == routed_.contains(prefix)) continue;
    if (!wanted) {
      routed_.erase(prefix);
      removed.push_back(prefix);
    } else if (routed_.size() < kPrefixesMax) {
      routed_.insert(prefix);
      added.push_back(prefix);
    } else {
      counters_.add("reverse-route-table-full");
    }
  }
  if (!added.empty()) platform_.steering.add_routes(group_, added);
  if (!removed.empty()) platform_.steering.remove_routes(group_, removed);
  if (!changed_.empty()) timer_.arm(kBreath);
}

}  // namespace segw::chassis
