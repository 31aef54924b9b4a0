// How many CHILD SAs one IKE SA has: what is rekeyed must not be refused for the others.
#include <gtest/gtest.h>

#include "ike/testing.h"

namespace segw::ike {
namespace {

using namespace std::chrono_literals;
using testing::Client;
using testing::Gateway;
using testing::group_settings;
using testing::refused;

constexpr size_t kAskedForMax = 16;
constexpr size_t kHeldMax = 48;

class ManyChildSas : public ::testing::Test {
 protected:
  explicit ManyChildSas(GroupSettings settings = group_settings()) : gateway_(std::move(settings)) {
    EXPECT_TRUE(client_.connect(gateway_));
  }
  std::optional<std::vector<Payload>> ask_for_one(uint32_t spi) {
    client_.child_spi = spi;
    return client_.open(
        gateway_.ask(client_.request(Exchange::CreateChildSa, client_.child_payloads())));
  }
  // The client has rekeyed the CHILD SA that it receives by `old`.
  std::optional<std::vector<Payload>> rekey(uint32_t old, uint32_t spi) {
    client_.child_spi = spi;
    auto payloads = client_.child_payloads();
    auto rekeys = notify(NotifyType::RekeySa);
    rekeys.protocol = kProtocolEspSa;
    rekeys.spi = Client::spi_bytes(old);
    payloads.emplace_back(rekeys);
    return client_.open(gateway_.ask(client_.request(Exchange::CreateChildSa, payloads)));
  }
  size_t held() { return gateway_.only_ike().children.size(); }

  Gateway gateway_;
  Client client_;
};

TEST_F(ManyChildSas, AreRekeyedByTheClientHoweverManyThereAre) {
  for (uint32_t i = 1; i < kAskedForMax; ++i) {
    EXPECT_TRUE(Client::find<payload::Sa>(*ask_for_one(0x2000 + i)));
  }
  EXPECT_TRUE(refused(ask_for_one(0x3000), NotifyType::NoAdditionalSas));
  for (uint32_t i = 1; i < kAskedForMax; ++i) {
    EXPECT_TRUE(Client::find<payload::Sa>(*rekey(0x2000 + i, 0x4000 + i))) << i;
  }
  EXPECT_TRUE(refused(ask_for_one(0x3000), NotifyType::NoAdditionalSas)) << "as before";
  EXPECT_EQ(held(), 2 * kAskedForMax - 1);
}

TEST_F(ManyChildSas, ThatWereRekeyedDoNotCountAsWhatTheClientHas) {
  for (uint32_t i = 1; i < 10; ++i) {
    ask_for_one(0x2000 + i);
    rekey(0x2000 + i, 0x4000 + i);
  }
  EXPECT_EQ(held(), 19U);
  EXPECT_TRUE(Client::find<payload::Sa>(*ask_for_one(0x3000)));
}

TEST_F(ManyChildSas, AreBoundedWhateverIsRekeyed) {
  uint32_t old = testing::kClientSpi;
  for (uint32_t i = 1; i < kHeldMax; ++i, old = 0x2000 + i - 1) {
    ASSERT_TRUE(Client::find<payload::Sa>(*rekey(old, 0x2000 + i))) << i;
  }
  EXPECT_EQ(held(), kHeldMax);
  EXPECT_TRUE(refused(rekey(old, 0x3000), NotifyType::TemporaryFailure)) << "the old ones go";
  EXPECT_TRUE(refused(ask_for_one(0x3001), NotifyType::NoAdditionalSas));
  EXPECT_EQ(held(), kHeldMax);
  // Nor do we ask for another.
  gateway_.engine->rekey_child(gateway_.only_ike().children.back());
  EXPECT_TRUE(gateway_.run_for(2s).empty());
  EXPECT_GE(gateway_.engine->counters().get("child-sas-full"), 1U);
}

// As initiator: what the client agrees to while it makes others is too much by then.
TEST_F(ManyChildSas, AreBoundedInAnswersToo) {
  uint32_t old = testing::kClientSpi;
  for (uint32_t i = 1; i + 1 < kHeldMax; ++i, old = 0x2000 + i - 1) rekey(old, 0x2000 + i);
  ASSERT_EQ(held(), kHeldMax - 1);
  gateway_.engine->rekey_child(gateway_.only_ike().children.back());
  ASSERT_TRUE(gateway_.only_ike().pending);
  const uint32_t id = gateway_.only_ike().pending->message_id;
  ask_for_one(0x3000);
  ASSERT_EQ(held(), kHeldMax);
  client_.child_spi = 0x5000;
  std::swap(client_.own_selectors, client_.far_selectors);  // we are the initiator
  gateway_.give(client_.seal(Exchange::CreateChildSa, client_.child_payloads(), id, true));
  EXPECT_EQ(held(), kHeldMax);
  EXPECT_EQ(gateway_.engine->counters().get("child-answer-unusable"), 1U);
}

}  // namespace
}  // namespace segw::ike
