#pragma once

// The engine behind engine.h. One class, one file for each exchange:
//   engine.cc           lookup, message IDs, answers
//   engine_requests.cc  own requests, timers
//   engine_init.cc      IKE_SA_INIT
//   engine_auth.cc      IKE_AUTH
//   engine_gateway.cc   tunnels on demand: whose settings, which addresses, who is replaced
//   engine_child.cc     CREATE_CHILD_SA
//   engine_info.cc      INFORMATIONAL, deletes
//
// Every step: change the tables, commit the changes, and in `then` let the answer leave and the
// outbound SA be used. What a step needs beyond the tables is in Runtime, and can be made anew.

#include <deque>
#include <set>
#include <string_view>
#include <variant>

#include "ike/authentication.h"
#include "ike/client_db.h"
#include "ike/engine.h"
#include "ike/key_derivation.h"
#include "ike/message.h"
#include "ike/negotiation.h"
#include "ike/protection.h"
#include "ike/remote_ranges.h"

namespace segw::ike {

class EngineImpl final : public Engine {
 public:
  EngineImpl(platform::Platform& platform, GroupSettings settings, Tables tables, Host& host);

  void activate(bool clean) override;
  void deactivate() override;
  void on_datagram(const Datagram& datagram) override;
  void clear_tunnel(uint32_t tunnel) override;
  void pause() override;
  void resume() override;
  [[nodiscard]] const Counters& counters() const override { return counters_; }

 private:
  struct Runtime {
    bool committing = false;          // an answer waits for the in-sync set
    bool request_committing = false;  // a request of ours does
    bool heard = false;               // we may ask this client (redundancy rule 18)
    bool delete_wanted = false;       // by the operator
    Instant born{};                   // when age was zero
    Instant due{};                    // next thing to do for this SA
    Instant last_heard{};             // authenticated, from the client
    Instant rekeyed_at{};             // since when a Rekeyed one waits for the client's delete
    Instant closed_at{};              // since when a Closed one only repeats its last answer
    Instant resend_at{};
    uint32_t resends = 0;
  };
  // A request as it is being worked on.
  struct Request {
    const Datagram& datagram;
    const Header& header;
    std::vector<Payload> payloads;
    uint64_t iv = 0;
  };
  // The answer to the request that ended an IKE SA, for its retransmissions; not replicated.
  struct LastWord {
    IkeSpi spi;
    Bytes request_digest;
    Bytes response;
  };
  using InitKey = std::pair<IkeSpi, Endpoint>;

  // engine.cc
  IkeSa* find(const Header& header);
  void on_unknown(const Datagram& datagram, const Header& header);
  void on_protected(IkeSa& sa, const Datagram& datagram, const Header& header);
  void on_request(IkeSa& sa, const Datagram& datagram, const Header& header, Plain plain);
  void on_response(IkeSa& sa, const Header& header, const Plain& plain);
  bool fresh_request(IkeSa& sa, const Datagram& datagram, const Header& header);
  void dispatch(IkeSa& sa, Request& request);
  void follow(IkeSa& sa, const Datagram& datagram);
  void answer(IkeSa& sa, const Request& request, const std::vector<Payload>& payloads,
              Changes changes, platform::Callback then = {});
  void refuse(IkeSa& sa, const Request& request, NotifyType type, Bytes data = {});
  void commit(Changes changes, platform::Callback then);
  void use_outbound(Spi spi);
  void send_request(IkeSa& sa, PendingRequest::Kind kind, const std::vector<Payload>& payloads,
                    Spi child);
  void remove_ike(IkeSpi spi, bool by_client, Changes& changes);
  void close_ike(IkeSa& sa, Changes& changes);
  void remove_child(Spi spi, bool by_client, Changes& changes);

  // engine_requests.cc
  Runtime& runtime(const IkeSa& sa);
  Instant child_born(Spi spi);
  Instant next_due(const IkeSa& sa, const Runtime& run);
  void schedule(const IkeSa& sa);
  void on_timer();
  void on_due(IkeSa& sa, Instant now);
  void repeat_request(IkeSa& sa, Instant now);
  bool expire_children(IkeSa& sa, Instant now);
  void end(IkeSa& sa);
  [[nodiscard]] const TunnelSettings* tunnel(uint32_t index) const;  // a configured one
  [[nodiscard]] Spi new_spi();
  [[nodiscard]] IkeSpi new_ike_spi();
  void drop(std::string_view reason) { counters_.add(reason); }

  // engine_init.cc
  void on_init(const Datagram& datagram, const Header& header);
  struct InitOffer;
  bool cookie_fits(const Datagram& datagram, const Header& header, const InitOffer& offer);
  void make_half_open(const Datagram& datagram, const Header& header, const InitOffer& offer,
                      const ChosenIke& chosen);
  void send_unprotected(const Datagram& datagram, const Header& header, IkeSpi responder,
                        const std::vector<Payload>& payloads);
  [[nodiscard]] std::vector<Payload> init_answer(const Datagram& datagram, const InitOffer& offer,
                                                 const ChosenIke& chosen, const IkeSa& sa,
                                                 const Bytes& public_key) const;
  void drop_oldest_half_open(Changes& changes);

  // engine_gateway.cc
  struct Gateway {
    const GatewaySettings* settings = nullptr;
    ClientDb clients;
  };
  [[nodiscard]] const Gateway* gateway(const IpAddress& local) const;
  // The settings of an IKE SA's tunnel; nothing if it is not configured (any more).
  [[nodiscard]] const TunnelSettings* tunnel(const IkeSa& sa) const;
  [[nodiscard]] const TunnelSettings* settings_for_init(const Datagram& datagram) const;
  struct Authenticated;
  void authenticate_at_gateway(const IkeSa& sa, const Request& request,
                               Authenticated& result) const;
  [[nodiscard]] uint32_t new_dynamic_tunnel();
  [[nodiscard]] static bool same_client(const IkeSa& a, const IkeSa& b);
  void replace_client(const IkeSa& sa, Changes& changes);
  bool claim(const IkeSa& sa, const std::vector<esp::TrafficSelector>& remote, Changes& changes);
  void end_tunnel(uint32_t number, bool by_client, Changes& changes);
  void note_ranges(const esp::ChildSa& child);
  void forget_ranges(const esp::ChildSa& child);
  void find_ranges();
  void drop_orphans();
  void open_gateways();

  // engine_auth.cc
  void on_auth(IkeSa& sa, Request& request);
  struct Authenticated {
    const TunnelSettings* settings = nullptr;  // nothing: refused
    Verdict verdict;
    std::optional<DynamicTunnel> dynamic;
  };
  [[nodiscard]] Authenticated authenticate(const IkeSa& sa, const Request& request) const;
  void fail_authentication(IkeSa& sa, const Request& request, std::string_view why);
  void establish(IkeSa& sa, const TunnelSettings& settings, const Request& request,
                 std::vector<Payload> answers);

  // engine_child.cc
  struct ChildOffer;
  void on_create_child(IkeSa& sa, Request& request);
  void on_rekey_ike(IkeSa& sa, Request& request, const payload::Sa& offered);
  std::variant<Spi, NotifyType> make_child(IkeSa& sa, const TunnelSettings& settings,
                                           const ChildOffer& offer, std::vector<Payload>& answers,
                                           Changes& changes, Bytes& refusal_data);
  static ChildOffer child_offer(const Request& request);

  // engine_info.cc
  void on_informational(IkeSa& sa, Request& request);
  void on_delete(IkeSa& sa, const payload::Delete& gone, std::vector<Bytes>& ours,
                 Changes& changes);

  platform::Platform& platform_;
  GroupSettings settings_;
  Tables tables_;
  Host& host_;
  Counters counters_;
  bool active_ = false;
  bool clean_ = true;  // how we came to act
  SecretBytes cookie_secret_;
  std::map<IkeSpi, Runtime> runtimes_;
  std::map<Spi, Instant> child_born_;  // when a CHILD SA's age was zero
  std::set<Spi> awaiting_outbound_;    // made here, their commit under way
  std::deque<LastWord> last_words_;
  std::set<std::pair<Instant, IkeSpi>> due_;
  std::map<InitKey, IkeSpi> half_open_;
  std::vector<Gateway> gateways_;  // refer to settings_
  RemoteRanges ranges_;            // of dynamic tunnels
  RemoteRanges configured_;        // of configured tunnels that name addresses
  platform::Timer timer_;
};

inline const payload::Id* find_id(const std::vector<Payload>& payloads, bool of_initiator) {
  for (const Payload& payload : payloads) {
    const auto* id = std::get_if<payload::Id>(&payload);
    if (id != nullptr && id->of_initiator == of_initiator) return id;
  }
  return nullptr;
}

template <typename T>
const T* first_of(const std::vector<Payload>& payloads) {
  for (const Payload& payload : payloads) {
    if (const T* found = std::get_if<T>(&payload)) return found;
  }
  return nullptr;
}

// RFC 7296 2.5: an unsupported payload with the critical flag: the message "MUST be rejected"; 3.2:
// the flag "MUST be ignored" for payloads that every implementation knows.
inline bool must_be_understood(const payload::Other& other) {
  constexpr uint8_t kFirstOfRfc7296 = 33;
  constexpr uint8_t kLastOfRfc7296 = 48;
  return other.critical && (other.type < kFirstOfRfc7296 || other.type > kLastOfRfc7296);
}

inline const payload::Notify* find_notify(const std::vector<Payload>& payloads, NotifyType type) {
  for (const Payload& payload : payloads) {
    const auto* found = std::get_if<payload::Notify>(&payload);
    if (found != nullptr && found->type == static_cast<uint16_t>(type)) return found;
  }
  return nullptr;
}

}  // namespace segw::ike
