#pragma once

// The invariants of redundancy-rules.md ("Checkers, exact"), one class and one file each. They run
// after every event of every scenario and every seed.

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sim/host.h"
#include "sim/isa_roles.h"
#include "sim/observer.h"

namespace segw::sim {

struct Timing {
  Duration keep_alive{};
  Duration hold{};
  Duration discovery{};
};

// A client as the liveness checker sees it.
struct ClientView {
  std::string name;
  bool has_tunnel = false;
  Instant last_echo{};
};

struct CheckerView {
  World& world;
  Network& network;
  const PacketWorld& packets;
  const std::vector<SimHost*>& hosts;
  const IsaRoles& roles;
  TunnelGroupId group;
  Timing timing;
  std::function<std::vector<ClientView>()> clients;
  std::function<void(std::string_view checker, std::string text)> violate;
  bool dynamic = false;  // clients make their tunnels at a gateway
};

struct CheckerCounts {
  uint64_t clean_takeovers = 0;
  uint64_t unclean_takeovers = 0;
  uint64_t unmerged = 0;  // splits of which one side had the release before: it cannot merge
};

class Checker : public Observer {
 public:
  Checker(const CheckerView& view, std::string_view name) : view_(view), name_(name) {}
  [[nodiscard]] std::string_view name() const { return name_; }
  virtual void add_to(CheckerCounts& /*counts*/) const {}

 protected:
  void violate(std::string text) const { view_.violate(name_, std::move(text)); }
  [[nodiscard]] const CheckerView& view() const { return view_; }
  [[nodiscard]] const std::string& host_name(HostId host) const {
    return view_.hosts[host]->name();
  }

 private:
  const CheckerView& view_;
  std::string_view name_;
};

std::unique_ptr<Checker> make_one_active(const CheckerView& view);
std::unique_ptr<Checker> make_nonce_once(const CheckerView& view);
std::unique_ptr<Checker> make_sequence_once(const CheckerView& view);
std::unique_ptr<Checker> make_told_means_kept(const CheckerView& view);
std::unique_ptr<Checker> make_message_id_once(const CheckerView& view);
std::unique_ptr<Checker> make_replay_never(const CheckerView& view);
std::unique_ptr<Checker> make_no_clear_text(const CheckerView& view);
std::unique_ptr<Checker> make_fenced(const CheckerView& view);
std::unique_ptr<Checker> make_no_route_leak(const CheckerView& view);
std::unique_ptr<Checker> make_replica_converges(const CheckerView& view);
std::unique_ptr<Checker> make_steering_follows_role(const CheckerView& view);
std::unique_ptr<Checker> make_liveness(const CheckerView& view);

// All of them, in that order.
std::vector<std::unique_ptr<Checker>> make_checkers(const CheckerView& view);

}  // namespace segw::sim
