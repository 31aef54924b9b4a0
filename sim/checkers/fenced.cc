// No packet is sealed or opened at or after the ISA's deadline, or in another role than acting.
#include <fmt/format.h>

#include <unordered_set>

#include "sim/checkers/checker.h"
#include "sim/ip_packet.h"
#include "sim/probe.h"

namespace segw::sim {
namespace {

class Fenced final : public Checker {
 public:
  explicit Fenced(const CheckerView& view) : Checker(view, "fenced") {}

  void on_client_sealed(uint64_t probe, uint32_t /*spi*/, uint64_t /*sequence*/) override {
    sealed_.insert(probe);
  }
  void on_isa_out(HostId host, platform::Side side, ByteView packet) override {
    const bool worked =
        side == platform::Side::Public ? esp_of(packet).has_value() : opened(packet);
    if (!worked || view().roles.acting(host)) return;
    const auto late = view().world.now() - view().roles.deadline(host);
    violate(fmt::format(
        "{}'s ISA {} a packet {}", host_name(host),
        side == platform::Side::Public ? "seals" : "opens",
        view().roles.may_work(host)
            ? fmt::format("{} us after its deadline", late / std::chrono::microseconds(1))
            : "in another role than acting"));
  }

 private:
  // What came in clear was not opened: that is no_clear_text's business.
  [[nodiscard]] bool opened(ByteView packet) const {
    const auto probe = decode_probe(packet);
    return probe && sealed_.contains(probe->number);
  }
  std::unordered_set<uint64_t> sealed_;
};

}  // namespace

std::unique_ptr<Checker> make_fenced(const CheckerView& view) {
  return std::make_unique<Fenced>(view);
}

}  // namespace segw::sim
