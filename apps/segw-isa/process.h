#pragma once

// The ISA process: the engine between its two TUN queues and the socket to segwd. One thread.
// Control goes before packets, packets are taken in batches, and a full socket to segwd never
// holds up the data path.

#include <array>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "isa/engine.h"

namespace segw::isa_process {

class SystemRng final : public platform::Rng {
 public:
  void fill(MutableBytes out) override;

 private:
  std::array<uint8_t, 256> pool_{};
  size_t left_ = 0;
};

class Process {
 public:
  Process(int control, int public_tun, int private_tun);
  // Until segwd closes its end. Returns the exit code.
  int run();

 private:
  enum class Tun : uint8_t { Public, Private };
  [[nodiscard]] static Instant now();
  bool read_control();  // false: segwd is gone
  void on_control(ByteView bytes);
  // True if there may be more.
  bool read_tun(Tun tun);
  void read_tun_batches(Tun tun);
  void drain_tuns();
  void hand_on(isa::Output& out);
  void write_tun(int fd, const Bytes& packet);
  void report(const isa::FromIsa& message);
  void flush_reports();

  int control_;
  int public_tun_;
  int private_tun_;
  SystemRng rng_;
  isa::Engine engine_;
  std::vector<uint8_t> buffer_;
  std::deque<Bytes> reports_;
  bool device_gone_ = false;
};

}  // namespace segw::isa_process
