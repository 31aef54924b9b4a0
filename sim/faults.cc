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
constexpr std::array<Kind, 14> kKinds = {{{Fault::Crash, "crash"},
                                          {Fault::LostDisk, "lost-disk"},
                                          {Fault::BothCrash, "both-crash"},
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
                                          {Fault::ClearText, "clear-text"}}};
constexpr uint32_t kKindChance = 450;
constexpr uint32_t kStaysDownChance = 300;

}  // namespace

Faults::Faults(Cluster& cluster, bool has_nat)
    : cluster_(cluster), rng_(cluster.world().stream("faults")) {
  for (const Kind& kind : kKinds) {
    const bool picked = rng_.chance_per_mille(kKindChance);
    if (picked && (kind.fault != Fault::NatRebind || has_nat)) kinds_.push_back(kind.fault);
  }
  if (kinds_.empty()) kinds_.push_back(Fault::Crash);
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

void Faults::hand_over() {
  const auto master = cluster_.master();
  if (!master) return;
  chassis::Chassis* chassis = cluster_.host(*master).chassis();
  if (chassis == nullptr || cluster_.host(*master).paused()) return;
  World& world = cluster_.world();
  world.note("tools", fmt::format("force-switchover at {}", cluster_.host(*master).name()));
  chassis->force_switchover(kGroup, [&world](const Result<std::string>& result) {
    world.note("tools", result ? *result : result.error().text);
  });
}

void Faults::strike(Fault fault) {
  const auto id = static_cast<HostId>(rng_.below(2));
  const HostId other = id == A ? B : A;
  switch (fault) {
    case Fault::Crash:
    case Fault::LostDisk:
      cluster_.host(id).crash();
      boot_later(id, fault == Fault::LostDisk);
      return;
    case Fault::BothCrash:
      cluster_.host(A).crash();
      cluster_.host(B).crash();
      boot_later(A, false);
      boot_later(B, false);
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
    case Fault::Cut:
      cluster_.net().cut(A, B);
      later(milliseconds(200), seconds(12), [this] { cluster_.net().heal(); });
      return;
    case Fault::OneWayCut:
      cluster_.net().cut_one_way(id, other);
      later(milliseconds(200), seconds(12), [this] { cluster_.net().heal(); });
      return;
    case Fault::Clog:
      cluster_.net().clog(id, rng_.between(milliseconds(50), seconds(4)));
      return;
    case Fault::BadLink:
      cluster_.net().set_quality(A, B, draw_quality(300, milliseconds(30)));
      cluster_.net().set_quality(B, A, draw_quality(300, milliseconds(30)));
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
  }
}

void Faults::end() {
  on_ = false;
  cluster_.world().note("faults", "end");
  cluster_.net().heal();
  cluster_.packets().set_client_quality(
      LinkQuality{.delay_min = milliseconds(4), .delay_max = milliseconds(5)});
  cluster_.host(A).go_on();
  cluster_.host(B).go_on();
  const auto stays_down = static_cast<HostId>(rng_.below(2));
  const bool may_stay_down = std::ranges::find(kinds_, Fault::Crash) != kinds_.end();
  if (may_stay_down && rng_.chance_per_mille(kStaysDownChance)) {
    cluster_.host(stays_down).crash();
    cluster_.host(stays_down == A ? B : A).boot();
    return;
  }
  cluster_.host(A).boot();
  cluster_.host(B).boot();
}

}  // namespace segw::sim
