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
  if (const EventKind* const kind = find_event(name)) {
    raise(kind->event, "", std::move(event_text));
    return;
  }
  add(LogEntry{.at = clock_.wall(),
               .severity = std::string(text(severity)),
               .application = {},
               .subject = {},
               .name = std::string(name),
               .text = event_text});
  next_.event(severity, name, std::move(event_text));
}

void EventLog::raise(Event event, std::string subject, std::string event_text) {
  const EventKind& kind = kind_of(event);
  add(LogEntry{.at = clock_.wall(),
               .severity = std::string(text(kind.severity)),
               .application = std::string(kind.application),
               .id = kind.id,
               .subject = std::move(subject),
               .name = std::string(kind.name),
               .text = event_text});
  next_.event(kind.severity, kind.name, std::move(event_text));
}

void EventLog::add(LogEntry entry) {
  if (entries_.size() == kCapacity) entries_.pop_back();
  entry.number = next_number_++;
  entries_.push_front(std::move(entry));
}

}  // namespace segw::chassis
