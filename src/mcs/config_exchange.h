#pragma once

// Whether a peer has the same configuration for the group, and if not, where it differs. Each side
// does this for itself, whoever writes:
//
//   one                                     other
//     | ConfigDigest{of all} <------------> |  the link came up
//     |   another one than its own:         |
//     | ConfigAsk{after} ----------------->  |
//     | <-------- ConfigParts{path, digest} |  … page by page, until enough parts differ
//     | ConfigAsk{part} ------------------> |
//     | <----- ConfigSettings{path, digest} |  … part by part
//
// Only digests and paths are told, never a value. Whoever asks paces the answers.

#include <deque>
#include <string>

#include "mcs/digests.h"
#include "mcs/group_link.h"
#include "mcs/shared_config.h"

namespace segw::mcs {

class ConfigExchange {
 public:
  ConfigExchange(GroupLink& link, const GroupName& name, PeerIndex peer, GroupHost& host)
      : link_(link), name_(name), peer_(peer), host_(host) {}

  // What was known of the peer stays known until it says something else.
  void on_link(bool up);
  void on_digest(const pb::ConfigDigest& digest);
  void on_ask(const pb::ConfigAsk& ask);
  void on_parts(const pb::ConfigParts& parts);
  void on_settings(const pb::ConfigSettings& settings);

  [[nodiscard]] const ConfigComparison& comparison() const { return comparison_; }

 private:
  void ask_parts(std::string after);
  void ask_next_settings();
  void finish(ConfigComparison found);
  [[nodiscard]] bool enough() const;

  GroupLink& link_;
  const GroupName& name_;
  PeerIndex peer_;
  GroupHost& host_;
  ConfigComparison comparison_;  // the last one that ended
  ConfigComparison found_;       // of the one under way
  enum class Asking : uint8_t { Nothing, Parts, Settings } asking_ = Asking::Nothing;
  std::string after_;
  std::deque<std::string> differing_;  // parts that both have
};

}  // namespace segw::mcs
