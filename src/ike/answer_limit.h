#pragma once

// How often strangers are answered with something that nobody asked for (RFC 7296 2.21.4: "A node
// needs to limit the rate at which it will send messages in response to unprotected messages").

#include <deque>
#include <utility>

#include "base/ip_address.h"
#include "base/time.h"

namespace segw::ike {

class AnswerLimit {
 public:
  static constexpr size_t kPerSecond = 10;                          // to all together
  static constexpr Duration kOneSource = std::chrono::seconds(10);  // between two to one address

  // True: this one may be answered, and counts.
  bool admit(const IpAddress& remote, Instant now);

 private:
  std::deque<std::pair<Instant, IpAddress>> answered_;  // of the last kOneSource, so bounded
};

}  // namespace segw::ike
