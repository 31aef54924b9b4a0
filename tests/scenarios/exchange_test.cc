// A crash in the middle of every exchange: after each message that the master sends in it.
#include "scenario.h"

namespace segw::sim {
namespace {

using namespace std::chrono_literals;

struct Exchange {
  const char* name;
  Chore chore;
};

class CrashDuring : public Scenario, public testing::WithParamInterface<Exchange> {};

// What the client ends with is a working tunnel, without another authentication.
TEST_P(CrashDuring, TheSuccessorFinishesIt) {
  constexpr uint64_t kMessagesMax = 16;
  for (uint64_t k = 1; k <= kMessagesMax; ++k) {
    Cluster& c = converged();
    c.run_for(1s);
    const uint64_t authentications = GetParam().chore == Chore::NewTunnel ? 2 : 1;
    c.crash_after_messages(A, k);
    ASSERT_TRUE(c.client().do_chore(GetParam().chore));
    c.run_for(1s);
    if (c.host(A).powered()) c.host(A).crash();  // the exchange takes fewer messages
    ASSERT_TRUE(c.run_until([&] { return c.master() == B && c.client().idle(); }, 15s))
        << "k=" << k << "\n"
        << c.report();
    const uint64_t echoes = c.client().counts().echoes;
    c.run_for(3s);
    ASSERT_GT(c.client().counts().echoes, echoes + 10) << "k=" << k << "\n" << c.report();
    ASSERT_EQ(c.client().counts().reauthentications, 0U) << "k=" << k << "\n" << c.report();
    ASSERT_EQ(c.client().counts().authentications, authentications) << c.report();
    ASSERT_TRUE(c.violations().empty()) << "k=" << k << "\n" << c.report();
  }
}

INSTANTIATE_TEST_SUITE_P(Exchanges, CrashDuring,
                         testing::Values(Exchange{"RekeyChild", Chore::RekeyChild},
                                         Exchange{"RekeyIke", Chore::RekeyIke},
                                         Exchange{"Liveness", Chore::Liveness},
                                         Exchange{"NewTunnel", Chore::NewTunnel}),
                         [](const auto& exchange) { return exchange.param.name; });

using CrashDuringSetup = Scenario;

TEST_F(CrashDuringSetup, TheSuccessorFinishesTheFirstAuthentication) {
  constexpr uint64_t kMessagesMax = 10;
  for (uint64_t k = 1; k <= kMessagesMax; ++k) {
    make();
    Cluster& c = cluster();
    c.host(A).boot();
    c.host(B).boot();
    ASSERT_TRUE(c.run_until([&] { return c.redundant(); }, 20s)) << c.report();
    c.crash_after_messages(A, k);
    c.client().start();
    c.run_for(500ms);
    if (c.host(A).powered()) c.host(A).crash();
    ASSERT_TRUE(c.run_until([&] { return c.master() == B && c.client().idle(); }, 15s))
        << "k=" << k << "\n"
        << c.report();
    ASSERT_EQ(c.client().counts().authentications, 1U) << "k=" << k << "\n" << c.report();
    ASSERT_TRUE(c.violations().empty()) << "k=" << k << "\n" << c.report();
  }
}

}  // namespace
}  // namespace segw::sim
