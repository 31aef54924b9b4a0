#pragma once

#include <map>
#include <set>

#include "platform/linux/arp_responder.h"
#include "platform/linux/link_watch.h"
#include "platform/linux/ndp_responder.h"
#include "platform/linux/services.h"

namespace segw::platform::os {

constexpr uint32_t kGroupMetric = 10;
constexpr uint32_t kFallbackMetric = 4'000'000;
// Routes that come and go: worse than a declared one of the same prefix, which stays when they go.
// The number of the group in the blackhole's metric says whose it is after a restart.
constexpr uint32_t kReverseMetric = 20;
constexpr uint32_t kReverseFallbackMetric = 4'000'100;

// Four nexthop objects for each group and family: public and private side, from the service and
// from the shunt. Where the kernel has no IPv6 there are those of IPv4 only.
//
// What the kernel refuses or takes away is made again. An object whose device loses its carrier is
// gone with all its routes: it comes back as a blackhole, at once, and its routes in slices, so
// that a takeover only replaces it. What was refused is tried again when a device changes, and by a
// timer.
class NexthopSteering final : public Steering {
 public:
  NexthopSteering(Loop& loop, NamespaceServices& services, Log& log, int keeper_socket)
      : loop_(loop), services_(services), log_(log), keeper_socket_(keeper_socket) {}
  ~NexthopSteering() override;
  NexthopSteering(const NexthopSteering&) = delete;
  NexthopSteering& operator=(const NexthopSteering&) = delete;
  Result<void> declare(const SteeringSpec& spec) override;
  void set(TunnelGroupId group, const SteeringState& state) override;
  void add_routes(TunnelGroupId group, const std::vector<IpPrefix>& prefixes) override;
  void remove_routes(TunnelGroupId group, const std::vector<IpPrefix>& prefixes) override;
  // The orderly end: all routes and nexthop objects are taken away.
  void withdraw();
  // The kernel has everything as it was asked for.
  [[nodiscard]] bool settled() const { return !retry_timer_ && !slice_timer_; }

 private:
  struct ShuntWay {
    std::string device_name;  // empty: no interface of the service leads there
    unsigned device = 0;
    std::optional<IpAddress> gateway;
  };
  struct Family {
    IpFamily family = IpFamily::V4;
    uint32_t service_nexthop = 0;
    uint32_t shunt_nexthop = 0;
    std::vector<ShuntWay> shunts;  // by peer
  };
  // Prefixes whose routes the kernel may not have as they should be.
  struct Unsettled {
    std::set<IpPrefix> declared;
    std::set<IpPrefix> reverse;

    [[nodiscard]] bool empty() const { return declared.empty() && reverse.empty(); }
    void take(Unsettled& other);
  };
  struct SideState {
    ServicePlace* place = nullptr;
    std::string tun_name;
    unsigned tun = 0;
    std::vector<Family> families;
    SteeringState wanted;
    std::vector<IpPrefix> prefixes;
    std::set<IpPrefix> reverse;    // routes that come and go
    uint32_t fallback_metric = 0;  // of the blackholes behind them
    Unsettled due;                 // to be made in slices
    Unsettled refused;             // to be tried again
    std::map<std::string, std::vector<IpAddress>> virtual_next_hops;  // by device, IPv4
    std::map<std::string, std::vector<IpAddress>> virtual_next_hops_v6;
    std::map<std::string, std::unique_ptr<ArpResponder>> responders;
    std::map<std::string, std::unique_ptr<NdpResponder>> responders_v6;

    [[nodiscard]] const Family* of(const IpPrefix& prefix) const;
    void lose_routes();
  };
  struct Group {
    SideState public_side;
    SideState private_side;
  };
  Result<void> declare_side(SideState& side, const SteeringSide& spec, uint32_t first_id,
                            const std::string& tun);
  void set_side(SideState& side, const SteeringState& state);
  Result<void> watch_links(const SideState& side, const std::string& service);
  static Result<void> remove_left_over(const SideState& side);
  static ShuntWay shunt_way(const SideState& side, const std::optional<IpAddress>& next_hop);
  static Result<void> declare_families(SideState& side, const SteeringSide& spec,
                                       uint32_t first_id);
  static Result<void> declare_routes(SideState& side);
  Result<void> declare_virtual_next_hops(SideState& side, const SteeringSide& spec);
  // In the order in which they are added.
  [[nodiscard]] static std::vector<Route> declared_routes(const SideState& side,
                                                          const IpPrefix& prefix);
  [[nodiscard]] static std::vector<Route> reverse_routes(const SideState& side,
                                                         const std::vector<IpPrefix>& prefixes);
  [[nodiscard]] static Nexthop object(const SideState& side, const Family& family, uint32_t nexthop,
                                      Target target);
  static bool found_again(SideState& side, Family& family);
  void point(SideState& side, Family& family, uint32_t nexthop, Target target);
  void note(uint32_t nexthop, const std::string& refusal);
  void on_links(const ServicePlace* place, const std::set<unsigned>& devices);
  void point_again(SideState& side, const std::set<unsigned>& devices);
  void settle_reverse(SideState& side, const std::vector<IpPrefix>& prefixes);
  void settle_slice(SideState& side);
  void settle();
  void retry_later();
  void retry();
  template <typename Visit>
  void each_side(const Visit& visit);

  Loop& loop_;
  NamespaceServices& services_;
  Log& log_;
  int keeper_socket_;
  std::map<TunnelGroupId, Group> groups_;
  std::map<std::string, std::unique_ptr<LinkWatch>> watches_;  // by service
  std::map<uint32_t, std::string> refusals_;                   // of nexthops that are not as wanted
  Duration retry_after_ = kRetryFirst;
  std::optional<TimerId> retry_timer_;
  std::optional<TimerId> slice_timer_;

  static constexpr Duration kRetryFirst = std::chrono::seconds(1);
  static constexpr Duration kRetryMax = std::chrono::seconds(60);
};

}  // namespace segw::platform::os
