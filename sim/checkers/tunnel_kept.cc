// A client that was told that its IKE SA stands does not have to authenticate again. What excuses a
// loss is an event of the world, and is counted by its kind.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "sim/checkers/checker.h"
#include "sim/checkers/takeovers.h"
#include "sim/ike_header.h"
#include "sim/ip_packet.h"

namespace segw::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kLookInterval = milliseconds(100);
// Ages are counted at both ends, from the first and the last message of an exchange.
constexpr Duration kAgeMargin = seconds(2);
// What the gateway waits before it gives a client up: for each liveness check 30 s of repetitions.
constexpr Duration kGivenUpAfter = seconds(30);
// An answer waits for the in-sync set: until grants of the active before have surely run out, and
// some more.
constexpr Duration kCommitMargin = seconds(2);
constexpr size_t kKept = 2;  // of one client: the IKE SA, and the one before its rekey

// A request of the client, and where it arrived.
struct Asked {
  uint32_t id = 0;
  std::map<HostId, Instant> reached;  // ISAs that act, and do since, with a segwd that runs
  bool answered = false;
};

// The active holds it no more.
struct Gone {
  Instant at{};
  HostId by = 0;
  Duration silence{};  // since the client's last packet arrived there
};

struct Tunnel {
  std::string client;
  IpAddress outer;
  uint64_t initiator_spi = 0;
  uint64_t responder_spi = 0;
  bool client_began = false;
  Instant told_at{};
  Instant made_at{};              // its keys: no table had it before
  std::set<HostId> holders;       // that run, as last seen
  std::set<HostId> split_served;  // had IKE messages of it while two acted, until that is merged
  // Initiator SPIs of what one that does not hold it authenticated while one that does acted too.
  std::set<uint64_t> begun_beside;
  bool moved_in_split = false;
  bool unclean = false;  // an unclean takeover by one that knew less than the client was told
  bool all_crashed = false;
  std::optional<uint32_t> last_answer, last_request;  // message IDs of what left for the client
  std::optional<Asked> asked;
  std::optional<Gone> gone;

  [[nodiscard]] IkeSpi gateways() const {
    return IkeSpi{client_began ? responder_spi : initiator_spi};
  }
};

std::string_view text(ClientLoss::Kind kind) {
  switch (kind) {
    case ClientLoss::Kind::NoAnswer:
      return "its requests are not answered";
    case ClientLoss::Kind::IkeDeleted:
      return "the gateway deleted it";
    case ClientLoss::Kind::ChildDeleted:
      return "the gateway deleted its last CHILD SA";
    case ClientLoss::Kind::Replaced:
      return "the gateway began another";
  }
  return "";
}

class TunnelKept final : public Checker {
 public:
  explicit TunnelKept(const CheckerView& view) : Checker(view, "tunnel_kept") {}

  void add_to(CheckerCounts& counts) const override {
    counts.tunnels_told += told_;
    for (size_t i = 0; i < excused_.size(); ++i) counts.excused.at(i) += excused_.at(i);
  }

  void on_client_told(const ClientIke& ike) override {
    ++told_;
    std::vector<Tunnel>& kept = tunnels_[ike.outer];
    if (kept.size() == kKept) kept.erase(kept.begin());
    kept.push_back(Tunnel{.client = std::string(ike.client),
                          .outer = ike.outer,
                          .initiator_spi = ike.initiator_spi,
                          .responder_spi = ike.responder_spi,
                          .client_began = ike.client_began,
                          .told_at = view().world.now(),
                          .made_at = {},
                          .holders = {},
                          .split_served = {},
                          .begun_beside = {},
                          .last_answer = {},
                          .last_request = {},
                          .asked = {},
                          .gone = {}});
    Tunnel& tunnel = kept.back();
    tunnel.made_at = made_at(tunnel.gateways());
    look_at(tunnel);
    // IKE messages have made it before the client knew of it: those of the one that acts and holds
    // it.
    if (view().roles.acting_count() < 2) return;
    std::vector<HostId> made_by;
    std::ranges::copy_if(tunnel.holders, std::back_inserter(made_by),
                         [&](HostId host) { return view().roles.acting(host); });
    if (made_by.size() == 1) tunnel.split_served.insert(made_by.front());
  }

  void on_client_lost(const ClientIke& ike, const ClientLoss& loss) override {
    std::vector<Tunnel>& kept = tunnels_[ike.outer];
    const auto at = std::ranges::find_if(kept, [&](const Tunnel& tunnel) {
      return tunnel.initiator_spi == ike.initiator_spi && tunnel.responder_spi == ike.responder_spi;
    });
    if (at == kept.end()) return;
    look_at(*at);
    if (const auto excuse = excuse_of(*at, loss)) {
      ++excused_.at(static_cast<size_t>(*excuse));
    } else {
      violate(describe(*at, loss));
    }
    kept.clear();
  }

  void on_isa_in(HostId host, platform::Side side, ByteView packet) override {
    if (side != platform::Side::Public || !view().roles.acting(host)) return;
    const auto from = source_of(packet);
    const auto kept = from ? tunnels_.find(*from) : tunnels_.end();
    if (kept == tunnels_.end()) return;
    heard_[{host, *from}] = view().world.now();
    const auto ike = ike_of(packet);
    const auto header = ike ? decode_ike_header(ike->bytes) : std::nullopt;
    Tunnel* tunnel = header ? find(kept->second, *header, Sender::Client) : nullptr;
    if (tunnel == nullptr) return;
    if (view().roles.acting_count() > 1) {
      tunnel->split_served.insert(host);
      tunnel->moved_in_split |= tunnel->split_served.size() > 1;
    }
    if (header->response || !hears(*view().hosts[host])) return;
    if (!tunnel->asked || tunnel->asked->id != header->message_id) {
      tunnel->asked = Asked{.id = header->message_id, .reached = {}};
    }
    tunnel->asked->reached.try_emplace(host, view().world.now());
  }

  void on_isa_out(HostId host, platform::Side side, ByteView packet) override {
    if (side != platform::Side::Public) return;
    const auto ike = ike_of(packet);
    const auto to = ike ? destination_of(packet) : std::nullopt;
    const auto kept = to ? tunnels_.find(*to) : tunnels_.end();
    if (kept == tunnels_.end()) return;
    const auto header = decode_ike_header(ike->bytes);
    if (header) note_begun(host, *header, kept->second);
    Tunnel* tunnel = header ? find(kept->second, *header, Sender::Gateway) : nullptr;
    if (tunnel == nullptr) return;
    auto& last = header->response ? tunnel->last_answer : tunnel->last_request;
    last = std::max(last.value_or(0), header->message_id);
    if (!header->response || !tunnel->asked) return;
    tunnel->asked->answered |= tunnel->asked->id == header->message_id;
  }

  void on_isa_told(HostId host, const isa::ToIsa& message) override {
    if (ends_acting(message)) stops_acting(host);
    if (!makes_act(message) || !acting_.insert(host).second) return;
    if (takeovers_.clean(*view().hosts[host], view().network)) return;
    each([&](Tunnel& tunnel) { tunnel.unclean |= !knows_all(host, tunnel); });
  }
  void on_isa_stopped(HostId host) override { stops_acting(host); }

  void on_crash(HostId host) override {
    each([&](Tunnel& tunnel) {
      // What was told by one of two that acted at once the other one does not know.
      tunnel.moved_in_split |= tunnel.split_served.contains(host);
      if (tunnel.holders.erase(host) != 0 && tunnel.holders.empty()) tunnel.all_crashed = true;
    });
  }
  void on_disk_lost(HostId host) override { disk_lost_[host] = view().world.now(); }
  void on_operator_ends() override { operator_ends_ = true; }

  void after_event() override {
    if (view().world.now() < next_look_) return;
    next_look_ = view().world.now() + kLookInterval;
    note_made();
    each([this](Tunnel& tunnel) { look_at(tunnel); });
  }

 private:
  template <typename Call>
  void each(Call call) {
    for (auto& [outer, kept] : tunnels_) {
      for (Tunnel& tunnel : kept) call(tunnel);
    }
  }

  void note_made() {
    for (const SimHost* host : view().hosts) {
      const chassis::Chassis* chassis = host->chassis();
      const auto* state = chassis == nullptr ? nullptr : chassis->group_state(view().group);
      if (state == nullptr) continue;
      for (const auto& [spi, sa] : state->ike_sas) made_.try_emplace(spi, view().world.now());
    }
  }
  [[nodiscard]] Instant made_at(IkeSpi spi) const {
    const auto at = made_.find(spi);
    return (at == made_.end() ? view().world.now() : at->second) - kLookInterval;
  }

  enum class Sender : uint8_t { Client, Gateway };
  static Tunnel* find(std::vector<Tunnel>& kept, const IkeHeader& header, Sender sender) {
    const auto at = std::ranges::find_if(kept, [&](const Tunnel& tunnel) {
      return tunnel.initiator_spi == header.initiator_spi &&
             tunnel.responder_spi == header.responder_spi &&
             (header.from_initiator == tunnel.client_began) == (sender == Sender::Client);
    });
    return at == kept.end() ? nullptr : &*at;
  }

  static bool hears(const SimHost& host) { return !host.paused() && !host.isa_hangs(); }

  void stops_acting(HostId host) {
    acting_.erase(host);
    each([&](Tunnel& tunnel) {
      if (tunnel.asked) tunnel.asked->reached.erase(host);
    });
  }

  [[nodiscard]] bool held_by(HostId host, const Tunnel& tunnel) const {
    const chassis::Chassis* chassis = view().hosts[host]->chassis();
    const auto* state = chassis == nullptr ? nullptr : chassis->group_state(view().group);
    return state != nullptr && state->ike_sas.contains(tunnel.gateways());
  }

  // The client cannot know that this chassis lacks what another one serves (redundancy rule 17).
  void note_begun(HostId host, const IkeHeader& header, std::vector<Tunnel>& kept) {
    if (header.exchange != kIkeAuth || header.response || !header.from_initiator) return;
    for (Tunnel& tunnel : kept) {
      const bool served = std::ranges::any_of(acting_, [&](HostId other) {
        return other != host && view().roles.acting(other) && held_by(other, tunnel);
      });
      if (served && !held_by(host, tunnel)) tunnel.begun_beside.insert(header.initiator_spi);
    }
  }

  // It takes over uncleanly, but has what the client was told last.
  [[nodiscard]] bool knows_all(HostId host, const Tunnel& tunnel) const {
    if (!held_by(host, tunnel)) return false;
    const auto& sas = view().hosts[host]->chassis()->group_state(view().group)->ike_sas;
    const ike::IkeSa& sa = sas.at(tunnel.gateways());
    return (!tunnel.last_answer || sa.next_request_in > *tunnel.last_answer) &&
           (!tunnel.last_request || sa.next_request_out > *tunnel.last_request);
  }

  void look_at(Tunnel& tunnel) {
    const Instant now = view().world.now();
    std::optional<HostId> forgot;
    bool held_by_active = false;
    for (const SimHost* host : view().hosts) {
      const HostId id = host->id();
      if (tunnel.asked && !hears(*host)) tunnel.asked->reached.erase(id);
      const bool acts = acting_.contains(id);
      if (held_by(id, tunnel)) {
        tunnel.holders.insert(id);
        held_by_active |= acts;
      } else if (tunnel.holders.erase(id) != 0 && acts) {
        forgot = id;
      }
    }
    if (held_by_active) tunnel.gone.reset();
    if (forgot && !held_by_active) {
      const auto heard = heard_.find({*forgot, tunnel.outer});
      const Instant since = heard == heard_.end() ? tunnel.told_at : heard->second;
      tunnel.gone = Gone{.at = now, .by = *forgot, .silence = now - since};
    }
    if (tunnel.split_served.empty() || !merged(tunnel)) return;
    // The release before cannot merge what the loser did.
    const SimHost& active = *view().hosts[*acting_.begin()];
    tunnel.moved_in_split |= std::ranges::any_of(tunnel.split_served, [&](HostId host) {
      return host != active.id() && (active.older() || view().hosts[host]->older());
    });
    tunnel.split_served.clear();
  }

  // One acts again, and what served the tunnel in the split is in sync with it.
  [[nodiscard]] bool merged(const Tunnel& tunnel) const {
    if (view().roles.acting_count() != 1 || acting_.size() != 1) return false;
    const HostId active = *acting_.begin();
    const auto members = view_group(*view().hosts[active], view().network).members;
    return std::ranges::all_of(
        tunnel.split_served, [&](HostId host) { return host == active || members.contains(host); });
  }

  [[nodiscard]] std::optional<LossExcuse> excuse_of(const Tunnel& tunnel,
                                                    const ClientLoss& loss) const {
    if (loss.ending) return LossExcuse::Ended;
    const bool deleted =
        loss.kind == ClientLoss::Kind::IkeDeleted || loss.kind == ClientLoss::Kind::ChildDeleted;
    if (operator_ends_ && deleted) return LossExcuse::Ended;
    if (tunnel.unclean) return LossExcuse::Unclean;
    if (tunnel.all_crashed) return LossExcuse::AllCrashed;
    if (tunnel.moved_in_split) return LossExcuse::MovedInSplit;
    const bool replaced = loss.kind == ClientLoss::Kind::Replaced;
    if (replaced && tunnel.begun_beside.contains(loss.by)) return LossExcuse::MovedInSplit;
    // Redundancy rule 13: it may not seal what it held before, and the client cannot be asked.
    const bool lost_disk = std::ranges::any_of(disk_lost_, [&](const auto& entry) {
      return entry.second > tunnel.made_at && acting_.contains(entry.first);
    });
    if (lost_disk) return LossExcuse::LostDisk;
    if (ended_by_age(tunnel, loss)) return LossExcuse::Lifetime;
    if (tunnel.gone && tunnel.gone->silence > kGivenUpAfter) return LossExcuse::Silent;
    if (loss.kind == ClientLoss::Kind::NoAnswer) return unanswered(tunnel, loss);
    return std::nullopt;
  }

  [[nodiscard]] bool ended_by_age(const Tunnel& tunnel, const ClientLoss& loss) const {
    const Timing& timing = view().timing;
    if (loss.kind == ClientLoss::Kind::ChildDeleted) {
      return loss.age + kAgeMargin > timing.child_lifetime;
    }
    const Duration later = tunnel.gone ? view().world.now() - tunnel.gone->at : Duration{};
    return loss.age - later + kAgeMargin > timing.ike_lifetime;
  }

  // Excused if no request arrived where it could be answered in time, or answers were lost.
  [[nodiscard]] std::optional<LossExcuse> unanswered(const Tunnel& tunnel,
                                                     const ClientLoss& loss) const {
    const bool asked = tunnel.asked && tunnel.asked->id == loss.request;
    if (asked && tunnel.asked->answered) {
      const PacketWorld& packets = view().packets;
      const bool lossy = packets.client_link_bad() || packets.client_link_mended() > loss.asked_at;
      return lossy ? std::optional(LossExcuse::AnswerLost) : std::nullopt;
    }
    const Duration commit =
        (2 * view().timing.hold + view().timing.keep_alive) * 11 / 10 + kCommitMargin;
    const bool in_time =
        asked && std::ranges::any_of(tunnel.asked->reached, [&](const auto& entry) {
          return view().world.now() - entry.second > commit;
        });
    return in_time ? std::nullopt : std::optional(LossExcuse::Unreached);
  }

  [[nodiscard]] std::string describe(const Tunnel& tunnel, const ClientLoss& loss) const {
    const Instant now = view().world.now();
    std::string why = fmt::format(
        "{} has to authenticate again: it was told {} ms ago that IKE SA {:016x}/{:016x} stands, "
        "and {}",
        tunnel.client, (now - tunnel.told_at) / milliseconds(1), tunnel.initiator_spi,
        tunnel.responder_spi, text(loss.kind));
    if (loss.kind == ClientLoss::Kind::NoAnswer) why += fmt::format(" (ID {})", loss.request);
    for (const HostId host : tunnel.holders) why += fmt::format("; {} holds it", host_name(host));
    if (tunnel.asked && loss.kind == ClientLoss::Kind::NoAnswer) {
      for (const auto& [host, at] : tunnel.asked->reached) {
        why +=
            fmt::format("; {} was asked {} ms ago", host_name(host), (now - at) / milliseconds(1));
      }
      if (tunnel.asked->answered) why += "; it was answered";
    }
    if (!tunnel.gone) return why;
    return why + fmt::format("; {} forgot it {} ms ago, {} ms after it heard of the client",
                             host_name(tunnel.gone->by), (now - tunnel.gone->at) / milliseconds(1),
                             tunnel.gone->silence / milliseconds(1));
  }

  std::map<IpAddress, std::vector<Tunnel>> tunnels_;  // by the client's outer address, oldest first
  std::map<std::pair<HostId, IpAddress>, Instant> heard_;
  std::set<HostId> acting_;
  std::map<HostId, Instant> disk_lost_;
  std::map<IkeSpi, Instant> made_;  // when a table had it first
  bool operator_ends_ = false;
  Takeovers takeovers_;
  Instant next_look_{};
  uint64_t told_ = 0;
  std::array<uint64_t, kLossExcuses.size()> excused_{};
};

}  // namespace

std::unique_ptr<Checker> make_tunnel_kept(const CheckerView& view) {
  return std::make_unique<TunnelKept>(view);
}

}  // namespace segw::sim
