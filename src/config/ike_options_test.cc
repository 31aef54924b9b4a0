#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "config/load.h"

namespace segw::config {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

std::string file(const std::string& name) {
  const std::ifstream in(std::string(SEGW_SOURCE_DIR) + "/labs/pair/" + name);
  std::stringstream content;
  content << in.rdbuf();
  return content.str();
}

// The pair lab's configuration with `more` in its ike-policy and `version` in ike-version-2.
auto load_with(const std::string& version, const std::string& more) {
  std::string text = file("a.cfg");
  const std::string_view place = "ike-version-2 {\n            }";
  const size_t at = text.find(place);
  EXPECT_NE(at, std::string::npos);
  text.replace(at, place.size(), "ike-version-2 {\n" + version + "\n}\n" + more);
  return load(make_schema(), text, *parse_ports(file("a.ports")));
}

ike::IkeOptions options(const std::string& version, const std::string& more) {
  const auto loaded = load_with(version, more);
  if (!loaded) {
    for (const ConfigError& error : loaded.error()) ADD_FAILURE() << text(error);
    return {};
  }
  EXPECT_FALSE(loaded->config->tunnels.empty());
  return loaded->config->tunnels.front().ike_policy.options;
}

TEST(IkeOptions, WithoutConfigurationNothingIsCutAndNobodyIsLockedOut) {
  const ike::IkeOptions found = options("", "");
  EXPECT_FALSE(found.fragments);
  EXPECT_FALSE(found.lockout);
  EXPECT_EQ(found.reduced_exchange_timeout, seconds(2));
}

TEST(IkeOptions, AnEmptyContainerMeansItsDefaults) {
  const ike::IkeOptions found = options("ikev2-fragment { }", "lockout { }");
  EXPECT_EQ(found.fragments, ike::FragmentSettings{});
  EXPECT_EQ(found.lockout, ike::LockoutSettings{});
}

TEST(IkeOptions, EveryLeafIsRead) {
  const ike::IkeOptions found =
      options("ikev2-fragment {\nmtu 1280\nreassembly-timeout 5\n}",
              "lockout {\nfailed-attempts 5\nduration 7\nblock 9\nmax-port-per-ip 11\n}\n"
              "limit-init-exchange { reduced-max-exchange-timeout 10 }");
  EXPECT_EQ(found.fragments,
            (ike::FragmentSettings{.mtu = 1280, .reassembly_timeout = seconds(5)}));
  EXPECT_EQ(found.lockout, (ike::LockoutSettings{.failed_attempts = 5,
                                                 .duration = minutes(7),
                                                 .block = minutes(9),
                                                 .max_port_per_ip = 11}));
  EXPECT_EQ(found.reduced_exchange_timeout, seconds(10));
}

TEST(IkeOptions, AHalfOpenSaKeepsItsLifeWhereItIsNotLimited) {
  EXPECT_FALSE(options("", "limit-init-exchange { admin-state disable }").reduced_exchange_timeout);
  EXPECT_FALSE(options("", "limit-init-exchange { reduced-max-exchange-timeout none }")
                   .reduced_exchange_timeout);
}

TEST(IkeOptions, ABlockMayHaveNoEnd) {
  EXPECT_GT(options("", "lockout { block infinite }").lockout->block, std::chrono::hours(1'000));
}

struct Range {
  const char* version;
  const char* more;
};
class IkeOptionRange : public testing::TestWithParam<Range> {};

TEST_P(IkeOptionRange, IsEnforced) { EXPECT_FALSE(load_with(GetParam().version, GetParam().more)); }

INSTANTIATE_TEST_SUITE_P(
    IkeOptions, IkeOptionRange,
    testing::Values(Range{"ikev2-fragment { mtu 511 }", ""},
                    Range{"ikev2-fragment { mtu 9001 }", ""},
                    Range{"ikev2-fragment { reassembly-timeout 0 }", ""},
                    Range{"ikev2-fragment { reassembly-timeout 6 }", ""},
                    Range{"", "lockout { failed-attempts 0 }"},
                    Range{"", "lockout { failed-attempts 65 }"},
                    Range{"", "lockout { duration 0 }"}, Range{"", "lockout { duration 61 }"},
                    Range{"", "lockout { block 0 }"}, Range{"", "lockout { block 1441 }"},
                    Range{"", "lockout { max-port-per-ip 0 }"},
                    Range{"", "limit-init-exchange { reduced-max-exchange-timeout 1 }"},
                    Range{"", "limit-init-exchange { reduced-max-exchange-timeout 61 }"}));

}  // namespace
}  // namespace segw::config
