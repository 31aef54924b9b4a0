#include "sim/faults.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace segw::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct Kind {
  Fault fault;
  std::string_view name;
};
constexpr size_t kFirstKinds = 14;
constexpr std::array<Kind, 18> kKinds = {{{Fault::Crash, "crash"},
                                          {Fault::LostDisk, "lost-disk"},
                                          {Fault::AllCrash, "all-crash"},
                                          {Fault::KillSegwd, "kill"},
                                          {Fault::Pause, "pause"},
                                          {Fault::IsaCrash, "isa-crash"},
                                          {Fault::Cut, "cut"},
                                          {Fault::OneWayCut, "one-way-cut"},
                                          {Fault::Clog, "clog"},
                                          {Fault::BadLink, "bad-link"},
                                          {Fault::BadClientLink, "bad-client-link"},
                                          {Fault::NatRebind, "nat-rebind"},
                                          {Fault::Handover, "handover"},
                                          {Fault::ClearText, "clear-text"},
                                          {Fault::SlowDisk, "slow-disk"},
                                          {Fault::ClockStep, "clock-step"},
                                          {Fault::RollingRestart, "rolling-restart"},
                                          {Fault::IsaHang, "isa-hang"}}};
bool spares_chassis(Fault fault) {
  return fault == Fault::BadClientLink || fault == Fault::NatRebind || fault == Fault::ClearText ||
         fault == Fault::SlowDisk || fault == Fault::ClockStep || fault == Fault::Burst;
}

constexpr uint32_t kKindChance = 450;
constexpr uint32_t kLaterKindChance = 200;
constexpr uint32_t kStaysDownChance = 300;
constexpr std::string_view kUpgrade = "rolling-upgrade";
// Liveness checks begin after 5 s of silence and are repeated for 30 s.
constexpr Duration kLongCutMin = seconds(40);
constexpr Duration kLongCutMax = seconds(48);
// 20000 packets a second: a block of sequence numbers has 16384.
constexpr Duration kBurstStep = milliseconds(5);
constexpr uint32_t kBurstPackets = 100;

}  // namespace

Faults::Faults(Cluster& cluster, const FaultOptions& options)
    : cluster_(cluster),
      options_(options),
      rng_(cluster.world().stream("faults")),
      upgrades_(cluster.world().stream("upgrades")) {
  Rng later = cluster.world().stream("later faults");
  for (size_t i = 0; i < kKinds.size(); ++i) {
    const Fault fault = kKinds.at(i).fault;
    const bool picked = i < kFirstKinds ? rng_.chance_per_mille(kKindChance)
                                        : later.chance_per_mille(kLaterKindChance);
    if (picked && (fault != Fault::NatRebind || options.has_nat)) kinds_.push_back(fault);
  }
  if (kinds_.empty()) kinds_.push_back(Fault::Crash);
  if (options.long_cut) {  // what would end it is in other seeds
    std::erase_if(kinds_, [](Fault fault) { return !spares_chassis(fault); });
    kinds_.push_back(Fault::ClearText);
  }
  if (options.bursts) kinds_.push_back(Fault::Burst);
  gap_min_ = milliseconds(rng_.from(200, 3000));
  gap_max_ = gap_min_ + milliseconds(rng_.from(500, 9000));
}

std::string Faults::describe() const {
  std::string text = "faults=";
  for (const Kind& kind : kKinds) {
    if (std::ranges::find(kinds_, kind.fault) == kinds_.end()) continue;
    text += text.back() == '=' ? "" : ",";
    text += kind.name;
  }
  if (options_.upgrade) text.append(",").append(kUpgrade);
  if (options_.bursts) text += ",burst";
  if (options_.long_cut) text += ",long-cut";
  if (options_.last_of_all) text += ",last-of-all";
  return text;
}

void Faults::later(Duration low, Duration high, std::function<void()> action) {
  const Duration wait = rng_.between(low, high);
  cluster_.world().after(kNature, wait, [this, act = std::move(action)] {
    if (on_) act();
  });
}

void Faults::start() {
  on_ = true;
  // Most runs begin in peace.
  const Duration peace = rng_.below(4) == 0 ? Duration{0} : Duration(seconds(8));
  later(peace, peace + gap_max_, [this] { happen(); });
  if (options_.upgrade) strike(Fault::RollingUpgrade);
  if (!options_.long_cut) return;
  later(seconds(8), seconds(11), [this] {
    cluster_.net().cut(A, B);
    later(kLongCutMin, kLongCutMax, [this] { cluster_.net().heal(); });
  });
}

void Faults::burst() {
  const size_t client = rng_.below(cluster_.clients());
  const Duration length = rng_.between(milliseconds(300), milliseconds(1500));
  cluster_.burst(client, kBurstPackets, kBurstStep, length);
  if (rng_.below(4) == 0) return;
  later(milliseconds(20), length, [this] {
    const Fault fault = kinds_[rng_.below(kinds_.size())];
    if (fault != Fault::Burst) strike(fault);
  });
}

void Faults::happen() {
  const Fault fault = kinds_[rng_.below(kinds_.size())];
  later(gap_min_, gap_max_, [this] { happen(); });
  strike(fault);
}

void Faults::boot_later(HostId id, bool lost_disk) {
  later(milliseconds(300), seconds(12), [this, id, lost_disk] {
    if (cluster_.host(id).running()) return;
    if (lost_disk) cluster_.host(id).lose_disk();
    cluster_.host(id).boot();
  });
}

void Faults::go_on_later(HostId id) {
  later(milliseconds(100), seconds(9), [this, id] { cluster_.host(id).go_on(); });
}

LinkQuality Faults::draw_quality(uint32_t loss_max, Duration delay_max) {
  LinkQuality quality;
  quality.loss_per_mille = static_cast<uint32_t>(rng_.below(loss_max));
  quality.duplicate_per_mille = static_cast<uint32_t>(rng_.below(100));
  quality.delay_max = rng_.between(milliseconds(1), delay_max);
  return quality;
}

// In a pair at the master. In a domain at any, to any or to whom it chooses.
void Faults::hand_over() {
  const auto master = cluster_.master();
  if (!master) return;
  HostId at = *master;
  std::optional<HostId> to;
  if (cluster_.hosts() > 2) {
    at = static_cast<HostId>(rng_.below(cluster_.hosts()));
    const auto target = static_cast<HostId>(rng_.below(cluster_.hosts() + 1U));
    if (target < cluster_.hosts()) to = target;
  }
  if (!cluster_.host(at).paused()) cluster_.ask_switchover(at, to, {});
}

// One after the other, as an upgrade does it; whether or not the one before is in sync again.
void Faults::roll(HostId id) {
  if (id >= cluster_.hosts()) return;
  cluster_.host(id).crash();
  later(milliseconds(500), seconds(3), [this, id] {
    cluster_.host(id).boot();
    later(seconds(2), seconds(6), [this, id] { roll(static_cast<HostId>(id + 1)); });
  });
}

// From `first` round, each restarted with the new release once; `done` of them were. In between
// anything may happen to either.
void Faults::upgrade(HostId first, HostId done) {
  if (done == cluster_.hosts()) return;
  const Duration wait = upgrades_.between(seconds(2), seconds(25));
  const Duration off = upgrades_.between(milliseconds(300), seconds(4));
  cluster_.world().after(kNature, wait, [this, first, done, off] {
    if (!on_) return;
    const auto id = static_cast<HostId>((first + done) % cluster_.hosts());
    cluster_.world().note("faults", fmt::format("{} is upgraded", cluster_.host(id).name()));
    cluster_.host(id).crash();
    cluster_.host(id).set_older(false);
    cluster_.world().after(kNature, off, [this, id] {
      if (on_) cluster_.host(id).boot();
    });
    upgrade(first, static_cast<HostId>(done + 1));
  });
}

HostId Faults::draw_other(HostId id) {
  if (cluster_.hosts() == 2) return id == A ? B : A;
  const auto step = static_cast<HostId>(1 + rng_.below(cluster_.hosts() - 1U));
  return static_cast<HostId>((id + step) % cluster_.hosts());
}

void Faults::strike(Fault fault) {
  const auto id = static_cast<HostId>(rng_.below(cluster_.hosts()));
  const HostId other = draw_other(id);
  switch (fault) {
    case Fault::Crash:
    case Fault::LostDisk:
      cluster_.host(id).crash();
      boot_later(id, fault == Fault::LostDisk);
      return;
    case Fault::AllCrash:
      for (HostId each = 0; each < cluster_.hosts(); ++each) cluster_.host(each).crash();
      for (HostId each = 0; each < cluster_.hosts(); ++each) boot_later(each, false);
      return;
    case Fault::KillSegwd:
      cluster_.host(id).kill_segwd();
      boot_later(id, false);
      return;
    case Fault::Pause:
      cluster_.host(id).pause();
      go_on_later(id);
      if (rng_.below(3) != 0) return;
      cluster_.host(other).pause();  // nobody draws the traffic away: fencing alone stops it
      go_on_later(other);
      return;
    case Fault::IsaCrash:
      cluster_.host(id).crash_isa();
      return;
    case Fault::IsaHang:
      cluster_.host(id).hang_isa();
      later(milliseconds(50), seconds(3), [this, id] { cluster_.host(id).isa_goes_on(); });
      return;
    case Fault::Cut:
    case Fault::OneWayCut:
    case Fault::Clog:
    case Fault::BadLink:
      strike_link(fault, id, other);
      return;
    case Fault::BadClientLink:
      cluster_.packets().set_client_quality(draw_quality(300, milliseconds(60)));
      return;
    case Fault::NatRebind:
      cluster_.client(rng_.below(cluster_.clients())).rebind_nat();
      return;
    case Fault::Handover:
      hand_over();
      return;
    case Fault::ClearText:
      cluster_.inject_clear_text();
      return;
    case Fault::SlowDisk:
      cluster_.host(id).set_disk_delay(rng_.between(milliseconds(20), seconds(3)));
      later(seconds(1), seconds(20), [this, id] { cluster_.host(id).set_disk_delay({}); });
      return;
    case Fault::ClockStep:
      cluster_.host(id).step_wall_clock(rng_.between(seconds(0), seconds(7200)) - seconds(3600));
      return;
    case Fault::RollingRestart:
      roll(A);
      return;
    case Fault::RollingUpgrade:
      upgrade(static_cast<HostId>(upgrades_.below(cluster_.hosts())), 0);
      return;
    case Fault::Burst:
      burst();
      return;
  }
}

void Faults::strike_link(Fault fault, HostId id, HostId other) {
  Network& net = cluster_.net();
  if (fault == Fault::Clog) {
    net.clog(id, rng_.between(milliseconds(50), seconds(4)));
    return;
  }
  if (fault == Fault::BadLink) {
    net.set_quality(id, other, draw_quality(300, milliseconds(30)));
    net.set_quality(other, id, draw_quality(300, milliseconds(30)));
    return;
  }
  if (fault == Fault::Cut) {
    net.cut(std::min(id, other), std::max(id, other));
  } else {
    net.cut_one_way(id, other);
  }
  // In a domain other links may stay cut.
  later(milliseconds(200), seconds(12),
        [this, &net, id, other] { cluster_.hosts() == 2 ? net.heal() : net.heal(id, other); });
}

void Faults::calm() {
  on_ = false;
  cluster_.world().note("faults", "calm before the last");
  heal_all();
  for (HostId id = 0; id < cluster_.hosts(); ++id) cluster_.host(id).boot();
}

void Faults::cut_from_active() {
  dies_last_ = cluster_.master();
  if (!dies_last_) return;
  const HostId next = draw_other(*dies_last_);
  cluster_.net().cut(*dies_last_, next);
  for (HostId id = 0; id < cluster_.hosts(); ++id) {
    if (id == next || id == *dies_last_) continue;
    cluster_.host(id).refuse_isas(true);
    cluster_.host(id).crash_isa();
  }
}

void Faults::heal_all() {
  cluster_.net().heal();
  cluster_.packets().set_client_quality(
      LinkQuality{.delay_min = milliseconds(4), .delay_max = milliseconds(5)});
  for (HostId id = 0; id < cluster_.hosts(); ++id) {
    cluster_.host(id).go_on();
    cluster_.host(id).isa_goes_on();
    cluster_.host(id).set_disk_delay({});
  }
}

void Faults::end() {
  on_ = false;
  cluster_.world().note("faults", "end");
  if (dies_last_) cluster_.host(*dies_last_).crash();
  heal_all();
  if (dies_last_) return;
  const auto stays_down = static_cast<HostId>(rng_.below(cluster_.hosts()));
  const bool may_stay_down = std::ranges::find(kinds_, Fault::Crash) != kinds_.end();
  const bool one_stays_down = may_stay_down && rng_.chance_per_mille(kStaysDownChance);
  if (one_stays_down) cluster_.host(stays_down).crash();
  for (HostId id = 0; id < cluster_.hosts(); ++id) {
    if (!one_stays_down || id != stays_down) cluster_.host(id).boot();
  }
}

}  // namespace segw::sim
