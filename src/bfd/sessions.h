#pragma once

// The chassis' end of BFD: a Service in the prompt loop, and its news in the chassis' loop.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bfd/service.h"

namespace segw::bfd {

struct Status {
  std::vector<SessionStatus> sessions;  // by the order of add()
  std::map<std::string, uint64_t> discarded;
  Duration latest{};  // the longest that a timer was late
};

class Sessions {
 public:
  // `heard` runs in the chassis' loop, for every change of a session's state, in order; never after
  // this object's end.
  Sessions(platform::PromptLoop& loop, std::function<void(const News&)> heard);
  Sessions(const Sessions&) = delete;
  Sessions& operator=(const Sessions&) = delete;
  ~Sessions();  // tells the remote systems Down

  // As Service::add().
  Result<void> add(const PeerSettings& settings);
  // As Service::renew_keys().
  void renew_keys(size_t session, const Keys& keys);
  [[nodiscard]] Status status() const;

 private:
  platform::PromptLoop& loop_;
  // Read in the chassis' loop only.
  std::shared_ptr<std::function<void(const News&)>> heard_;
  std::unique_ptr<Service> service_;  // touched in the prompt loop only
};

}  // namespace segw::bfd
