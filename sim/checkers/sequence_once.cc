// No (SPI, sequence number) leaves twice; always.
#include <fmt/format.h>

#include <map>
#include <tuple>
#include <utility>

#include "esp/sequence_plan.h"
#include "sim/checkers/checker.h"
#include "sim/ip_packet.h"

namespace segw::sim {
namespace {

class SequenceOnce final : public Checker {
 public:
  explicit SequenceOnce(const CheckerView& view) : Checker(view, "sequence_once") {}

  void add_to(CheckerCounts& counts) const override { counts.blocks_crossed += crossed_; }

  void on_isa_out(HostId host, platform::Side side, ByteView packet) override {
    if (side != platform::Side::Public) return;
    const auto esp = esp_of(packet);
    const auto to = destination_of(packet);
    if (!esp || !to) return;
    const Instant now = view().world.now();
    const uint32_t block = esp->sequence >> esp::kBlockBits;
    const auto [last, is_first] = blocks_.try_emplace({*to, esp->spi}, block);
    if (!is_first && std::exchange(last->second, block) != block) ++crossed_;
    const auto [first, is_new] =
        seen_.try_emplace({*to, esp->spi, esp->sequence}, Sent{.by = host, .at = now});
    if (is_new) return;
    violate(fmt::format("{} repeats sequence number {} of SPI {:08x}: {} sent it {} ms before",
                        host_name(host), esp->sequence, esp->spi, host_name(first->second.by),
                        (now - first->second.at) / std::chrono::milliseconds(1)));
  }

 private:
  struct Sent {
    HostId by = 0;
    Instant at{};
  };
  std::map<std::tuple<IpAddress, uint32_t, uint32_t>, Sent> seen_;
  std::map<std::pair<IpAddress, uint32_t>, uint32_t> blocks_;  // where each SA was last
  uint64_t crossed_ = 0;
};

}  // namespace

std::unique_ptr<Checker> make_sequence_once(const CheckerView& view) {
  return std::make_unique<SequenceOnce>(view);
}

}  // namespace segw::sim
