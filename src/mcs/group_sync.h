#pragma once

// One group on the links of all its peers. The writer has a journal and a feed for each peer:
//
//   writer                                      reader
//     | Base{activation} -----------------------> |  a writer begins, or the link came up
//     | <------------------------- Want{position} |
//     |   can resume: Records from there           |
//     |   else: NeedDigests ---------------------> |
//     | <--------------------------------- Digests |
//     |   a reader that wrote itself: Fetch{keys} > |
//     | <---------------- Offer{records, edges} … |  merged; NeedDigests again
//     |   Copy{what differs} … CopyEnd{keys} ----> |  forgets what is not among the keys
//     | Records{n…} -----------------------------> |  applied in order
//     | <------------------------ Ack{n, unusable} |
//     | Windows, Handover (in this order) <------> |
//
// A reader follows one writer: the one with the newest activation.

#include <deque>
#include <memory>
#include <vector>

#include "mcs/feed.h"

namespace segw::mcs {

constexpr size_t kPeersMax = 3;

class GroupSyncImpl final : public GroupSync, FeedGroup {
 public:
  GroupSyncImpl(platform::Platform& platform, TunnelGroupId group, GroupHost& host);

  void attach(PeerLink& link, PeerIndex peer, GroupName name) override;
  void become_writer(Activation activation) override;
  void become_reader() override;
  void commit(std::vector<Record> records, platform::Callback then) override;
  void members_changed() override { drain(); }
  void send_windows(const std::vector<esp::SaWindow>& windows) override;
  void send_handover(PeerIndex peer, const Handover& message) override;
  [[nodiscard]] SyncState sync_state(PeerIndex peer) const override;
  [[nodiscard]] bool journal_flushed(PeerIndex peer) const override;
  [[nodiscard]] Position position() const override;
  [[nodiscard]] uint64_t peer_unusable(PeerIndex peer) const override;
  [[nodiscard]] bool merging() const override;
  [[nodiscard]] const ConfigComparison& config(PeerIndex peer) const override;

 private:
  // FeedGroup
  [[nodiscard]] bool writes() const override { return writer_; }
  [[nodiscard]] const Journal& journal() const override { return journal_; }
  [[nodiscard]] uint64_t copy_base() const override;
  [[nodiscard]] Position held() const override { return base_; }
  void set_held(Position held) override { base_ = held; }
  [[nodiscard]] TunnelGroupId id() const override { return group_; }
  [[nodiscard]] GroupHost& host() override { return host_; }
  void on_progress() override { drain(); }
  void on_link(Feed& feed, bool up) override;
  void on_message(Feed& feed, const pb::Group& message) override;

  [[nodiscard]] Feed* feed(PeerIndex peer) const;
  enum class Telling : uint8_t { Wait, LookAgain, Now };
  Telling may_tell(uint64_t number);
  void drain();
  // Reader.
  void on_base(Feed& from, const pb::Base& base);
  void on_stale(Feed& from, const pb::Stale& stale);
  void follow(Feed* writer);
  void follow_newest();
  void want();
  void forget_copy();
  void send_stale(Feed& to) const;
  void on_need_digests(Feed& from);
  void on_fetch(Feed& from, const pb::Fetch& fetch);
  void on_copy(Feed& from, const pb::Copy& copy);
  void on_copy_end(Feed& from, const pb::CopyEnd& end);
  void on_records(Feed& from, const pb::Records& records);
  void on_windows(Feed& from, const pb::Windows& windows);
  void on_handover(Feed& from, const pb::Handover& message);
  bool take(Feed& from, const pb::Record& record, Origin origin, std::string& unusable);
  [[nodiscard]] bool holds_of_source() const;

  platform::Platform& platform_;
  TunnelGroupId group_;
  GroupHost& host_;
  std::vector<std::unique_ptr<Feed>> feeds_;  // in the host's order

  bool writer_ = false;
  Activation highest_;  // activation seen, of any writer

  Position base_;  // writer: the end of another's journal, all of which we hold
  Journal journal_;
  struct Waiting {
    uint64_t number;
    platform::Callback then;
  };
  std::deque<Waiting> waiting_;

  const Feed* held_from_ = nullptr;  // whose journal `held_` is a position of
  Position held_;                    // reader: everything up to here
  Feed* source_ = nullptr;           // reader: the writer that we follow
  bool copying_ = false;             // reader: between Base and CopyEnd
  uint64_t copy_unusable_ = 0;
  bool lacks_something_ = false;  // of what is held: a record could not be used
  Position tail_;                 // the end of what we wrote, until a copy has taken its place;
                                  // its number may be 0: after a renewed role
  std::set<IkeSpi> keep_ike_;     // keys that CopyEnd named so far
  std::set<Spi> keep_children_;

  platform::Post post_;
};

}  // namespace segw::mcs
