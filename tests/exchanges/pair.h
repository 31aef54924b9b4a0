#pragma once

// Two of our engines talk: the gateway, and one that stands for the client. Every message can be
// held back, lost or overtaken, and before any of them a chassis can be replaced by its standby,
// which holds what was committed, as MCS carries it, and nothing else.
//
//   Pair pair;
//   pair.establish();
//   pair.client().engine().rekey_child(pair.client().child());
//   pair.settle();

#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ike/engine.h"
#include "ike/message.h"
#include "ike/testing.h"
#include "mcs/records.h"
#include "platform/testing/fake_platform.h"

namespace segw::exchanges {

// One chassis after the other, with one state: what the acting one committed is all that the next
// one knows.
class Side final : ike::Host {
 public:
  Side(std::string name, ike::GroupSettings settings, std::function<void(ike::Datagram)> send);

  void begin() { engine_->activate(true); }
  // The acting chassis is gone; its standby goes on.
  void take_over(bool clean = true);
  void receive(const ike::Datagram& datagram) { engine_->on_datagram(datagram); }
  void run_for(Duration span) { fake_.scheduler.run_for(span); }

  [[nodiscard]] ike::Engine& engine() { return *engine_; }
  [[nodiscard]] const mcs::GroupState& state() const { return *state_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  // The only CHILD SA that is not replaced, and the only IKE SA that stands; 0 if there are others.
  [[nodiscard]] Spi child() const;
  [[nodiscard]] IkeSpi ike_sa() const;
  [[nodiscard]] size_t count(ike::IkeState state) const;
  [[nodiscard]] std::vector<Spi> children() const;
  // As if it never had this CHILD SA.
  void lose_child(Spi inbound_spi);
  [[nodiscard]] size_t times_down() const { return times_down_; }
  [[nodiscard]] bool sends_by(Spi inbound_spi) const { return outbound_.contains(inbound_spi); }
  // Below which nothing is accepted because the other end skipped it.
  [[nodiscard]] const std::map<Spi, uint64_t>& edges() const { return edges_; }
  [[nodiscard]] uint64_t counted(std::string_view what) const;
  [[nodiscard]] std::string describe() const;
  ike::GroupSettings settings;

 private:
  void commit(const ike::Changes& changes, platform::Callback then) override;
  void send(const ike::Datagram& datagram) override { send_(datagram); }
  void install(const esp::ChildSa& sa) override { installed_.insert(sa.inbound_spi); }
  void use_outbound(Spi spi) override { outbound_.insert(spi); }
  void remove(Spi spi) override {
    installed_.erase(spi);
    outbound_.erase(spi);
  }
  std::optional<uint64_t> next_iv(const ike::IkeSa& /*sa*/) override { return iv_++; }
  [[nodiscard]] Position position(Spi /*spi*/) const override { return {}; }
  void raise_edge(Spi spi, uint64_t edge) override { edges_[spi] = edge; }
  void moved(const ike::IkeSa& /*sa*/) override {}
  void on_tunnel_state(uint32_t /*tunnel*/, bool up) override { times_down_ += up ? 0 : 1; }
  void replicate(const mcs::Record& record);
  void make_engine();

  std::string name_;
  std::function<void(ike::Datagram)> send_;
  platform::testing::FakePlatform fake_;
  std::unique_ptr<mcs::GroupState> state_ = std::make_unique<mcs::GroupState>();
  std::unique_ptr<mcs::GroupState> standby_ = std::make_unique<mcs::GroupState>();
  std::map<IkeSpi, Instant> ike_arrivals_;
  std::map<Spi, Instant> child_arrivals_;
  std::set<Spi> installed_;
  std::set<Spi> outbound_;
  std::map<Spi, uint64_t> edges_;
  uint64_t iv_ = 0;
  size_t times_down_ = 0;
  Counters past_;
  std::unique_ptr<ike::Engine> engine_;
};

enum class End : uint8_t { Gateway, Client };

struct Options {
  bool gateway_begins = false;
  size_t entries = 1;  // of the security policy
  std::optional<ike::Group> pfs;
  std::function<void(ike::GroupSettings& gateway, ike::GroupSettings& client)> change;
};

class Pair {
 public:
  explicit Pair(Options options = {});

  Side& gateway() { return *gateway_; }
  Side& client() { return *client_; }
  Side& side(End end) { return end == End::Gateway ? *gateway_ : *client_; }

  bool establish();             // until both have an IKE SA and the CHILD SAs
  void settle();                // 3 s: what is under way is finished, repetitions too
  void run_for(Duration span);  // everything is delivered
  // What is under way, oldest first; nothing is delivered meanwhile.
  void hold() { held_ = true; }
  void release();
  [[nodiscard]] size_t under_way(End from) const;
  bool deliver(End from);       // the oldest that this end sent; false: there is none
  bool deliver_last(End from);  // the newest: the others are late
  bool lose(End from);
  bool repeat(End from);  // the oldest is under way twice

  // Before the message with this number (0: the first ever sent) is delivered, `end` is replaced.
  void take_over_before(size_t message, End end) { takeover_ = {message, end}; }
  [[nodiscard]] size_t messages() const { return messages_; }

  // Both tables say the same: each CHILD SA of the one is, turned round, one of the other.
  [[nodiscard]] std::string differences() const;

 private:
  struct Flight {
    End from;
    ike::Datagram datagram;
  };
  void deliver(const Flight& flight);

  std::unique_ptr<Side> gateway_;
  std::unique_ptr<Side> client_;
  std::list<Flight> flights_;
  bool held_ = false;
  size_t messages_ = 0;
  std::optional<std::pair<size_t, End>> takeover_;
};

}  // namespace segw::exchanges
