#pragma once

#include <map>

#include "platform/linux/arp_responder.h"
#include "platform/linux/ndp_responder.h"
#include "platform/linux/services.h"

namespace segw::platform::os {

// Four nexthop objects for each group and family: public and private side, from the service and
// from the shunt. Where the kernel has no IPv6 there are those of IPv4 only.
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
  struct Family {
    IpFamily family = IpFamily::V4;
    uint32_t service_nexthop = 0;
    uint32_t shunt_nexthop = 0;
    unsigned shunt_device = 0;
    std::optional<IpAddress> shunt_gateway;
  };
  struct SideState {
    ServicePlace* place = nullptr;
    unsigned tun = 0;
    std::vector<Family> families;
    std::vector<IpPrefix> prefixes;
    std::map<std::string, std::vector<IpAddress>> virtual_next_hops;  // by device, IPv4
    std::map<std::string, std::vector<IpAddress>> virtual_next_hops_v6;
    std::map<std::string, std::unique_ptr<ArpResponder>> responders;
    std::map<std::string, std::unique_ptr<NdpResponder>> responders_v6;

    [[nodiscard]] const Family* of(const IpPrefix& prefix) const;
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
  static Result<void> declare_families(SideState& side, const SteeringSide& spec,
                                       uint32_t first_id);
  static Result<void> declare_routes(SideState& side);
  Result<void> declare_virtual_next_hops(SideState& side, const SteeringSide& spec);
  void point(const SideState& side, const Family& family, uint32_t nexthop, Target target);
  // Two routes, with their blackholes, in the order in which they are added.
  [[nodiscard]] static std::vector<Route> reverse_routes(const Group& group,
                                                         const std::vector<IpPrefix>& prefixes);

  Loop& loop_;
  NamespaceServices& services_;
  Log& log_;
  int keeper_socket_;
  std::map<TunnelGroupId, Group> groups_;
};

}  // namespace segw::platform::os
