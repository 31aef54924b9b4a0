// What a second text says beside other keys that chassis share.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "config/load.h"

namespace segw::config {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string file(const std::string& name) {
  const std::ifstream in(std::string(SEGW_SOURCE_DIR) + "/labs/pair/" + name);
  std::stringstream content;
  content << in.rdbuf();
  return content.str();
}

std::string replaced(std::string in, std::string_view what, std::string_view by) {
  const size_t at = in.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  if (at != std::string::npos) in.replace(at, what.size(), by);
  return in;
}

class Differences : public testing::Test {
 protected:
  static Loaded loaded(const std::string& text) {
    const auto ports = parse_ports(file("a.ports"));
    auto made = load(text, ports ? *ports : PortsMap{});
    EXPECT_TRUE(made) << config::text(made.error().front());
    return made ? *made : Loaded{};
  }
  // Between the sample and what it becomes.
  std::vector<std::string> with(std::string_view what, std::string_view by) {
    return differences(*running_.settings, loaded(replaced(file("a.cfg"), what, by)));
  }
  Loaded running_ = loaded(file("a.cfg"));
};

TEST_F(Differences, ThereAreNoneBetweenTwoReadingsOfOneText) {
  EXPECT_THAT(differences(*running_.settings, loaded(file("a.cfg"))), IsEmpty());
}

TEST_F(Differences, KeysThatChassisShareAreNone) {
  EXPECT_THAT(
      with("sync {", "authentication-key \"one\"\n second-authentication-key \"two\"\n sync {"),
      IsEmpty());
}

TEST_F(Differences, AreNamedByTheirPlace) {
  EXPECT_THAT(with("priority 200", "priority 201"),
              ElementsAre("/configure/redundancy/multi-chassis/peer[ip-address=192.0.2.2]/mc-ipsec/"
                          "tunnel-group[id=1]/priority"));
  EXPECT_THAT(with("ipsec-responder-only true", "ipsec-responder-only false"),
              ElementsAre("/configure/isa/tunnel-group[id=1]/ipsec-responder-only"));
}

TEST_F(Differences, OfASecretAreSeenAlthoughNobodyKeepsIt) {
  const auto found = with("a shared secret of the lab", "another");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_THAT(found.front(), HasSubstr("/pre-shared-key"));
}

TEST_F(Differences, OfAnOrderAreSeen) {
  EXPECT_THAT(with("ike-transform [1 2 3]", "ike-transform [2 1 3]"),
              Contains(HasSubstr("/ike-transform")));
}

TEST_F(Differences, OfWhatIsGoneAreCounted) {
  EXPECT_THAT(with("description \"the other chassis of the pair\"", ""),
              ElementsAre("1 that are there no more"));
}

TEST_F(Differences, AreTenAtMost) {
  std::string text = file("a.cfg");
  for (int i = 10; i < 40; ++i) {
    text += "configure ipsec ike-policy " + std::to_string(i) +
            " { ike-transform [1]\n ike-version-2 { } }\n";
  }
  const auto found = differences(*running_.settings, loaded(text));
  ASSERT_EQ(found.size(), 11U);
  EXPECT_THAT(found.back(), HasSubstr(" more"));
}

}  // namespace
}  // namespace segw::config
