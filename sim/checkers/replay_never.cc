// Per chassis boot and SA no packet is accepted twice, nor one at or below the synchronised edge by
// a successor. (A client seals each probe once, so the probe's number names the packet, also when
// it was kept in a hand-over's buffer.)
#include <fmt/format.h>

#include <map>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "sim/checkers/checker.h"
#include "sim/probe.h"

namespace segw::sim {
namespace {

constexpr uint64_t kWordBits = 64;

bool refused_by(const esp::SaWindow& window, uint64_t sequence) {
  if (sequence > window.inbound_highest) return false;
  const uint64_t below = window.inbound_highest - sequence;
  if (below / kWordBits >= window.seen.size()) return true;
  return (window.seen[below / kWordBits] >> (below % kWordBits) & 1U) != 0;
}

class ReplayNever final : public Checker {
 public:
  explicit ReplayNever(const CheckerView& view)
      : Checker(view, "replay_never"), hosts_(view.hosts.size()) {}

  void on_client_sealed(uint64_t probe, uint32_t spi, uint64_t sequence) override {
    sealed_[probe] = {spi, sequence};
  }
  void on_boot(HostId host) override { hosts_[host] = Accepted{}; }
  void on_isa_told(HostId host, const isa::ToIsa& message) override {
    if (!makes_act(message)) return;
    const chassis::Chassis* chassis = view().hosts[host]->chassis();
    const auto* state = chassis == nullptr ? nullptr : chassis->group_state(view().group);
    if (state != nullptr) hosts_[host].edges = state->windows;
  }
  void on_isa_out(HostId host, platform::Side side, ByteView packet) override {
    if (side != platform::Side::Private) return;
    const auto probe = decode_probe(packet);
    if (!probe || probe->echo) return;
    const auto sent = sealed_.find(probe->number);
    if (sent == sealed_.end()) return;  // never sealed: no_clear_text's business
    const auto [spi, sequence] = sent->second;
    Accepted& accepted = hosts_[host];
    if (!accepted.probes.insert(probe->number).second) {
      violate(
          fmt::format("{} accepts packet {} of SPI {:08x} twice", host_name(host), sequence, spi));
    }
    const auto edge = accepted.edges.find(Spi{spi});
    if (edge != accepted.edges.end() && refused_by(edge->second, sequence)) {
      violate(fmt::format("{} accepts packet {} of SPI {:08x}, below the synchronised edge {}",
                          host_name(host), sequence, spi, edge->second.inbound_highest));
    }
  }

 private:
  struct Accepted {
    std::unordered_set<uint64_t> probes;
    std::map<Spi, esp::SaWindow> edges;  // when it began to act
  };
  std::unordered_map<uint64_t, std::pair<uint32_t, uint64_t>> sealed_;
  std::vector<Accepted> hosts_;
};

}  // namespace

std::unique_ptr<Checker> make_replay_never(const CheckerView& view) {
  return std::make_unique<ReplayNever>(view);
}

}  // namespace segw::sim
