#include "cli/tables.h"

#include <fmt/format.h>

// The pieces that tables are made of, and the small tables.

namespace segw::cli {
namespace {

struct Utc {
  std::chrono::year_month_day day;
  std::chrono::hh_mm_ss<std::chrono::milliseconds> time;
};

Utc utc(std::chrono::system_clock::time_point at) {
  const auto whole = std::chrono::floor<std::chrono::milliseconds>(at);
  const auto day = std::chrono::floor<std::chrono::days>(whole);
  return Utc{.day = std::chrono::year_month_day(day), .time = std::chrono::hh_mm_ss(whole - day)};
}

}  // namespace

std::string thick_line() { return std::string(kWidth, '=') + "\n"; }
std::string thin_line() { return std::string(kWidth, '-') + "\n"; }

std::string title(std::string_view text) {
  return thick_line() + std::string(text) + "\n" + thick_line();
}

std::string up_down(bool up) { return up ? "Up" : "Down"; }
std::string yes_no(bool yes) { return yes ? "Yes" : "No"; }
std::string table_end(std::string_view what, size_t count) {
  return thin_line() + fmt::format("{}: {}\n", what, count) + thick_line();
}

std::string_view isa_state_text(std::string_view state) { return state.empty() ? "--" : state; }
std::string_view protection_text(bool nominal) { return nominal ? "nominal" : "notReady"; }

std::string_view peer_state_text(const chassis::PeerGroupStatus& group) {
  return group.peer_reachable ? mimp::text(group.peer_state) : "unknown";
}

std::string seconds_text(Duration duration) {
  const auto whole = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
  return fmt::format("{}.{:03}", whole / 1000, whole % 1000);
}

std::string history_lines(const std::vector<History::Entry>& history) {
  std::string text = "History (seconds since boot)\n";
  for (const History::Entry& entry : history) {
    text += fmt::format("  {:>14}  {}\n", seconds_text(entry.at.time_since_epoch()), entry.text);
  }
  return text;
}

std::string utc_date(std::chrono::system_clock::time_point at) {
  const Utc parts = utc(at);
  return fmt::format("{:02}/{:02}/{:04} {:02}:{:02}:{:02}", unsigned{parts.day.month()},
                     unsigned{parts.day.day()}, int{parts.day.year()}, parts.time.hours().count(),
                     parts.time.minutes().count(), parts.time.seconds().count());
}

std::string utc_timestamp(std::chrono::system_clock::time_point at) {
  const Utc parts = utc(at);
  return fmt::format("{:04}/{:02}/{:02} {:02}:{:02}:{:02}.{:03} UTC", int{parts.day.year()},
                     unsigned{parts.day.month()}, unsigned{parts.day.day()},
                     parts.time.hours().count(), parts.time.minutes().count(),
                     parts.time.seconds().count(), parts.time.subseconds().count());
}

std::string counter_lines(const std::map<std::string, uint64_t>& counters, size_t indent) {
  constexpr size_t kNameWidth = 44;
  std::string lines;
  for (const auto& [name, value] : counters) {
    lines += fmt::format("{:{}}{:<{}} : {}\n", "", indent, name, kNameWidth - indent, value);
  }
  return lines;
}

std::string counter_block(std::string_view title, const std::map<std::string, uint64_t>& counters) {
  if (counters.empty()) return {};
  return thin_line() + std::string(title) + "\n" + counter_lines(counters, 2);
}

TunnelGroupId effective_peer_group(const chassis::PeerGroupStatus& group) {
  return group.peer_group.value == 0 ? group.id : group.peer_group;
}

std::string counter_table(const chassis::Status& status) {
  std::string table = "\n" + title("Counters");
  for (const auto& [room, counters] : status.counters) {
    table += room + "\n" + counter_lines(counters, 2);
  }
  return table + thick_line();
}

std::string trace_table(const chassis::TraceStatus& trace) {
  std::string table = "\n" + title("IPsec Debug of Peer " + trace.peer.text());
  for (const chassis::TraceEntry& entry : trace.entries) {
    table += fmt::format("{} {} {}\n    {}\n", utc_timestamp(entry.at), entry.inbound ? "<-" : "->",
                         entry.remote.text(), entry.text);
  }
  table += thin_line();
  table += fmt::format("Messages: {}, left out: {}, {}\n", trace.entries.size(), trace.left_out,
                       trace.active ? "going on" : "ended");
  return table + thick_line();
}

std::string log_table(const chassis::Status& status) {
  constexpr size_t kLogEntriesMax = 500;  // what the chassis keeps
  const uint64_t newest = status.log.empty() ? 0 : status.log.front().number;
  const bool wrapped = newest > status.log.size();
  std::string table = "\n" + title("Event Log 99 log-name 99");
  table += "Description : Default System Log\n";
  table += fmt::format("Memory Log contents  [size={}   next event={}  ({})]\n", kLogEntriesMax,
                       newest + 1, wrapped ? "wrapped" : "not wrapped");
  for (const chassis::LogEntry& entry : status.log) {
    // An event that the guide does not have is named in place of a number.
    const std::string kind =
        entry.application.empty() ? entry.name : fmt::format("{} #{}", entry.application, entry.id);
    table += fmt::format("\n{} {} {}: {} Base{}{}\n\"{}\"\n", entry.number, utc_timestamp(entry.at),
                         entry.severity, kind, entry.subject.empty() ? "" : " ", entry.subject,
                         entry.text);
  }
  return table;
}

}  // namespace segw::cli
