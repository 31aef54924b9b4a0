#pragma once

#include <spdlog/spdlog.h>

#include <map>
#include <memory>
#include <string>

#include "platform/linux/loop.h"

namespace segw::platform::os {

// Events to standard error or a file; at most 10 a second of one name, the rest is counted.
class EventLogger final : public Log {
 public:
  EventLogger(Loop& loop, const std::string& file);
  void event(Severity severity, std::string_view name, std::string text) override;

 private:
  struct Budget {
    Instant since{};
    uint32_t used = 0;
    uint64_t left_out = 0;
  };
  Loop& loop_;
  std::shared_ptr<spdlog::logger> logger_;
  std::map<std::string, Budget, std::less<>> budgets_;
};

}  // namespace segw::platform::os
