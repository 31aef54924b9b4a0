#pragma once

// The invariants of redundancy-rules.md ("Checkers, exact"), one class and one file each. They run
// after every event of every scenario and every seed.

#include <array>
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
  Duration ike_lifetime{};    // the gateway's
  Duration child_lifetime{};  // the gateway's
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

// Why a client that was told may have to authenticate again (tunnel_kept).
enum class LossExcuse : uint8_t {
  Ended,         // the client was ending it, or an operator
  Unclean,       // an unclean takeover by one that knew less than it was told
  AllCrashed,    // every chassis that held it did
  MovedInSplit,  // two acted, and both had messages of it, or the one that had them crashed
  LostDisk,      // who acts had its keys in another incarnation (redundancy rule 13)
  Lifetime,      // of the IKE SA, or the last CHILD SA, ended
  Silent,        // nothing of it came while the gateway repeated its own request
  Unreached,     // none of its requests came where it could be answered
  AnswerLost,    // on its own link
};
constexpr std::array<std::string_view, 9> kLossExcuses{
    "ended",    "unclean", "all-crashed", "moved-in-split", "lost-disk",
    "lifetime", "silent",  "unreached",   "answer-lost"};

struct CheckerCounts {
  uint64_t clean_takeovers = 0;
  uint64_t unclean_takeovers = 0;
  uint64_t unmerged = 0;        // splits of which one side had the release before: it cannot merge
  uint64_t told_beside = 0;     // IKE SAs not looked for at the successor of another active
  uint64_t blocks_crossed = 0;  // an SA's next sequence number was in another block (rule 11)
  uint64_t tunnels_told = 0;    // IKE SAs of which a client knows that they stand
  std::array<uint64_t, kLossExcuses.size()> excused{};  // losses, by LossExcuse
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
std::unique_ptr<Checker> make_tunnel_kept(const CheckerView& view);
std::unique_ptr<Checker> make_liveness(const CheckerView& view);

// All of them, in that order.
std::vector<std::unique_ptr<Checker>> make_checkers(const CheckerView& view);

}  // namespace segw::sim
