#include "esp/selectors.h"

#include <algorithm>

namespace segw::esp {
namespace {

bool fits(const TrafficSelector& selector, const IpAddress& address, uint8_t protocol,
          std::optional<uint16_t> port) {
  if (selector.first.family() != address.family()) return false;
  if (address < selector.first || selector.last < address) return false;
  if (selector.protocol != 0 && selector.protocol != protocol) return false;
  if (selector.port_first == 0 && selector.port_last == 0xFFFF) return true;
  return port && *port >= selector.port_first && *port <= selector.port_last;
}

}  // namespace

bool fits(const ChildSa& sa, const Ipv4Packet& packet, Way way) {
  const auto ports = ports_of(packet);
  const bool inbound = way == Way::Inbound;
  const auto source_port = ports ? std::optional(ports->source) : std::nullopt;
  const auto destination_port = ports ? std::optional(ports->destination) : std::nullopt;
  const auto any = [&](const std::vector<TrafficSelector>& selectors, const IpAddress& address,
                       std::optional<uint16_t> port) {
    return std::ranges::any_of(selectors, [&](const TrafficSelector& selector) {
      return fits(selector, address, packet.protocol, port);
    });
  };
  return inbound ? any(sa.remote_selectors, packet.source, source_port) &&
                       any(sa.local_selectors, packet.destination, destination_port)
                 : any(sa.local_selectors, packet.source, source_port) &&
                       any(sa.remote_selectors, packet.destination, destination_port);
}

}  // namespace segw::esp
