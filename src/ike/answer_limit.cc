#include "ike/answer_limit.h"

#include <algorithm>

namespace segw::ike {

bool AnswerLimit::admit(const IpAddress& remote, Instant now) {
  while (!answered_.empty() && now - answered_.front().first >= kOneSource) answered_.pop_front();
  size_t lately = 0;
  for (const auto& [at, address] : answered_) {
    if (address == remote) return false;
    if (now - at < std::chrono::seconds(1)) ++lately;
  }
  if (lately >= kPerSecond) return false;
  answered_.emplace_back(now, remote);
  return true;
}

}  // namespace segw::ike
