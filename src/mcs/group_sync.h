#pragma once

// One tunnel group on one peer link.
//
//   writer                                      reader
//     | Base{activation} -----------------------> |  a writer begins, or the link came up
//     | <------------------------- Want{position} |
//     |   can resume: Records from there           |
//     |   else: NeedDigests ---------------------> |
//     | <--------------------------------- Digests |
//     |   Copy{what differs} … CopyEnd{keys} ----> |  forgets what is not among the keys
//     | Records{n…} -----------------------------> |  applied in order
//     | <------------------------ Ack{n, unusable} |
//     | Windows, Handover (in this order) <------> |

#include <deque>
#include <map>
#include <optional>
#include <string>

#include "mcs/journal.h"
#include "mcs/mcs_codec.h"
#include "mcs/mcs_service.h"

namespace segw::mcs {

constexpr size_t kKeysMax = 524288;  // in a comparison, and of each kind in a copy
// A digest takes some microseconds of the one thread: keep-alives must not wait for all of them.
constexpr size_t kDigestsAtOnce = 512;
constexpr Duration kBreath = std::chrono::milliseconds(1);
constexpr size_t kUnsentMax = size_t{8} << 20;  // beyond: wait until the peer has taken some
constexpr Duration kUnsentPoll = std::chrono::milliseconds(5);

// What a group uses of its link.
class GroupLink {
 public:
  virtual ~GroupLink() = default;
  virtual void send(const pb::Frame& frame) = 0;  // dropped while the link is down
  [[nodiscard]] virtual bool up() const = 0;
  [[nodiscard]] virtual size_t unsent() const = 0;
  virtual void forget(class GroupSyncImpl& group) = 0;
  [[nodiscard]] virtual Counters& counters_of_link() = 0;
  virtual void note(std::string text) = 0;  // into the link's history
};

class GroupSyncImpl final : public GroupSync {
 public:
  GroupSyncImpl(platform::Platform& platform, GroupLink& link, TunnelGroupId group,
                std::string sync_tag, GroupHost& host);
  ~GroupSyncImpl() override;

  void become_writer(Activation activation) override;
  void become_reader() override;
  void commit(std::vector<Record> records, platform::Callback then) override;
  void members_changed() override;
  void send_windows(std::vector<esp::SaWindow> windows) override;
  void send_handover(const Handover& message) override;
  [[nodiscard]] SyncState sync_state() const override;
  [[nodiscard]] bool journal_flushed() const override;
  [[nodiscard]] Position position() const override;
  [[nodiscard]] uint64_t peer_unusable() const override { return peer_unusable_; }

  // From the link.
  void on_link(bool up);
  void on_message(const pb::Group& message);
  [[nodiscard]] const std::string& sync_tag() const { return sync_tag_; }

 private:
  enum class Feed : uint8_t { Idle, Comparing, Copying, Streaming };  // the writer's side
  using DigestKey = std::pair<bool, uint64_t>;                        // (is a CHILD SA, key)

  [[nodiscard]] pb::Frame frame() const;
  [[nodiscard]] uint64_t before_grants() const;
  [[nodiscard]] std::deque<DigestKey> all_keys() const;
  [[nodiscard]] std::optional<uint64_t> digest_of(const DigestKey& key) const;
  void on_stream_timer();
  // Writer.
  void announce();
  void on_want(const pb::Want& want);
  void on_digests(const pb::Digests& digests);
  void compare_some();
  void copy_some();
  void end_copy();
  void stream();
  void on_ack(const pb::Ack& ack);
  void count_peer_unusable(const std::string& reason);
  void on_stale(const pb::Stale& stale);
  void drain();
  void set_peer_synced(bool synced);
  void flush_windows();
  void send_all_windows();
  // Reader.
  void on_base(const pb::Base& base);
  void want();
  void forget_copy();
  void send_digests();
  void digest_some();
  void on_copy(const pb::Copy& copy);
  void on_copy_end(const pb::CopyEnd& end);
  void on_records(const pb::Records& records);
  void on_windows(const pb::Windows& windows);
  void on_handover(const pb::Handover& message);
  bool take(const pb::Record& record, Origin origin, std::string& unusable);
  void count(std::string_view name) { link_.counters_of_link().add(name); }

  GroupLink& link_;
  TunnelGroupId group_;
  std::string sync_tag_;
  GroupHost& host_;

  bool writer_ = false;
  Activation highest_;  // activation seen, of any writer

  Journal journal_;
  Feed feed_ = Feed::Idle;
  uint64_t sent_ = 0;   // last number given to the link
  uint64_t acked_ = 0;  // last number that the peer holds (or could not use)
  uint64_t peer_unusable_ = 0;
  std::set<std::string> peer_reasons_;
  bool peer_synced_ = false;
  struct Waiting {
    uint64_t number;
    platform::Callback then;
  };
  std::deque<Waiting> waiting_;
  std::map<DigestKey, uint64_t> peer_digests_;
  std::deque<DigestKey> to_compare_;
  std::deque<DigestKey> to_copy_;
  uint64_t copy_from_ = 0;  // the journal goes on after this number
  std::set<IkeSpi> copy_ike_;
  std::set<Spi> copy_children_;
  std::map<Spi, esp::SaWindow> windows_;
  Spi windows_sent_;  // the last one that left: the others come first

  Position held_;         // reader: everything up to here
  bool copying_ = false;  // reader: between Base and CopyEnd
  uint64_t copy_unusable_ = 0;
  std::deque<DigestKey> to_digest_;
  std::set<IkeSpi> keep_ike_;  // keys that CopyEnd named so far
  std::set<Spi> keep_children_;

  platform::Timer stream_timer_;
  platform::Timer window_timer_;
  platform::Post post_;
};

}  // namespace segw::mcs
