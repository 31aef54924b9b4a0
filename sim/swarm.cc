#include "sim/swarm.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "esp/algorithm.h"
#include "sim/faults.h"

namespace segw::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Of the whole run: long enough after it for everything that liveness promises.
constexpr Duration kLivenessPhase = seconds(55);
// A domain has come to rest again, and then knows of a cut.
constexpr Duration kLastOfAll = seconds(24);
constexpr Duration kCutBeforeDeath = seconds(9);
// For a split that lasts, and is merged.
constexpr Duration kLongCutSafety = seconds(65);

ike::Group draw_group(Rng& rng) {
  const uint64_t dice = rng.below(10);
  if (dice < 7) return ike::Group::Curve25519;
  return dice < 9 ? ike::Group::Ecp256 : ike::Group::Modp2048;
}

uint16_t draw_key_bits(Rng& rng) { return rng.below(2) == 0 ? 128 : 256; }

// In half of the runs the gateway begins tunnels and rekeys as well. Lifetimes are short, and the
// clients do less of their own, so that SAs grow old enough for it.
void draw_gateway(ClusterOptions& options, Rng& rng) {
  if (rng.below(2) == 0) return;
  options.responder_only = false;
  options.gateway_begins = static_cast<uint8_t>(rng.below(8));
  options.child_lifetime = seconds(static_cast<int64_t>(rng.from(12, 45)));
  options.ike_lifetime = seconds(static_cast<int64_t>(rng.from(30, 120)));
  options.chore_min = seconds(static_cast<int64_t>(rng.from(2, 12)));
  options.chore_max = options.chore_min + seconds(static_cast<int64_t>(rng.from(5, 30)));
}

ClusterOptions draw_options(Rng& rng) {
  ClusterOptions options;
  options.clients = static_cast<uint8_t>(rng.from(1, 3));
  options.keep_alive = rng.below(2) == 0 ? milliseconds(500) : milliseconds(1000);
  options.hold_count = static_cast<uint8_t>(rng.from(2, 4));
  options.ike_suite.group = draw_group(rng);
  options.ike_suite.key_bits = draw_key_bits(rng);
  if (rng.below(2) == 0) {
    options.ike_suite.encryption = esp::Encryption::AesCbc;
    options.ike_suite.integrity = esp::Integrity::HmacSha256_128;
  }
  options.esp_suite.key_bits = draw_key_bits(rng);
  if (rng.below(2) == 0) {
    options.esp_suite.encryption = esp::Encryption::AesCbc;
    options.esp_suite.integrity = esp::Integrity::HmacSha256_128;
  }
  options.esp_suite.extended_sequence_numbers = rng.below(2) == 0;
  if (rng.below(3) == 0) options.pfs = ike::Group::Curve25519;
  options.client_window = static_cast<uint32_t>(32 << rng.below(3));
  options.gateway_window = static_cast<uint16_t>(32 << rng.below(4));
  options.behind_nat = static_cast<uint8_t>(rng.below(8));
  options.probe_interval = milliseconds(rng.from(40, 120));
  options.chore_min = milliseconds(rng.from(300, 2000));
  options.chore_max = options.chore_min + milliseconds(rng.from(500, 8000));
  if (rng.below(2) == 0) options.gateway_liveness = seconds(static_cast<int64_t>(rng.from(10, 20)));
  draw_gateway(options, rng);
  return options;
}

// Not NULL: no_clear_text would see it.
esp::Suite draw_suite(Rng& rng) {
  using E = esp::Encryption;
  using I = esp::Integrity;
  constexpr std::array<esp::Suite, 7> kSuites{{{E::AesCbc, 128, I::HmacSha1_96},
                                               {E::AesCbc, 192, I::HmacSha384_192},
                                               {E::AesCbc, 256, I::HmacSha512_256},
                                               {E::AesCbc, 128, I::AesXcbc_96},
                                               {E::AesGcm8, 192},
                                               {E::AesGcm12, 256},
                                               {E::ChaCha20Poly1305, 256}}};
  return kSuites.at(rng.below(kSuites.size()));
}

// The rarer algorithms, in one seed of four, from a stream of their own.
void draw_rare(uint64_t seed, ClusterOptions& options) {
  Rng rng(seed, "rare suites");
  if (rng.below(4) != 0) return;
  constexpr std::array kPrfs{ike::Prf::HmacSha1, ike::Prf::AesXcbc, ike::Prf::HmacSha384,
                             ike::Prf::HmacSha512};
  constexpr std::array kGroups{ike::Group::Modp1024, ike::Group::Modp1536, ike::Group::Modp3072,
                               ike::Group::Ecp384, ike::Group::Ecp521};
  const bool extended = options.esp_suite.extended_sequence_numbers;
  options.esp_suite = draw_suite(rng);
  options.esp_suite.extended_sequence_numbers = extended;
  const esp::Suite suite = draw_suite(rng);
  options.ike_suite.encryption = suite.encryption;
  options.ike_suite.key_bits = suite.key_bits;
  options.ike_suite.integrity = suite.integrity;
  options.ike_suite.prf = kPrfs.at(rng.below(kPrfs.size()));
  options.ike_suite.group = kGroups.at(rng.below(kGroups.size()));
  if (options.pfs) options.pfs = kGroups.at(rng.below(kGroups.size()));
}

// Drawn apart, so that the rest of a seed's options is what it was before there was IPv6.
void draw_families(uint64_t seed, ClusterOptions& options) {
  Rng rng(seed, "families");
  if (options.dynamic || rng.below(3) != 0) return;  // the seeds' gateway has one address
  options.over_v6 = static_cast<uint8_t>(rng.below(8)) & static_cast<uint8_t>(~options.behind_nat);
  options.inside_v6 = static_cast<uint8_t>(rng.below(8));
}

// A third of the seeds are domains: up to three designated actives, at times with a standby.
void draw_domain(uint64_t seed, ClusterOptions& options) {
  Rng rng(seed, "domain");
  if (rng.below(3) != 0) return;
  const uint64_t actives = rng.from(1, 3);
  const bool has_standby = actives == 1 || rng.below(2) == 0;
  const bool revertive = rng.below(2) == 0;
  for (uint64_t i = 0; i < actives; ++i) {
    // Equal priorities too.
    options.domain.push_back(DomainNode{.role = mimp::DesignatedRole::Active,
                                        .priority = static_cast<uint8_t>(100 + 10 * rng.below(3)),
                                        .revertive = revertive});
  }
  if (!has_standby) return;
  options.domain.push_back(DomainNode{
      .role = mimp::DesignatedRole::Standby, .priority = 200, .pooled = rng.below(2) == 0});
}

// A fifth of the pairs begins with the release before, which knows no domains.
void draw_release(uint64_t seed, ClusterOptions& options) {
  options.older = options.domain.empty() && Rng(seed, "release").below(5) == 0;
}

// The seeds with BFD between the chassis.
void draw_bfd(uint64_t seed, ClusterOptions& options) {
  options.bfd = Rng(seed, "bfd").below(5) == 0;
}

FaultOptions draw_faults(uint64_t seed, Duration safety, ClusterOptions& options) {
  FaultOptions faults{.has_nat = options.behind_nat != 0, .upgrade = options.older};
  faults.bursts = Rng(seed, "bursts").below(8) == 0;
  // The release before cannot merge.
  const bool pair = options.domain.empty() && !options.older;
  if (pair && safety >= kLongCutSafety && Rng(seed, "long cut").below(10) == 0) {
    faults.long_cut = true;
    options.gateway_liveness = seconds(5);
    // An IKE SA that is rekeyed on one side is another one than what the other side gives up.
    options.responder_only = true;
    options.gateway_begins = 0;
    options.ike_lifetime = std::chrono::hours(24);
    options.child_lifetime = std::chrono::hours(1);
    options.chore_min = seconds(15);
    options.chore_max = seconds(60);
  }
  faults.last_of_all = options.domain.size() > 2 && safety >= 2 * kLastOfAll &&
                       Rng(seed, "last of all").below(3) == 0;
  return faults;
}

std::string describe(const std::vector<DomainNode>& domain) {
  std::string text = domain.empty() ? "" : " domain=";
  for (const DomainNode& node : domain) {
    const bool active = node.role == mimp::DesignatedRole::Active;
    text += fmt::format("{}{}{}{}{}", text.back() == '=' ? "" : ",", active ? "da" : "ds",
                        node.priority, node.revertive ? "r" : "", node.pooled ? "p" : "");
  }
  return text;
}

std::string describe(const ClusterOptions& options) {
  const esp::Suite ike{.encryption = options.ike_suite.encryption,
                       .key_bits = options.ike_suite.key_bits,
                       .integrity = options.ike_suite.integrity};
  return fmt::format(
      "clients={} nat={:03b} v6={:03b}/{:03b} keep-alive={}ms hold={} ike={}/prf{}/group{} "
      "esp={} window={} probe={}ms begins={:03b} lifetimes={}/{}s{}{}{}{}",
      options.clients, options.behind_nat, options.over_v6, options.inside_v6,
      options.keep_alive / milliseconds(1), options.hold_count, esp::text(ike),
      static_cast<int>(options.ike_suite.prf), static_cast<int>(options.ike_suite.group),
      esp::text(options.esp_suite), options.client_window, options.probe_interval / milliseconds(1),
      options.gateway_begins, options.ike_lifetime / seconds(1),
      options.child_lifetime / seconds(1), options.dynamic ? " dynamic" : "",
      options.older ? " older" : "", options.bfd ? " bfd" : "", describe(options.domain));
}

void add(ClientCounts& to, const ClientCounts& more) {
  to.probes += more.probes;
  to.echoes += more.echoes;
  to.authentications += more.authentications;
  to.reauthentications += more.reauthentications;
  to.rekeys += more.rekeys;
  to.answered_set_ups += more.answered_set_ups;
  to.answered_rekeys += more.answered_rekeys;
  to.replays_refused += more.replays_refused;
  to.integrity_failures += more.integrity_failures;
}

}  // namespace

SeedOutcome run_seed(uint64_t seed, Duration length,
                     const std::function<void(const std::string&)>& echo) {
  Rng rng(seed, "swarm");
  ClusterOptions options = draw_options(rng);
  draw_rare(seed, options);
  options.dynamic = Rng(seed, "dynamic").below(4) == 0;
  draw_families(seed, options);
  draw_domain(seed, options);
  draw_release(seed, options);
  draw_bfd(seed, options);
  const Duration safety = std::max<Duration>(seconds(5), length - kLivenessPhase);
  const FaultOptions fault_options = draw_faults(seed, safety, options);
  Cluster cluster(seed, options);
  if (echo) cluster.world().echo(echo);
  Faults faults(cluster, fault_options);
  SeedOutcome outcome{.seed = seed, .options = describe(options) + " " + faults.describe()};
  cluster.world().note("options", outcome.options);
  cluster.boot();
  faults.start();
  if (fault_options.last_of_all) {
    cluster.run_for(safety - kLastOfAll);
    faults.calm();
    cluster.run_for(kLastOfAll - kCutBeforeDeath);
    faults.cut_from_active();
    cluster.run_for(kCutBeforeDeath);
  } else {
    cluster.run_for(safety);
  }
  if (cluster.violations().empty()) {
    faults.end();
    cluster.run_for(length - safety);
  }
  outcome.violations = cluster.violations();
  if (!outcome.violations.empty()) outcome.history = cluster.report();
  outcome.unseed = cluster.world().unseed();
  outcome.events = cluster.world().events_run();
  outcome.takeovers = cluster.counts();
  for (size_t i = 0; i < cluster.clients(); ++i) add(outcome.clients, cluster.client(i).counts());
  return outcome;
}

}  // namespace segw::sim
