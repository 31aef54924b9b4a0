#include "platform/linux/log.h"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

namespace segw::platform::os {
namespace {

constexpr uint32_t kPerSecond = 10;

spdlog::level::level_enum level_of(Severity severity) {
  switch (severity) {
    case Severity::Debug:
      return spdlog::level::debug;
    case Severity::Info:
    case Severity::Minor:
      return spdlog::level::info;
    case Severity::Warning:
      return spdlog::level::warn;
    case Severity::Major:
      return spdlog::level::err;
    case Severity::Critical:
      return spdlog::level::critical;
  }
  return spdlog::level::info;
}

}  // namespace

EventLogger::EventLogger(Loop& loop, const std::string& file) : loop_(loop) {
  std::shared_ptr<spdlog::sinks::sink> sink;
  if (file.empty()) {
    sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  } else {
    sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(file);
  }
  logger_ = std::make_shared<spdlog::logger>("segwd", std::move(sink));
  logger_->set_pattern("%Y-%m-%d %H:%M:%S.%e %l %v");
  logger_->flush_on(spdlog::level::debug);
}

void EventLogger::event(Severity severity, std::string_view name, std::string text) {
  Budget& budget = budgets_[std::string(name)];
  const Instant now = loop_.now();
  if (now - budget.since >= std::chrono::seconds(1)) {
    if (budget.left_out > 0) logger_->warn("{} {} more were left out", name, budget.left_out);
    budget = Budget{.since = now};
  }
  if (budget.used >= kPerSecond) {
    ++budget.left_out;
    return;
  }
  ++budget.used;
  logger_->log(level_of(severity), "{} {}", name, text);
}

}  // namespace segw::platform::os
