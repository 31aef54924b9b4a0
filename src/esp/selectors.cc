#include "esp/selectors.h"

#include <algorithm>

namespace segw::esp {
namespace {

// What one side of a packet offers to a selector's port range.
struct Side {
  const IpAddress& address;
  std::optional<uint16_t> port;
  bool has_no_port = false;  // the protocol gives this side none: ICMP's receiver
};

bool port_fits(const TrafficSelector& selector, const Side& side) {
  if (all_ports(selector) || side.has_no_port) return true;
  if (opaque_ports(selector)) return !side.port;
  return side.port && *side.port >= selector.port_first && *side.port <= selector.port_last;
}

bool fits(const TrafficSelector& selector, const IpPacket& packet, const Side& side) {
  if (selector.first.family() != side.address.family()) return false;
  if (side.address < selector.first || selector.last < side.address) return false;
  if (selector.protocol != 0 && (!packet.protocol_known || selector.protocol != packet.protocol)) {
    return false;
  }
  return port_fits(selector, side);
}

bool any_fits(const std::vector<TrafficSelector>& selectors, const IpPacket& packet,
              const Side& side) {
  return std::ranges::any_of(
      selectors, [&](const TrafficSelector& selector) { return fits(selector, packet, side); });
}

}  // namespace

bool fits(const ChildSa& sa, const IpPacket& packet, Way way) {
  const auto ports = ports_of(packet);
  const bool inbound = way == Way::Inbound;
  const Side source{.address = packet.source,
                    .port = ports ? std::optional(ports->source) : std::nullopt};
  const Side destination{.address = packet.destination,
                         .port = ports ? ports->destination : std::nullopt,
                         .has_no_port = ports && !ports->destination};
  return any_fits(inbound ? sa.remote_selectors : sa.local_selectors, packet, source) &&
         any_fits(inbound ? sa.local_selectors : sa.remote_selectors, packet, destination);
}

bool takes_fragments(const ChildSa& sa) {
  const auto all = [](const std::vector<TrafficSelector>& selectors) {
    return std::ranges::all_of(selectors, all_ports);
  };
  return all(sa.local_selectors) && all(sa.remote_selectors);
}

}  // namespace segw::esp
