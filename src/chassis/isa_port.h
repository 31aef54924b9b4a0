#pragma once

// One ISA as the tunnel group uses it: started, set up, vouched for, restarted with back-off when
// it is gone or hangs. What it is told is isa/isa_wire.h.
//
// Its end is known at once, by its socket. That it hangs is known by its silence: it says something
// every 100 ms (Alive). It is looked at kLooks times within `silence_max`; one that said nothing
// between all these looks is killed, and only then told of as down. A look counts for one, however
// late it comes: when segwd itself was stopped, what the ISA said meanwhile is read before the
// next.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/counters.h"
#include "isa/isa_wire.h"
#include "platform/platform.h"

namespace segw::chassis {

class IsaListener {
 public:
  virtual ~IsaListener() = default;
  virtual void on_isa_ready() = 0;  // empty: SAs are to be installed
  virtual void on_isa_down(std::string_view why) = 0;
  virtual void on_ike(const isa::IkeDatagram& datagram) = 0;
  virtual void on_activity(const isa::Activity& activity) = 0;
  virtual void on_sequence_low(const isa::SequenceLow& low) = 0;
  virtual void on_frozen(const isa::Frozen& frozen) = 0;
  virtual void on_unknown_esp(const isa::UnknownEsp& packet) = 0;
};

class IsaPort final : platform::IsaHandler {
 public:
  static constexpr Duration kStartMax = std::chrono::seconds(5);  // until its first word
  static constexpr int kLooks = 5;

  // `silence_max`: after its first word, at least kLooks × the ISA's interval of 100 ms.
  IsaPort(platform::Platform& platform, platform::IsaSpec spec, isa::Setup setup,
          Duration silence_max, IsaListener& listener);

  // Error: the first start failed (a missing TUN …); later failures are retried.
  Result<void> start();
  void send(const isa::ToIsa& message);    // dropped while it is down
  [[nodiscard]] std::string name() const;  // 1/2
  [[nodiscard]] bool up() const { return ready_; }
  [[nodiscard]] const std::string& crypto() const { return crypto_; }
  [[nodiscard]] const std::string& down_reason() const { return down_reason_; }
  [[nodiscard]] const Counters& drops() const { return drops_; }
  [[nodiscard]] uint64_t restarts() const { return restarts_; }

 private:
  void on_isa_message(ByteView message) override;
  void on_isa_gone(std::string_view why) override;
  void restart();
  void look();
  void go_down(std::string_view why);

  platform::Platform& platform_;
  platform::IsaSpec spec_;
  isa::Setup setup_;
  Duration silence_max_;
  IsaListener& listener_;
  std::unique_ptr<platform::Isa> isa_;
  bool ready_ = false;
  std::string crypto_;
  std::string down_reason_ = "starting";
  Counters drops_;
  std::map<std::string, uint64_t> told_;  // of them, what the running process has told
  uint64_t restarts_ = 0;
  Duration back_off_;
  int looks_left_ = 0;
  platform::Timer restart_timer_;
  platform::Timer look_timer_;
  platform::Post post_;
};

}  // namespace segw::chassis
