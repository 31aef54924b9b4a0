// Nothing protected leaves, or is accepted, in clear.
#include <fmt/format.h>

#include <unordered_set>

#include "sim/checkers/checker.h"
#include "sim/probe.h"

namespace segw::sim {
namespace {

class NoClearText final : public Checker {
 public:
  explicit NoClearText(const CheckerView& view) : Checker(view, "no_clear_text") {}

  void on_client_sealed(uint64_t probe, uint32_t /*spi*/, uint64_t /*sequence*/) override {
    sealed_.insert(probe);
  }
  void on_isa_out(HostId host, platform::Side side, ByteView packet) override {
    if (side == platform::Side::Public) {
      if (shows_probe(packet)) violate(host_name(host) + " sends a protected packet in clear");
      return;
    }
    const auto probe = decode_probe(packet);
    if (!probe || sealed_.contains(probe->number)) return;
    violate(fmt::format("{} accepts protected packet {} that came in clear", host_name(host),
                        probe->number));
  }

 private:
  std::unordered_set<uint64_t> sealed_;
};

}  // namespace

std::unique_ptr<Checker> make_no_clear_text(const CheckerView& view) {
  return std::make_unique<NoClearText>(view);
}

}  // namespace segw::sim
