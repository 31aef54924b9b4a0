#include "chassis/isa_port.h"

#include <fmt/format.h>

#include <algorithm>

namespace segw::chassis {
namespace {

constexpr Duration kBackOffMin = std::chrono::milliseconds(200);
constexpr Duration kBackOffMax = std::chrono::seconds(10);

std::string name_of(const IsaId& id) { return fmt::format("{}/{}", id.slot, id.mda); }

}  // namespace

IsaPort::IsaPort(platform::Platform& platform, platform::IsaSpec spec, isa::Setup setup,
                 Duration silence_max, IsaListener& listener)
    : platform_(platform),
      spec_(std::move(spec)),
      setup_(std::move(setup)),
      silence_max_(silence_max),
      listener_(listener),
      back_off_(kBackOffMin),
      restart_timer_(platform, [this] { restart(); }),
      look_timer_(platform, [this] { look(); }),
      post_(platform) {}

Result<void> IsaPort::start() {
  auto started = platform_.isas.start(spec_, *this);
  if (!started) return tl::unexpected(started.error());
  isa_ = std::move(*started);
  isa_->send(isa::encode(isa::ToIsa(setup_)));
  looks_left_ = static_cast<int>(kStartMax / (silence_max_ / kLooks));
  look_timer_.arm(silence_max_ / kLooks);
  return {};
}

void IsaPort::restart() {
  ++restarts_;
  const auto started = start();
  if (started) return;
  down_reason_ = started.error().text;
  back_off_ = std::min(back_off_ * 2, kBackOffMax);
  restart_timer_.arm(back_off_);
}

std::string IsaPort::name() const { return name_of(spec_.id); }

void IsaPort::send(const isa::ToIsa& message) {
  if (ready_) isa_->send(isa::encode(message));
}

void IsaPort::look() {
  if (--looks_left_ > 0) {
    look_timer_.arm(silence_max_ / kLooks);
    return;
  }
  const bool started = ready_;
  // Killed first: who takes over must not find it at work again (redundancy rule 8).
  isa_.reset();
  restart_timer_.arm(back_off_);
  back_off_ = std::min(back_off_ * 2, kBackOffMax);
  go_down(started ? "hung: it says nothing" : "hung: it did not start");
}

void IsaPort::on_isa_message(ByteView message) {
  looks_left_ = kLooks;
  const auto decoded = isa::decode_from_isa(message);
  if (!decoded) {
    drops_.add("message-" + decoded.error().field);
    return;
  }
  struct Visitor {
    IsaPort& port;
    void operator()(const isa::Ready& ready) const {
      port.ready_ = true;
      port.told_.clear();
      port.crypto_ = ready.crypto;
      port.down_reason_.clear();
      port.back_off_ = kBackOffMin;
      port.listener_.on_isa_ready();
    }
    void operator()(const isa::PuntIke& punt) const { port.listener_.on_ike(punt.datagram); }
    void operator()(const isa::Activity& activity) const { port.listener_.on_activity(activity); }
    void operator()(const isa::SequenceLow& low) const { port.listener_.on_sequence_low(low); }
    void operator()(const isa::Frozen& frozen) const { port.listener_.on_frozen(frozen); }
    void operator()(const isa::Alive& /*alive*/) const {}
    void operator()(const isa::UnknownEsp& packet) const { port.listener_.on_unknown_esp(packet); }
    void operator()(const isa::Drops& drops) const {
      for (const isa::DropCount& drop : drops.counts) {
        uint64_t& told = port.told_[drop.reason];  // by this process: it counts from 0
        if (drop.count > told) port.drops_.add(drop.reason, drop.count - told);
        told = drop.count;
      }
    }
  };
  std::visit(Visitor{*this}, *decoded);
}

void IsaPort::on_isa_gone(std::string_view why) {
  // The handle cannot be destroyed within its own callback.
  post_([this] {
    isa_.reset();
    restart_timer_.arm(back_off_);
    back_off_ = std::min(back_off_ * 2, kBackOffMax);
  });
  go_down(why);
}

void IsaPort::go_down(std::string_view why) {
  ready_ = false;
  look_timer_.cancel();
  down_reason_ = fmt::format("isa {}: {}", name(), why);
  listener_.on_isa_down(down_reason_);
}

}  // namespace segw::chassis
