#pragma once

#include <map>

#include "platform/linux/arp_responder.h"
#include "platform/linux/services.h"

namespace segw::platform::os {

// Four nexthop objects for each group: public and private side, from the service and from the
// shunt.
class NexthopSteering final : public Steering {
 public:
  NexthopSteering(Loop& loop, NamespaceServices& services, Log& log, int keeper_socket)
      : loop_(loop), services_(services), log_(log), keeper_socket_(keeper_socket) {}
  Result<void> declare(const SteeringSpec& spec) override;
  void set(TunnelGroupId group, const SteeringState& state) override;
  void add_routes(TunnelGroupId group, const std::vector<IpPrefix>& prefixes) override;
  void remove_routes(TunnelGroupId group, const std::vector<IpPrefix>& prefixes) override;
  // The orderly end: all routes and nexthop objects are taken away.
  void withdraw();

 private:
  struct SideState {
    ServicePlace* place = nullptr;
    uint32_t service_nexthop = 0;
    uint32_t shunt_nexthop = 0;
    unsigned tun = 0;
    unsigned shunt_device = 0;
    std::optional<IpAddress> shunt_gateway;
    std::vector<IpPrefix> prefixes;
    std::map<std::string, std::vector<IpAddress>> virtual_next_hops;  // by device
    std::map<std::string, std::unique_ptr<ArpResponder>> responders;
  };
  struct Group {
    SideState public_side;
    SideState private_side;
    uint32_t fallback_metric = 0;  // of the blackholes behind routes that come and go
  };
  Result<void> declare_side(SideState& side, const SteeringSide& spec, uint32_t first_id,
                            const std::string& tun);
  void set_side(SideState& side, const SteeringState& state);
  Result<void> remove_left_over(const Group& group);
  void point(SideState& side, uint32_t nexthop, Target target);

  Loop& loop_;
  NamespaceServices& services_;
  Log& log_;
  int keeper_socket_;
  std::map<TunnelGroupId, Group> groups_;
};

}  // namespace segw::platform::os
