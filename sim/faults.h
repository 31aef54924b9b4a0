#pragma once

// What goes wrong in a run: each seed picks some kinds of faults, and then lets them happen at
// random until end().

#include <string>
#include <vector>

#include "sim/cluster.h"

namespace segw::sim {

enum class Fault : uint8_t {
  Crash,
  LostDisk,
  AllCrash,
  KillSegwd,
  Pause,
  IsaCrash,
  Cut,
  OneWayCut,
  Clog,
  BadLink,
  BadClientLink,
  NatRebind,
  Handover,
  ClearText,
  // Drawn apart from those above, so that seeds from before there were these keep theirs.
  SlowDisk,
  ClockStep,
  RollingRestart,
  IsaHang,
  // Once, in a cluster that begins with the release before. Its times are drawn apart.
  RollingUpgrade,
};

class Faults {
 public:
  Faults(Cluster& cluster, bool has_nat, bool upgrade);
  void start();
  // Heals everything and boots whoever is down, but for one host at times.
  void end();
  [[nodiscard]] std::string describe() const;

 private:
  void happen();
  void strike(Fault fault);
  void strike_link(Fault fault, HostId id, HostId other);
  void roll(HostId id);
  void upgrade(HostId first, HostId done);
  [[nodiscard]] HostId draw_other(HostId id);
  void boot_later(HostId id, bool lost_disk);
  void go_on_later(HostId id);
  void hand_over();
  void later(Duration low, Duration high, std::function<void()> action);
  LinkQuality draw_quality(uint32_t loss_max, Duration delay_max);

  Cluster& cluster_;
  Rng rng_;
  Rng upgrades_;
  bool has_upgrade_ = false;
  std::vector<Fault> kinds_;
  Duration gap_min_{};
  Duration gap_max_{};
  bool on_ = false;
};

}  // namespace segw::sim
