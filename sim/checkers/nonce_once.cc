// No two different byte strings under one (key, IV), ESP and IKE, over all chassis, crashes,
// splits.
#include <fmt/format.h>

#include <map>
#include <tuple>

#include "sim/checkers/checker.h"
#include "sim/ike_header.h"
#include "sim/ip_packet.h"

namespace segw::sim {
namespace {

constexpr size_t kEspIvAt = 8;
constexpr size_t kIvSize = 8;  // all of GCM's; half of CBC's, which is random

class NonceOnce final : public Checker {
 public:
  explicit NonceOnce(const CheckerView& view) : Checker(view, "nonce_once") {}

  void on_isa_out(HostId host, platform::Side side, ByteView packet) override {
    if (side != platform::Side::Public) return;
    const auto to = destination_of(packet);
    if (!to) return;
    if (const auto esp = esp_of(packet)) {
      if (esp->bytes.size() < kEspIvAt + kIvSize) return;
      see(host, "ESP", *to, 0, esp->spi, esp->bytes.subspan(kEspIvAt, kIvSize), esp->bytes);
    } else if (const auto ike = ike_of(packet)) {
      const auto header = decode_ike_header(ike->bytes);
      if (!header || header->sealed_iv.size() < kIvSize) return;
      // Both directions of an IKE SA have keys of their own; only ours leaves here.
      see(host, "IKE", {}, header->initiator_spi, header->responder_spi,
          header->sealed_iv.first(kIvSize), ike->bytes);
    }
  }

 private:
  // A key is named by where its packets go and their SPI, or by two IKE SPIs.
  void see(HostId host, std::string_view what, const IpAddress& to, uint64_t key_a, uint64_t key_b,
           ByteView iv, ByteView bytes) {
    uint64_t iv_number = 0;
    for (const uint8_t byte : iv) iv_number = iv_number << 8 | byte;
    const uint64_t hash = hash_of(bytes);
    const auto [at, is_new] = seen_.try_emplace({to, key_a, key_b, iv_number}, hash);
    if (is_new || at->second == hash) return;
    violate(fmt::format("{} seals different bytes under one IV: {} key {}/{:x}/{:x} iv {:016x}",
                        host_name(host), what, to.text(), key_a, key_b, iv_number));
  }
  std::map<std::tuple<IpAddress, uint64_t, uint64_t, uint64_t>, uint64_t> seen_;
};

}  // namespace

std::unique_ptr<Checker> make_nonce_once(const CheckerView& view) {
  return std::make_unique<NonceOnce>(view);
}

}  // namespace segw::sim
