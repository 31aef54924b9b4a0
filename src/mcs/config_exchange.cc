#include "mcs/config_exchange.h"

#include <algorithm>
#include <optional>
#include <string_view>

namespace segw::mcs {
namespace {

constexpr size_t kPartsPerMessage = 1024;
constexpr size_t kSettingsPerMessage = 2048;
constexpr size_t kAskedMax = 1024;  // characters of a path; the answer repeats it
constexpr size_t kPathMax = 256;

using Entries = google::protobuf::RepeatedPtrField<pb::ConfigEntry>;

// The peer's word, for the operator's terminal.
std::string shown(std::string_view path) {
  std::string text(path.substr(0, kPathMax));
  std::ranges::replace_if(text, [](char c) { return c < ' ' || c > '~'; }, '?');
  return text;
}

bool rises(const Entries& entries, std::string_view after) {
  for (const pb::ConfigEntry& entry : entries) {
    if (std::string_view(entry.path()) <= after) return false;
    after = entry.path();
  }
  return true;
}

enum class Side : uint8_t { Here, There, Both };

// Two lists by path; `tell` gets what only one of them has, and what both have otherwise.
template <typename Ours, typename Tell>
void compare(const Ours& ours, const Entries& theirs, const Tell& tell) {
  auto here = ours.begin();
  auto there = theirs.begin();
  while (here != ours.end() || there != theirs.end()) {
    if (there == theirs.end() || (here != ours.end() && here->path < there->path())) {
      tell(Side::Here, here->path);
      ++here;
    } else if (here == ours.end() || there->path() < here->path) {
      tell(Side::There, there->path());
      ++there;
    } else {
      if (here->digest != there->digest()) tell(Side::Both, here->path);
      ++here;
      ++there;
    }
  }
}

std::string described(Side side, std::string_view path) {
  switch (side) {
    case Side::Here:
      return shown(path) + " (only here)";
    case Side::There:
      return shown(path) + " (only at the peer)";
    case Side::Both:
      break;
  }
  return shown(path);
}

}  // namespace

void ConfigExchange::on_link(bool up) {
  asking_ = Asking::Nothing;
  if (!up) return;
  if (link_.version() < kVersionWithConfig) return finish({});  // it will not tell
  pb::Frame out = frame_for(name_);
  out.mutable_group()->mutable_config_digest()->set_digest(host_.shared_config().digest());
  link_.send(out);
}

void ConfigExchange::on_digest(const pb::ConfigDigest& digest) {
  found_ = {};
  differing_.clear();
  if (digest.digest() == host_.shared_config().digest()) {
    found_.result = ConfigComparison::Result::Equal;
    return finish(std::move(found_));
  }
  found_.result = ConfigComparison::Result::Differs;
  ask_parts("");
}

void ConfigExchange::on_ask(const pb::ConfigAsk& ask) {
  const bool too_long = ask.after().size() > kAskedMax || ask.part().size() > kAskedMax;
  if (too_long || link_.unsent() > kUnsentMax)
    return link_.counters_of_link().add("config-ask-dropped");
  const SharedConfig& config = host_.shared_config();
  pb::Frame out = frame_for(name_);
  if (!ask.part().empty()) {
    pb::ConfigSettings& answer = *out.mutable_group()->mutable_config_settings();
    answer.set_part(ask.part());
    const ConfigPart* part = config.find(ask.part());
    const auto settings = part != nullptr ? part->settings() : std::vector<ConfigSetting>{};
    for (size_t i = 0; i < std::min(settings.size(), kSettingsPerMessage); ++i) {
      pb::ConfigEntry& entry = *answer.add_entries();
      entry.set_path(settings[i].path);
      entry.set_digest(settings[i].digest);
    }
    return link_.send(out);
  }
  pb::ConfigParts& answer = *out.mutable_group()->mutable_config_parts();
  answer.set_after(ask.after());
  auto at = std::ranges::upper_bound(config.parts(), ask.after(), {}, &ConfigPart::path);
  for (size_t i = 0; i < kPartsPerMessage && at != config.parts().end(); ++i, ++at) {
    pb::ConfigEntry& entry = *answer.add_entries();
    entry.set_path(at->path);
    entry.set_digest(at->digest);
  }
  answer.set_last(at == config.parts().end());
  link_.send(out);
}

void ConfigExchange::ask_parts(std::string after) {
  asking_ = Asking::Parts;
  after_ = std::move(after);
  pb::Frame out = frame_for(name_);
  out.mutable_group()->mutable_config_ask()->set_after(after_);
  link_.send(out);
}

bool ConfigExchange::enough() const {
  return found_.paths.size() + differing_.size() > kDifferencesMax;
}

void ConfigExchange::on_parts(const pb::ConfigParts& parts) {
  const bool asked = asking_ == Asking::Parts && parts.after() == after_;
  const bool goes_on = parts.last() || parts.entries_size() > 0;
  if (!asked || !goes_on || !rises(parts.entries(), after_)) {
    return link_.counters_of_link().add("config-parts-unasked");
  }
  const auto& all = host_.shared_config().parts();
  const auto begin = std::ranges::upper_bound(all, after_, {}, &ConfigPart::path);
  const auto end = parts.last() ? all.end()
                                : std::ranges::upper_bound(all, parts.entries().rbegin()->path(),
                                                           {}, &ConfigPart::path);
  compare(std::ranges::subrange(begin, end), parts.entries(),
          [&](Side side, std::string_view path) {
            if (enough()) return;
            if (side == Side::Both) {
              differing_.emplace_back(path);
            } else {
              found_.paths.push_back(described(side, path));
            }
          });
  if (parts.last() || enough()) return ask_next_settings();
  ask_parts(parts.entries().rbegin()->path());
}

void ConfigExchange::ask_next_settings() {
  if (differing_.empty() || found_.paths.size() > kDifferencesMax) {
    return finish(std::move(found_));
  }
  asking_ = Asking::Settings;
  pb::Frame out = frame_for(name_);
  out.mutable_group()->mutable_config_ask()->set_part(differing_.front());
  link_.send(out);
}

void ConfigExchange::on_settings(const pb::ConfigSettings& settings) {
  if (asking_ != Asking::Settings || settings.part() != differing_.front() ||
      !rises(settings.entries(), "")) {
    return link_.counters_of_link().add("config-settings-unasked");
  }
  const ConfigPart* part = host_.shared_config().find(differing_.front());
  const size_t before = found_.paths.size();
  compare(part->settings(), settings.entries(), [&](Side side, std::string_view path) {
    if (found_.paths.size() <= kDifferencesMax) found_.paths.push_back(described(side, path));
  });
  // Where one has more settings than are told: the part is all that can be said.
  if (found_.paths.size() == before) found_.paths.push_back(shown(part->path));
  differing_.pop_front();
  ask_next_settings();
}

void ConfigExchange::finish(ConfigComparison found) {
  asking_ = Asking::Nothing;
  found_ = {};
  differing_.clear();
  found.more = found.paths.size() > kDifferencesMax;
  if (found.more) found.paths.resize(kDifferencesMax);
  std::ranges::sort(found.paths);
  if (found == comparison_) return;
  comparison_ = std::move(found);
  host_.on_config_compared(peer_);
}

}  // namespace segw::mcs
