// `show router bfd session`.

#include <fmt/format.h>

#include "cli/tables.h"

namespace segw::cli {
namespace {

// As the operator configures it, in milliseconds; tenths where they matter.
std::string interval(Duration duration) {
  using std::chrono::microseconds;
  const auto us = std::chrono::duration_cast<microseconds>(duration).count();
  return us % 1000 == 0 ? fmt::format("{}", us / 1000)
                        : fmt::format("{:.1f}", static_cast<double>(us) / 1000);
}

// By the name of the interface that owns the source address.
std::string session_id(const config::Config& config, const IpAddress& local) {
  for (const config::Service& service : config.services) {
    for (const config::Interface& interface : service.interfaces) {
      const auto& own = local.is_v4() ? interface.address : interface.address_v6;
      if (own && own->address == local) return interface.name;
    }
  }
  return local.text();
}

}  // namespace

std::string bfd_table(const Snapshot& snapshot) {
  const bfd::Status& bfd = snapshot.status.bfd;
  constexpr std::string_view kRow = "{:<44}{:>11}{:>12}{:>12}\n";
  std::string table = "\n" + title("BFD Session");
  const auto row = [&](std::string_view first, std::string_view second, std::string_view third,
                       std::string_view fourth) {
    table += fmt::format(fmt::runtime(kRow), first, second, third, fourth);
  };
  row("Session Id", "State", "Tx Pkts", "Rx Pkts");
  row("  Rem Addr", "Multipl", "Tx Intvl", "Rx Intvl");
  row("  Protocols", "Type", "Detect", "Last Change");
  row("  Loc Addr", "Auth", "Loc Disc", "Rem Disc");
  table += thin_line();
  for (const bfd::SessionStatus& session : bfd.sessions) {
    row(session_id(snapshot.config, session.local), bfd::text(session.state),
        std::to_string(session.sent), std::to_string(session.received));
    row("  " + session.peer.text(), std::to_string(session.multiplier),
        interval(session.transmit_interval), interval(session.receive_interval));
    row("  mcIpsec", session.path == bfd::Path::SingleHop ? "single-hop" : "multihop",
        interval(session.detection_time),
        seconds_text(snapshot.status.now - session.changed_at) + " s");
    row("  " + session.local.text(), session.authenticated ? "sha-1" : "none",
        std::to_string(session.discriminator), std::to_string(session.remote_discriminator));
    table += counter_lines(session.discarded, 2);
    table += thin_line();
  }
  table += fmt::format("No. of BFD sessions: {}\n", bfd.sessions.size());
  if (!bfd.sessions.empty()) {
    table += fmt::format("Latest timer: {} ms\n", interval(bfd.latest));
    table += counter_block("Discarded, of no session", bfd.discarded);
  }
  return table + thick_line();
}

}  // namespace segw::cli
