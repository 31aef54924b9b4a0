// Sequence numbers of a busy SA over a takeover (redundancy rule 11). The checkers look for repeats
// everywhere; here is the traffic that other scenarios do not have: more than a block of 2^14.
#include "esp/sequence_plan.h"
#include "scenario.h"
#include "sim/probe.h"

namespace segw::sim {
namespace {

using namespace std::chrono_literals;

constexpr uint64_t kBurst = uint64_t{1} << 40;  // probe numbers that no client uses
constexpr size_t kMoreThanABlock = esp::kBlockSize + 500;

class BusySa : public Scenario {
 protected:
  // From the core to the client, at once.
  void burst(size_t count) {
    const ClientSpec& spec = cluster().client().spec();
    for (size_t i = 0; i < count; ++i) {
      cluster().packets().send_to_clients(encode_probe(
          Probe{.number = kBurst + sent_++, .echo = true}, spec.core_host, spec.inner_host));
    }
  }
  // The first number that this chassis knows to be free.
  uint64_t reported_at(HostId id) {
    const chassis::Chassis* chassis = cluster().host(id).chassis();
    const mcs::GroupState* state = chassis != nullptr ? chassis->group_state(kGroup) : nullptr;
    if (state == nullptr || state->windows.empty()) return 0;
    return state->windows.begin()->second.outbound_next;
  }

 private:
  uint64_t sent_ = 0;
};

// A seals in its own blocks only, for B was away. It loses its ISA in the middle of a burst that no
// report has told of, stays, and gives B its blocks: B must not go into those that A's ISA used.
TEST_F(BusySa, BlocksThatALostIsaUsedAfterItsLastReportAreNotUsedAgain) {
  make({.rekeys_taken_over = false});
  Cluster& c = cluster();
  c.host(A).boot();
  c.client().start();
  ASSERT_TRUE(c.run_until([&] { return c.all_have_tunnels(); }, 20s)) << c.report();
  // A first loss puts A above the grant that is in the record (decision 0030).
  c.host(A).crash_isa();
  ASSERT_TRUE(c.run_until([&] { return reported_at(A) > esp::kUnreportedMax; }, 10s)) << c.report();
  c.host(B).boot();
  ASSERT_TRUE(c.run_until([&] { return c.redundant(); }, 30s)) << c.report();
  ASSERT_EQ(c.master(), A);
  const uint64_t before = reported_at(B);
  ASSERT_TRUE(c.run_until([&] { return reported_at(B) > before; }, 2s)) << c.report();
  burst(kMoreThanABlock);
  c.run_for(10ms);
  c.host(A).crash_isa();
  ASSERT_TRUE(c.run_until([&] { return c.master() == B; }, 2s)) << c.report();
  EXPECT_LT(reported_at(B) >> esp::kBlockBits, (before >> esp::kBlockBits) + 2) << "not a burst";
  // Until A has given blocks of its own away.
  ASSERT_TRUE(c.run_until([&] { return c.redundant(); }, 20s)) << c.report();
  c.run_for(8s);
  burst(kMoreThanABlock);
  c.run_for(1s);
  EXPECT_TRUE(c.violations().empty()) << c.report();
  EXPECT_EQ(c.client().counts().reauthentications, 0U);
}

}  // namespace
}  // namespace segw::sim
