#include "chassis/event_log.h"

namespace segw::chassis {
namespace {

std::string_view text(platform::Severity severity) {
  switch (severity) {
    case platform::Severity::Debug:
      return "DEBUG";
    case platform::Severity::Info:
      return "INFO";
    case platform::Severity::Minor:
      return "MINOR";
    case platform::Severity::Warning:
      return "WARNING";
    case platform::Severity::Major:
      return "MAJOR";
    case platform::Severity::Critical:
      return "CRITICAL";
  }
  return "";
}

}  // namespace

void EventLog::event(platform::Severity severity, std::string_view name, std::string event_text) {
  if (entries_.size() == kCapacity) entries_.pop_back();
  entries_.push_front(LogEntry{.number = next_number_++,
                               .at = clock_.wall(),
                               .severity = std::string(text(severity)),
                               .name = std::string(name),
                               .text = event_text});
  next_.event(severity, name, std::move(event_text));
}

}  // namespace segw::chassis
