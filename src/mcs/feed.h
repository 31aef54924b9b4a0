#pragma once

// The group on the link to one peer, as its writer sees it: what the peer holds, and how it is
// brought there. What a reader says and hears besides goes to the group.

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "mcs/config_exchange.h"
#include "mcs/digests.h"
#include "mcs/group_link.h"
#include "mcs/journal.h"

namespace segw::mcs {

constexpr size_t kKeysMax = 524288;  // in a comparison, and of each kind in a copy

class Feed;

// What a feed uses of its group.
class FeedGroup {
 public:
  virtual ~FeedGroup() = default;
  [[nodiscard]] virtual bool writes() const = 0;
  [[nodiscard]] virtual const Journal& journal() const = 0;
  // After a copy that is made now, the journal goes on after this number.
  [[nodiscard]] virtual uint64_t copy_base() const = 0;
  // The end of another writer's journal, all of which we hold.
  [[nodiscard]] virtual Position held() const = 0;
  virtual void set_held(Position held) = 0;
  [[nodiscard]] virtual TunnelGroupId id() const = 0;
  [[nodiscard]] virtual GroupHost& host() = 0;
  virtual void on_progress() = 0;  // a peer may hold more than before
  virtual void on_link(Feed& feed, bool up) = 0;
  // What is not for the writer's side of a feed.
  virtual void on_message(Feed& feed, const pb::Group& message) = 0;
};

class Feed final : public LinkUser {
 public:
  Feed(platform::Platform& platform, GroupLink& link, PeerIndex peer, GroupName name,
       FeedGroup& group);
  ~Feed() override;
  Feed(const Feed&) = delete;
  Feed& operator=(const Feed&) = delete;

  [[nodiscard]] PeerIndex peer() const { return peer_; }
  [[nodiscard]] bool up() const { return link_.up(); }
  void send(const pb::Frame& frame) { link_.send(frame); }
  [[nodiscard]] pb::Frame frame() const { return frame_for(name_); }
  void count(std::string_view name) { link_.counters_of_link().add(name); }

  // Writer.
  void restart();   // a new base: nothing is known of the peer
  void stop();      // not the writer any more
  void announce();  // the base
  void stream();
  void queue_windows(const std::vector<esp::SaWindow>& windows);
  [[nodiscard]] bool holds(uint64_t number) const;  // and could use everything
  [[nodiscard]] bool flushed() const;
  [[nodiscard]] bool synced() const { return synced_; }
  [[nodiscard]] uint64_t unusable() const { return unusable_; }
  void set_synced(bool synced);                                     // the host hears of a change
  [[nodiscard]] bool merging() const { return tail_.has_value(); }  // it offers what it did

  // Reader: the activation that the peer said it writes under, in this session.
  [[nodiscard]] Activation announced() const { return announced_; }
  // … and whose journal it holds all of.
  [[nodiscard]] Position announced_held() const { return announced_held_; }
  void set_announced(Activation activation, Position held) {
    announced_ = activation;
    announced_held_ = held;
  }
  DigestSender& digests() { return digest_sender_; }
  OfferSender& offers() { return offer_sender_; }

  // Either side.
  [[nodiscard]] const ConfigComparison& config() const { return config_.comparison(); }

  // LinkUser
  [[nodiscard]] const GroupName& name() const override { return name_; }
  void on_link(bool up) override;
  void on_message(const pb::Group& message) override;

 private:
  enum class State : uint8_t { Idle, Comparing, Fetching, Copying, Streaming };

  void on_timer();
  void on_want(const pb::Want& want);
  void resume(uint64_t after);
  void compare();
  void on_digests(const pb::Digests& digests);
  void compare_some();
  void end_comparison();
  void fetch();
  void on_offer(const pb::Offer& offer);
  void take_offered(const pb::Record& record);
  void compare_again();
  void copy_some();
  void end_copy();
  void on_ack(const pb::Ack& ack);
  void count_unusable(const std::string& reason);
  void send_all_windows();
  void flush_windows();
  void forget_comparison();

  GroupLink& link_;
  PeerIndex peer_;
  GroupName name_;
  FeedGroup& group_;

  State state_ = State::Idle;
  uint64_t sent_ = 0;   // last number given to the link
  uint64_t acked_ = 0;  // last number that the peer holds (or could not use)
  uint64_t unusable_ = 0;
  std::set<std::string> reasons_;
  bool synced_ = false;
  std::map<DigestKey, uint64_t> peer_digests_;
  std::deque<DigestKey> to_compare_;
  std::deque<DigestKey> to_copy_;
  std::optional<Position> tail_;  // the end of what it wrote itself; it is merged first
  Offer offer_;                   // as far as it came
  uint64_t copy_from_ = 0;        // the journal goes on after this number
  std::set<IkeSpi> copy_ike_;
  std::set<Spi> copy_children_;
  std::map<Spi, esp::SaWindow> windows_;
  Spi windows_sent_;  // the last one that left: the others come first

  Activation announced_;
  Position announced_held_;
  DigestSender digest_sender_;
  OfferSender offer_sender_;
  ConfigExchange config_;
  platform::Timer timer_;
  platform::Timer window_timer_;
  platform::Timer again_timer_;  // while something is unusable
};

}  // namespace segw::mcs
