// Under one message ID of an IKE SA we send one content, from whichever chassis (message-ID
// synchronisation, RFC 6311, is ID 0 again and again). What was said before an unclean takeover, or
// while two chassis acted at once, the next active need not know.
#include <fmt/format.h>

#include <map>
#include <set>
#include <tuple>

#include "sim/checkers/checker.h"
#include "sim/checkers/takeovers.h"
#include "sim/ike_header.h"
#include "sim/ip_packet.h"

namespace segw::sim {
namespace {

struct Said {
  HostId by = 0;
  Instant at{};
  uint64_t hash = 0;
};

class MessageIdOnce final : public Checker {
 public:
  explicit MessageIdOnce(const CheckerView& view) : Checker(view, "message_id_once") {}

  void on_isa_told(HostId host, const isa::ToIsa& message) override {
    if (ends_acting(message)) acting_.erase(host);
    if (!makes_act(message) || !acting_.insert(host).second) return;
    if (!takeovers_.clean(*view().hosts[host], view().network)) doubt_ = view().world.now();
  }
  void on_isa_stopped(HostId host) override { acting_.erase(host); }
  void after_event() override {
    if (view().roles.acting_count() > 1) doubt_ = view().world.now();
  }

  void on_isa_out(HostId host, platform::Side side, ByteView packet) override {
    if (side != platform::Side::Public) return;
    const auto ike = ike_of(packet);
    const auto header = ike ? decode_ike_header(ike->bytes) : std::nullopt;
    if (!header || header->sealed_iv.empty()) return;
    if (header->exchange == kInformational && header->message_id == 0) return;
    const Said now{.by = host, .at = view().world.now(), .hash = hash_of(ike->bytes)};
    Said& before = said_
                       .try_emplace({header->initiator_spi, header->responder_spi,
                                     header->from_initiator, header->response, header->message_id},
                                    now)
                       .first->second;
    if (before.hash != now.hash && before.at > doubt_) {
      violate(fmt::format(
          "{} says other things in {} {} of IKE SA {:016x}/{:016x} than {} did {} ms before",
          host_name(host), header->response ? "answer" : "request", header->message_id,
          header->initiator_spi, header->responder_spi, host_name(before.by),
          (now.at - before.at) / std::chrono::milliseconds(1)));
    }
    before = now;
  }

 private:
  using Id = std::tuple<uint64_t, uint64_t, bool, bool, uint32_t>;
  std::map<Id, Said> said_;
  std::set<HostId> acting_;
  Takeovers takeovers_;
  Instant doubt_{};  // what was said until then may be unknown to the next active
};

}  // namespace

std::unique_ptr<Checker> make_message_id_once(const CheckerView& view) {
  return std::make_unique<MessageIdOnce>(view);
}

}  // namespace segw::sim
