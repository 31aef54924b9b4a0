// No (SPI, sequence number) leaves twice; always.
#include <fmt/format.h>

#include <set>
#include <tuple>

#include "sim/checkers/checker.h"
#include "sim/ip_packet.h"

namespace segw::sim {
namespace {

class SequenceOnce final : public Checker {
 public:
  explicit SequenceOnce(const CheckerView& view) : Checker(view, "sequence_once") {}

  void on_isa_out(HostId host, platform::Side side, ByteView packet) override {
    if (side != platform::Side::Public) return;
    const auto esp = esp_of(packet);
    const auto to = destination_of(packet);
    if (!esp || !to) return;
    if (seen_.insert({*to, esp->spi, esp->sequence}).second) return;
    violate(fmt::format("{} repeats sequence number {} of SPI {:08x}", host_name(host),
                        esp->sequence, esp->spi));
  }

 private:
  std::set<std::tuple<IpAddress, uint32_t, uint32_t>> seen_;
};

}  // namespace

std::unique_ptr<Checker> make_sequence_once(const CheckerView& view) {
  return std::make_unique<SequenceOnce>(view);
}

}  // namespace segw::sim
