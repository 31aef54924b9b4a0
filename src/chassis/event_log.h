#pragma once

// The chassis' own memory of its events (`show log log-id 99`), in front of the platform's log.

#include <deque>
#include <string>
#include <string_view>

#include "chassis/events.h"
#include "chassis/status.h"
#include "platform/platform.h"

namespace segw::chassis {

class EventLog final : public platform::Log {
 public:
  EventLog(platform::Log& next, platform::Clock& clock) : next_(next), clock_(clock) {}
  // An event of the guide, by its name, has the guide's severity; others that of the caller.
  void event(platform::Severity severity, std::string_view name, std::string text) override;
  // `subject`: whom it concerns, as the guide's log names it; may be empty.
  void raise(Event event, std::string subject, std::string text);
  [[nodiscard]] const std::deque<LogEntry>& entries() const { return entries_; }  // newest first

 private:
  void add(LogEntry entry);

  static constexpr size_t kCapacity = 500;
  platform::Log& next_;
  platform::Clock& clock_;
  std::deque<LogEntry> entries_;
  uint64_t next_number_ = 1;
};

}  // namespace segw::chassis
