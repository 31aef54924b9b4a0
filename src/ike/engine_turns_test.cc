// Rekeys of many SAs, a few a second: after a takeover (redundancy rule 21), and of keys that
// another life of a standby held (rule 13).
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "ike/testing.h"

namespace segw::ike::testing {
namespace {

using namespace std::chrono_literals;

constexpr uint32_t kClients = 12;
constexpr uint32_t kPerSecond = 4;

Endpoint at(uint32_t index) { return {.address = IpAddress::v4(0x0A000100 + index), .port = 500}; }

esp::TrafficSelector network(uint32_t index) {
  const uint32_t first = 0xC0A80000 + (index << 8);
  return {.first = IpAddress::v4(first), .last = IpAddress::v4(first + 0xFF)};
}

GroupSettings with_clients(bool rekeys = true) {
  GroupSettings settings = group_settings();
  const TunnelSettings pattern = settings.tunnels.front();
  settings.tunnels.clear();
  settings.rekey_taken_over = rekeys;
  settings.rekeys_per_second = kPerSecond;
  for (uint32_t index = 0; index < kClients; ++index) {
    TunnelSettings tunnel = pattern;
    tunnel.index = index;
    tunnel.remote_gateway = at(index).address;
    tunnel.remote_id = identity_of(at(index).address);
    tunnel.remote_selectors = {network(index)};
    settings.tunnels.push_back(tunnel);
  }
  return settings;
}

struct Asked {
  uint32_t client = 0;
  Header header;
  std::vector<Payload> payloads;
  [[nodiscard]] bool rekeys_child() const {
    return Client::find_notify(payloads, NotifyType::RekeySa) != nullptr;
  }
};

// Clients of one chassis, and another one that takes over from it.
class Turns : public ::testing::Test {
 protected:
  Turns() {
    for (uint32_t index = 0; index < kClients; ++index) {
      Client& client = clients_.emplace_back();
      client.rng.bytes(index);
      client.fresh_key();
      client.spi = IkeSpi{0x1000 + index};
      client.identity = identity_of(at(index).address);
      client.believed_self = at(index);
      client.own_selectors = {network(index)};
      EXPECT_TRUE(client.take_init(one(before_, index, client.init_request())));
      EXPECT_TRUE(client.open(one(before_, index, client.auth_request())));
    }
    EXPECT_EQ(before_.state.child_sas.size(), kClients);
  }

  static Bytes one(Gateway& gateway, uint32_t index, const Bytes& message) {
    const auto sent = gateway.give(message, at(index));
    return sent.size() == 1 ? sent.front().message : Bytes{};
  }
  void take_over(bool clean = true, const GroupSettings& settings = with_clients()) {
    taken_over_ = std::make_unique<Gateway>(before_, settings);
    if (clean) again();
  }
  // As after a grant, whatever was before.
  void again() {
    taken_over_->engine->deactivate();
    taken_over_->engine->activate(true);
  }
  Gateway& gateway() { return *taken_over_; }
  // The requests that leave in this time.
  std::vector<Asked> asked(Duration span) {
    std::vector<Asked> all;
    for (const Datagram& each : gateway().run_for(span)) {
      Asked one{.client = 0, .header = *decode_header(each.message), .payloads = {}};
      while (at(one.client) != each.remote) ++one.client;
      auto payloads = clients_[one.client].open(each.message);
      EXPECT_TRUE(payloads);
      if (payloads) one.payloads = std::move(*payloads);
      if (!one.header.is_response) all.push_back(std::move(one));
    }
    return all;
  }
  void refuse(const Asked& request, NotifyType why) {
    gateway().give(clients_[request.client].seal(Exchange::CreateChildSa, {notify(why)},
                                                 request.header.message_id, true),
                   at(request.client));
  }
  // Agrees to a rekey, and to anything else.
  void agree(const Asked& request) {
    Client& client = clients_[request.client];
    if (!request.rekeys_child()) {
      const auto exchange = static_cast<Exchange>(request.header.exchange);
      gateway().give(client.seal(exchange, {}, request.header.message_id, true),
                     at(request.client));
      return;
    }
    client.child_spi += 0x100;
    client.nonce = client.rng.bytes(32);
    Client as_responder = client;
    std::swap(as_responder.own_selectors, as_responder.far_selectors);
    gateway().give(client.seal(Exchange::CreateChildSa, as_responder.child_payloads(),
                               request.header.message_id, true),
                   at(request.client));
  }
  Spi child_of(uint32_t index) {
    for (const auto& [spi, child] : gateway().state.child_sas) {
      if (child.remote == at(index).address && !child.rekeyed) return spi;
    }
    return {};
  }
  IkeSpi ike_of(uint32_t index) { return gateway().state.child_sas.at(child_of(index)).ike_sa; }
  uint64_t counted(std::string_view what) { return gateway().engine->counters().get(what); }

  Gateway before_{with_clients()};
  std::vector<Client> clients_;
  std::unique_ptr<Gateway> taken_over_;
};

TEST_F(Turns, AfterATakeoverEveryChildSaIsRekeyedOnceSoManyASecond) {
  take_over();
  EXPECT_TRUE(asked(990ms).empty()) << "what clients were in the middle of comes first";
  EXPECT_EQ(gateway().engine->rekeys_waiting(), kClients);
  std::map<uint32_t, size_t> times;
  for (uint32_t second = 0; second < kClients / kPerSecond; ++second) {
    const auto now = asked(1s);
    EXPECT_EQ(now.size(), kPerSecond);
    for (const Asked& each : now) {
      EXPECT_TRUE(each.rekeys_child());
      ++times[each.client];
      agree(each);
    }
  }
  EXPECT_EQ(times.size(), kClients);
  EXPECT_EQ(counted("automatic-rekeys-done"), kClients);
  EXPECT_EQ(gateway().engine->rekeys_waiting(), 0U);
  EXPECT_EQ(gateway().state.child_sas.size(), 2 * kClients) << "the old ones for three minutes";
  for (const Asked& each : asked(2min)) EXPECT_FALSE(each.rekeys_child());
}

TEST_F(Turns, WhoSaysNothingOfItRekeysNothing) {
  take_over(true, with_clients(false));
  EXPECT_TRUE(asked(30min).empty());
}

TEST_F(Turns, WhoHasTheLeastNumbersLeftComesFirst) {
  take_over(false);
  const std::vector<uint32_t> order{7, 3, 9};
  uint64_t used = uint64_t{1} << 31;
  for (const uint32_t index : order) {
    gateway().host.positions[child_of(index)].outbound_next = used--;
  }
  again();
  const auto first = asked(1750ms);
  ASSERT_EQ(first.size(), 4U);
  for (size_t place = 0; place < order.size(); ++place)
    EXPECT_EQ(first[place].client, order[place]);
}

TEST_F(Turns, AfterAnUncleanTakeoverOnlyWhoWasHeardIsAsked) {
  take_over(false);
  EXPECT_TRUE(asked(30s).empty()) << "rule 18";
  EXPECT_EQ(gateway().engine->rekeys_waiting(), 0U);
  one(gateway(), 5, clients_[5].request(Exchange::Informational, {}));
  gateway().engine->heard(ike_of(6));  // its ESP
  const auto now = asked(1s);
  ASSERT_EQ(now.size(), 2U);
  EXPECT_TRUE(now[0].rekeys_child() && now[1].rekeys_child());
  EXPECT_EQ(now[0].client + now[1].client, 11U);
}

// Found with strongSwan: it asked the chassis that died, and what that answered came when it asked
// again. Until then it knows nothing of the CHILD SA that it will use.
TEST_F(Turns, WhatTheClientDoesNotKnowYetIsNotTakenFromIt) {
  Client& client = clients_[0];
  const Bytes request = client.rekey_child_request(client.child_spi);
  const Bytes answer = one(before_, 0, request);  // it is lost
  ASSERT_FALSE(answer.empty());
  take_over();
  const Spi made = child_of(0);
  std::optional<Asked> of_it;
  for (const Asked& each : asked(10s)) {
    if (each.client == 0) of_it = each;
    if (each.client != 0) agree(each);
  }
  ASSERT_TRUE(of_it && of_it->rekeys_child());
  refuse(*of_it, NotifyType::ChildSaNotFound);
  EXPECT_EQ(one(gateway(), 0, request), answer);
  EXPECT_TRUE(gateway().state.child_sas.contains(made));
  // Later it does.
  bool asked_again = false;
  for (int i = 0; i < 10; ++i) {
    for (const Asked& each : asked(1s)) asked_again = asked_again || each.client == 0;
  }
  EXPECT_TRUE(asked_again);
}

// Who has used it and knows it no more has deleted it.
TEST_F(Turns, WhatTheClientUsedAndDoesNotKnowGoes) {
  take_over();
  const Spi used = child_of(0);
  gateway().host.positions[used].inbound_highest = 7;
  for (const Asked& each : asked(10s)) {
    if (each.client == 0) refuse(each, NotifyType::ChildSaNotFound);
    if (each.client != 0) agree(each);
  }
  EXPECT_FALSE(gateway().state.child_sas.contains(used));
}

TEST_F(Turns, ATemporaryFailureIsAskedAgainLaterAndAnyOtherRefusalNever) {
  take_over();
  const auto first = asked(1250ms);
  ASSERT_EQ(first.size(), 2U);
  refuse(first[0], NotifyType::TemporaryFailure);
  refuse(first[1], NotifyType::NoProposalChosen);
  EXPECT_EQ(counted("automatic-rekeys-refused"), 1U);
  std::map<uint32_t, size_t> times;
  for (int i = 0; i < 400; ++i) {
    for (const Asked& each : asked(1s)) {
      times[each.client] += each.rekeys_child() ? 1 : 0;
      if (each.client != first[0].client) {
        agree(each);
      } else {
        EXPECT_GE(i, 2) << "not at once";
        refuse(each, NotifyType::TemporaryFailure);
      }
    }
  }
  EXPECT_GE(times[first[0].client], 5U);
  EXPECT_EQ(times[first[1].client], 0U);
  EXPECT_EQ(counted("automatic-rekeys-done"), kClients - 2);
  EXPECT_EQ(gateway().engine->rekeys_waiting(), 1U);
  EXPECT_FALSE(gateway().state.child_sas.at(child_of(first[1].client)).rekeyed) << "left alone";
}

TEST_F(Turns, WhatTheClientHasRekeyedSinceIsSkippedAndSoIsWhatIsNewer) {
  take_over();
  Client& client = clients_[4];
  EXPECT_TRUE(client.open(one(gateway(), 4, client.rekey_child_request(client.child_spi))));
  client.child_spi = 0xD0000001;
  EXPECT_TRUE(client.open(
      one(gateway(), 4, client.request(Exchange::CreateChildSa, client.child_payloads()))));
  for (const Asked& each : asked(1min)) EXPECT_NE(each.client, 4U);
  EXPECT_EQ(counted("rekeys-in-turn-skipped"), 1U);
}

TEST_F(Turns, TheNextChassisGoesOnWithWhatIsLeft) {
  take_over();
  const auto done = asked(1250ms);
  ASSERT_EQ(done.size(), 2U);
  agree(done[0]);
  Gateway third(gateway(), with_clients());
  third.engine->deactivate();
  third.engine->activate(true);
  std::map<uint32_t, size_t> rekeys;
  for (const Datagram& each : third.run_for(1s + kClients * 250ms)) {
    const auto header = decode_header(each.message);
    ASSERT_TRUE(header);
    if (header->exchange == static_cast<uint8_t>(Exchange::CreateChildSa)) {
      ++rekeys[static_cast<uint32_t>(each.remote.address.bytes()[3])];
    }
  }
  EXPECT_EQ(rekeys.size(), kClients) << "it has taken over the new one as well";
}

TEST_F(Turns, NothingIsAskedOnAnIkeSaThatMayNotBeUsed) {
  for (auto& [spi, sa] : before_.state.ike_sas) {
    sa.holders.push_back({.slot = group_settings().slot, .incarnation = {9}});
  }
  take_over();
  EXPECT_TRUE(asked(30s).empty());
  EXPECT_EQ(counted("must-not-send"), 0U);
  EXPECT_EQ(counted("rekeys-in-turn-skipped"), kClients);
}

TEST_F(Turns, AHandoverThatIsGivenUpGoesOnWithThem) {
  take_over();
  EXPECT_EQ(asked(1s).size(), 1U);
  gateway().engine->pause();
  EXPECT_TRUE(gateway().run_for(1s).empty());
  gateway().engine->resume();
  EXPECT_GE(asked(1s).size(), kPerSecond);
}

TEST_F(Turns, KeysThatAreToBeRenewedTakeTurnsAndTheIkeSaComesFirst) {
  take_over(true, with_clients(false));
  gateway().run_for(5s);
  gateway().engine->rekey_in_turn({ike_of(2)}, {child_of(8), child_of(2)});
  const auto first = asked(10ms);
  ASSERT_EQ(first.size(), 1U);
  EXPECT_EQ(first[0].client, 2U);
  EXPECT_FALSE(first[0].rekeys_child()) << "the IKE SA";
  // The wish lasts, here and elsewhere.
  refuse(first[0], NotifyType::NoProposalChosen);
  const auto next = asked(500ms);
  ASSERT_EQ(next.size(), 2U) << "one CHILD SA of each";
  for (const Asked& each : next) refuse(each, NotifyType::NoProposalChosen);
  const auto later = asked(50s);
  EXPECT_GE(later.size(), 2U);
  EXPECT_GT(gateway().state.child_sas.at(child_of(8)).rekey_after.count(), 0);
}

// ---- whose keys they are (redundancy rule 13, docs/decisions/0117) ----

bool listed(const std::vector<esp::Holder>& holders, const esp::Holder& holder) {
  return std::ranges::find(holders, holder) != holders.end();
}

// In a split it may have got the same answer, made the same SA and sealed on it.
TEST_F(Turns, WhatIsMadeOfARequestThatWasTakenOverIsOfAllThatHeldTheIkeSa) {
  const esp::Holder before{.slot = Slot{0}, .incarnation = {9}};
  take_over(true, with_clients(false));
  gateway().run_for(5s);
  gateway().engine->rekey_in_turn({}, {child_of(2)});
  const auto requests = asked(10ms);
  ASSERT_EQ(requests.size(), 1U);
  gateway().state.ike_sas.at(ike_of(2)).holders.push_back(before);
  taken_over_ = std::make_unique<Gateway>(gateway(), with_clients(false));
  again();
  taken_over_->host.gone_holders = {before};
  agree(requests[0]);
  const Spi made = child_of(2);
  EXPECT_TRUE(listed(gateway().state.child_sas.at(made).holders, before));
  ASSERT_EQ(gateway().host.keys_of_requests.size(), 1U);
  EXPECT_EQ(gateway().host.keys_of_requests[0].second, made);
}

// Else a chassis without its disk could never get keys that it may send with.
TEST_F(Turns, WhoWasGoneBeforeARequestBeganDoesNotHoldWhatIsMadeOfIt) {
  const esp::Holder gone{.slot = Slot{0}, .incarnation = {9}};
  const esp::Holder there{.slot = Slot{0}, .incarnation = {8}};
  take_over(true, with_clients(false));
  gateway().run_for(5s);
  auto& holders = gateway().state.ike_sas.at(ike_of(2)).holders;
  holders.push_back(gone);
  holders.push_back(there);
  gateway().host.gone_holders = {gone};
  gateway().engine->rekey_in_turn({}, {child_of(2)});
  const auto requests = asked(10ms);
  ASSERT_EQ(requests.size(), 1U);
  gateway().host.gone_holders = {gone, there};  // this one goes while we wait
  agree(requests[0]);
  const auto& made = gateway().state.child_sas.at(child_of(2)).holders;
  EXPECT_FALSE(listed(made, gone));
  EXPECT_TRUE(listed(made, there));
}

// RFC 7296 2.17: the keys of the first CHILD SA come from the nonces of the IKE SA.
TEST(Takeover, TheFirstChildSaIsOfAllThatHeldTheIkeSa) {
  const esp::Holder other{.slot = Slot{0}, .incarnation = {9}};
  Gateway gateway;
  Client client;
  ASSERT_TRUE(client.take_init(gateway.ask(client.init_request())));
  ASSERT_EQ(gateway.state.ike_sas.size(), 1U);
  gateway.state.ike_sas.begin()->second.holders.push_back(other);
  ASSERT_TRUE(client.open(gateway.ask(client.auth_request())));
  ASSERT_EQ(gateway.state.child_sas.size(), 1U);
  EXPECT_TRUE(listed(gateway.state.child_sas.begin()->second.holders, other));
}

}  // namespace
}  // namespace segw::ike::testing
