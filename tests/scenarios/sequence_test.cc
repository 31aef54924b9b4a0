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

// A leaves B's blocks alone, for B was away, and is above every grant, for it has lost an ISA. It
// loses the next one in the middle of a burst that no report has told of, stays, and gives B its
// blocks: B must not go into those that A's ISA used.
TEST_F(BusySa, BlocksThatALostIsaUsedAfterItsLastReportAreNotUsedAgain) {
  Cluster& c = converged({.rekeys_taken_over = false});
  c.host(B).pause();
  c.run_for(c.hold_time() + 1s);
  c.host(B).go_on();
  ASSERT_TRUE(c.run_until([&] { return c.redundant(); }, 10s)) << c.report();
  c.host(A).crash_isa();
  ASSERT_TRUE(c.run_until([&] { return c.master() == B && c.redundant(); }, 10s)) << c.report();
  c.run_for(1s);
  ASSERT_TRUE(c.hand_over(B)) << c.report();
  ASSERT_TRUE(c.run_until([&] { return c.master() == A && c.redundant(); }, 10s)) << c.report();
  c.run_for(1s);
  const uint64_t before = reported_at(B);
  ASSERT_TRUE(c.run_until([&] { return reported_at(B) > before; }, 2s)) << c.report();
  const uint64_t block = reported_at(B) >> esp::kBlockBits;
  burst(kMoreThanABlock);
  c.run_for(10ms);
  c.host(A).crash_isa();
  EXPECT_EQ(reported_at(B) >> esp::kBlockBits, block) << "the burst was told of";
  ASSERT_TRUE(c.run_until([&] { return c.master() == B && c.redundant(); }, 10s)) << c.report();
  c.run_for(4s);  // A gives blocks of its own away
  burst(kMoreThanABlock);
  c.run_for(1s);
  EXPECT_TRUE(c.violations().empty()) << c.report();
  EXPECT_EQ(c.client().counts().authentications, 1U);
  EXPECT_EQ(c.client().outbound_spis().size(), 1U) << "it is one SA";
}

}  // namespace
}  // namespace segw::sim
