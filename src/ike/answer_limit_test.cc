#include "ike/answer_limit.h"

#include <gtest/gtest.h>

namespace segw::ike {
namespace {

using namespace std::chrono_literals;

IpAddress source(uint32_t number) { return IpAddress::v4(0x0A000000 + number); }

TEST(AnswerLimit, OneSourceIsAnsweredOnceInTenSeconds) {
  AnswerLimit limit;
  EXPECT_TRUE(limit.admit(source(1), Instant(100s)));
  EXPECT_FALSE(limit.admit(source(1), Instant(109s)));
  EXPECT_TRUE(limit.admit(source(2), Instant(109s)));
  EXPECT_TRUE(limit.admit(source(1), Instant(110s)));
}

TEST(AnswerLimit, AllTogetherAreAnsweredTenTimesASecond) {
  AnswerLimit limit;
  size_t answered = 0;
  for (uint32_t number = 0; number < 1000; ++number) {
    answered += limit.admit(source(number), Instant(100s + number * 10ms)) ? 1 : 0;
  }
  EXPECT_EQ(answered, 10 * AnswerLimit::kPerSecond) << "in ten seconds";
}

}  // namespace
}  // namespace segw::ike
