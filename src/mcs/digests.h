#pragma once

// What two chassis compare: one digest for each SA of a group.

#include <deque>
#include <optional>
#include <utility>

#include "mcs/group_link.h"

namespace segw::mcs {

// A digest takes some microseconds of the one thread: keep-alives must not wait for all of them.
constexpr size_t kDigestsAtOnce = 512;
constexpr Duration kBreath = std::chrono::milliseconds(1);
constexpr size_t kUnsentMax = size_t{8} << 20;  // beyond: wait until the peer has taken some
constexpr Duration kUnsentPoll = std::chrono::milliseconds(5);

using DigestKey = std::pair<bool, uint64_t>;  // (is a CHILD SA, our SPI)

[[nodiscard]] std::deque<DigestKey> all_keys(const GroupState& state);
[[nodiscard]] std::optional<uint64_t> digest_of(const GroupState& state, const DigestKey& key,
                                                uint32_t version);
// The SA as a record; nothing if it is gone.
[[nodiscard]] std::optional<Record> record_of(const GroupState& state, const DigestKey& key);

// An empty frame for the group.
[[nodiscard]] pb::Frame frame_for(const GroupName& name);

// Answers NeedDigests, some at a time.
class DigestSender {
 public:
  DigestSender(platform::Platform& platform, GroupLink& link, const GroupName& name,
               const GroupHost& host)
      : link_(link), name_(name), host_(host), timer_(platform, [this] { send_some(); }) {}

  void begin();
  void stop();
  [[nodiscard]] bool busy() const { return !keys_.empty(); }

 private:
  void send_some();

  GroupLink& link_;
  const GroupName& name_;
  const GroupHost& host_;
  std::deque<DigestKey> keys_;
  platform::Timer timer_;
};

// Answers Fetch: the records that were asked for, what clients deleted, and all edges.
class OfferSender {
 public:
  OfferSender(platform::Platform& platform, GroupLink& link, const GroupName& name, GroupHost& host)
      : link_(link), name_(name), host_(host), timer_(platform, [this] { send_some(); }) {}

  void want(const DigestKey& key) { keys_.push_back(key); }
  [[nodiscard]] size_t wanted() const { return keys_.size(); }
  void begin();
  void stop();
  [[nodiscard]] bool busy() const { return busy_; }

 private:
  void send_some();
  bool fill(pb::Offer& offer);

  GroupLink& link_;
  const GroupName& name_;
  GroupHost& host_;
  bool busy_ = false;
  std::deque<DigestKey> keys_;
  std::deque<Record> gone_;
  std::deque<esp::SaWindow> windows_;
  platform::Timer timer_;
};

}  // namespace segw::mcs
