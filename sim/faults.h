#pragma once

// What goes wrong in a run: each seed picks some kinds of faults, and then lets them happen at
// random until end().

#include <optional>
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
  // Only where FaultOptions say so.
  Burst,
};

// What a seed draws apart, so that those from before there was it keep theirs.
struct FaultOptions {
  bool has_nat = false;
  // Traffic of the core network that crosses blocks of sequence numbers, and often something
  // happens meanwhile.
  bool bursts = false;
  // One split that lasts: so long that who does not hear the clients gives them up.
  bool long_cut = false;
  // In a domain: the last fault is that the active dies, while the only one that can act next does
  // not hear it, but hears others that do.
  bool last_of_all = false;
  bool upgrade = false;  // it begins with the release before
};

class Faults {
 public:
  Faults(Cluster& cluster, const FaultOptions& options);
  void start();
  // Heals everything and boots whoever is down, but for one host at times.
  void end();
  // The last faults, for `last_of_all`; end() follows.
  void calm();
  void cut_from_active();
  [[nodiscard]] std::string describe() const;

 private:
  void happen();
  void strike(Fault fault);
  void burst();
  void heal_all();
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
  FaultOptions options_;
  Rng rng_;
  Rng upgrades_;
  std::vector<Fault> kinds_;
  Duration gap_min_{};
  Duration gap_max_{};
  bool on_ = false;
  std::optional<HostId> dies_last_;
};

}  // namespace segw::sim
