#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "cli/console.h"
#include "platform/testing/memory_files.h"
#include "snapshots.h"

namespace segw::cli {
namespace {

constexpr std::string_view kPrompt = "A:admin@SeGW-A# ";

std::string read(const std::string& path) {
  const std::ifstream in(std::string(SEGW_SOURCE_DIR) + "/" + path);
  std::stringstream content;
  content << in.rdbuf();
  return content.str();
}

// A chassis that is as its snapshot says.
class StillChassis : public chassis::Chassis {
 public:
  explicit StillChassis(chassis::Status status) : status_(std::move(status)) {}
  void start(std::function<void(Result<void>)> started) override { started({}); }
  [[nodiscard]] chassis::Status status() const override { return status_; }
  void force_switchover(TunnelGroupId group,
                        std::function<void(Result<std::string>)> done) override {
    ++switchovers;
    if (status_.peers.front().groups.front().in_sync) {
      done("tunnel-group " + std::to_string(group.value) + " is now standby here");
    } else {
      done(failure("the peer is not in sync"));
    }
  }
  void force_switchover(DomainId domain, std::optional<IpAddress> to,
                        std::function<void(Result<std::string>)> done) override {
    ++switchovers;
    done(fmt::format("ipsec-domain {} moves to {}", domain.value, to ? to->text() : "auto"));
  }
  void hand_over_all(platform::Callback done) override { done(); }
  Result<std::string> clear_tunnel(std::string_view name) override {
    if (name != "tunnel-1") return failure("ipsec-tunnel \"" + std::string(name) + "\" is unknown");
    return std::string("the tunnel's SAs are being deleted");
  }
  Result<std::string> clear_client(std::string_view gateway, std::string_view client) override {
    if (gateway != "gw-1" || client != "enb10") return failure("no such client");
    return std::string("the tunnel's SAs are being deleted");
  }
  Result<std::string> perform_on_tunnel(std::string_view name, ike::TunnelAction action) override {
    if (name != "tunnel-1") return failure("ipsec-tunnel \"" + std::string(name) + "\" is unknown");
    return "action " + std::to_string(static_cast<int>(action));
  }
  Result<std::string> perform_on_client(std::string_view gateway, std::string_view client,
                                        ike::TunnelAction action) override {
    if (gateway != "gw-1" || client != "enb10") return failure("no such client");
    return "action " + std::to_string(static_cast<int>(action)) + " on a client";
  }
  Result<std::string> reload_credentials(const platform::Files& files) override {
    if (!files.read("root.crl")) {
      return failure("certificates stay as they were:\n/configure/…/crl-file: root.crl is garbage");
    }
    return std::string("certificates, keys and revocation lists were read anew");
  }
  Result<std::string> reload_keys(const config::Config& /*configured*/) override {
    return std::string("keys in use: peer 192.0.2.2: 5d8e 0c41");
  }
  Result<std::string> trace(const IpAddress& peer, chassis::TraceMode mode) override {
    if (mode == chassis::TraceMode::Off) return failure(peer.text() + " is not traced");
    return peer.text() + " is traced in mode " + std::to_string(static_cast<int>(mode));
  }
  [[nodiscard]] const mcs::GroupState* group_state(TunnelGroupId) const override { return nullptr; }
  [[nodiscard]] Result<std::string> export_keys() const override {
    return failure("the chassis was not started with --allow-key-export");
  }

  int switchovers = 0;

 private:
  chassis::Status status_;
};

config::Loaded load(const std::string& text, const std::string& ports) {
  auto loaded = config::load(text, *config::parse_ports(ports));
  EXPECT_TRUE(loaded) << (loaded ? "" : config::text(loaded.error().front()));
  return *loaded;
}

config::Loaded configuration() {
  return load(read("labs/pair/a.cfg") + read("tests/labs/gateway/gateway.cfg"),
              read("labs/pair/a.ports"));
}

config::Loaded seg3() { return load(read("tests/cli/seg3.cfg"), read("tests/cli/seg3.ports")); }

std::string answer(Console& console, std::string_view command) {
  std::string answered;
  console.run(command, [&](int code, const std::string& text) {
    answered = text;
    if (code != 0) answered += "exit code " + std::to_string(code) + "\n";
  });
  return answered;
}

struct Session {
  const char* file;
  chassis::Status (*snapshot)();
  config::Loaded (*config)() = configuration;
};
void PrintTo(const Session& session, std::ostream* out) { *out << session.file; }

class Transcript : public testing::TestWithParam<Session> {};

TEST_P(Transcript, IsWhatTheConsolePrints) {
  const std::string expected = read(std::string("tests/cli/") + GetParam().file + ".transcript");
  StillChassis still(GetParam().snapshot());
  platform::testing::MemoryFiles pki;
  const config::Loaded loaded = GetParam().config();
  Console console(still, loaded, &pki,
                  [&](const auto& done) { done(still.reload_keys(*loaded.config)); });
  std::string printed;
  std::istringstream lines(expected);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(kPrompt)) {
      printed += line + "\n" + answer(console, std::string_view(line).substr(kPrompt.size()));
    } else if (line.starts_with("#")) {
      printed += line + "\n";
    }
  }
  EXPECT_EQ(printed, expected);
  if (printed != expected) std::ofstream(std::string(GetParam().file) + ".actual") << printed;
}

INSTANTIATE_TEST_SUITE_P(
    Console, Transcript,
    testing::Values(Session{"master", master_snapshot}, Session{"alone", alone_snapshot},
                    Session{"standby", standby_snapshot}, Session{"json", master_snapshot},
                    Session{"bfd", bfd_snapshot}, Session{"words", master_snapshot},
                    Session{"policies", master_snapshot}, Session{"domain", seg3_dormant, seg3},
                    Session{"domain-alone", seg3_alone, seg3}));

TEST(Console, AsksBeforeASwitchoverAndDoesNothingYet) {
  StillChassis still(master_snapshot());
  Console console(still, configuration());
  answer(console,
         "tools perform redundancy multi-chassis mc-ipsec force-switchover tunnel-group 1");
  EXPECT_EQ(still.switchovers, 0);
  answer(console,
         "tools perform redundancy multi-chassis mc-ipsec force-switchover tunnel-group 1 now");
  EXPECT_EQ(still.switchovers, 1);
}

TEST(Console, MovesADomainOnlyOnceItIsSaidTwice) {
  StillChassis still(seg3_dormant());
  Console console(still, seg3());
  const std::string words =
      "tools perform redundancy multi-chassis mc-ipsec force-switchover domain 1 ";
  answer(console, words + "auto");
  answer(console, words + "to 192.0.2.3");
  EXPECT_EQ(still.switchovers, 0);
  answer(console, words + "auto now");
  answer(console, words + "to 192.0.2.3 now");
  EXPECT_EQ(still.switchovers, 2);
  answer(console, words + "to 192.0.2.99 now");
  answer(console,
         "tools perform redundancy multi-chassis mc-ipsec force-switchover tunnel-group 1 now");
  EXPECT_EQ(still.switchovers, 2);
}

TEST(Console, NamesEachBadFileOfCertificates) {
  StillChassis still(master_snapshot());
  platform::testing::MemoryFiles pki;
  pki.unreadable = "root.crl";
  Console console(still, configuration(), &pki);
  EXPECT_EQ(answer(console, "admin certificate reload"),
            "MINOR: CLI certificates stay as they were:\n/configure/…/crl-file: root.crl is "
            "garbage\nexit code 1\n");
}

TEST(Console, RefusesAnEndlessCommand) {
  StillChassis still(master_snapshot());
  Console console(still, configuration());
  EXPECT_THAT(answer(console, std::string(100000, 's')), testing::HasSubstr("too long"));
}

TEST(Console, NeverPrintsTheSecretsOfTheConfiguration) {
  StillChassis still(master_snapshot());
  Console console(still, configuration());
  EXPECT_EQ(answer(console, "info").find("a shared secret"), std::string::npos);
  EXPECT_EQ(answer(console, "info | json").find("a shared secret"), std::string::npos);
  for (const char* command : {"show ipsec client-db", "show ipsec client-db homes",
                              "show ipsec client-db | json", "show ipsec client-db homes | json"}) {
    EXPECT_EQ(answer(console, command).find("the key of"), std::string::npos) << command;
  }
}

}  // namespace
}  // namespace segw::cli
