#pragma once

// An IKE SA as plain data: it can be sent to the standby between any two messages. The engine
// (ike/engine.h) is a set of functions over it; no closure, library handle or frame holds protocol
// state.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/ip_address.h"
#include "base/secret_bytes.h"
#include "base/time.h"
#include "crypto/algorithm.h"
#include "esp/child_sa.h"

namespace segw::ike {

using Prf = crypto::Prf;
using Group = crypto::DhGroup;

struct IkeSuite {
  esp::Encryption encryption = esp::Encryption::AesGcm16;
  uint16_t key_bits = 128;
  esp::Integrity integrity = esp::Integrity::None;
  Prf prf = Prf::HmacSha256;
  Group group = Group::Modp2048;
  auto operator<=>(const IkeSuite&) const = default;
};

struct Identity {
  uint8_t type = 0;  // RFC 7296 3.5: 1 ipv4, 2 fqdn, 3 email, 5 ipv6, 11 key-id
  Bytes data;
  auto operator<=>(const Identity&) const = default;
};

// RFC 7296 2.14 and 2.17.
struct IkeKeys {
  SecretBytes sk_d, sk_ai, sk_ar, sk_ei, sk_er, sk_pi, sk_pr;
};

enum class IkeState : uint8_t {
  HalfOpen,  // IKE_SA_INIT answered, IKE_AUTH awaited
  Established,
  Rekeyed,         // a successor exists; waits for the delete
  Closed,          // the client deleted it: kept for a while, only to repeat the last answer
  Connecting,      // our IKE_SA_INIT waits for its answer; there are no keys yet
  Authenticating,  // our IKE_AUTH does
  Candidate,       // the client's successor of an IKE SA that we are rekeying too (RFC 7296 2.8.2)
};

// The other party's last request and our answer to it, kept for retransmissions (window 1).
struct Answer {
  uint32_t message_id = 0;
  Bytes request_digest;         // SHA-256 of the request as received
  std::vector<Bytes> response;  // as sent, one per datagram
};

// A request of ours that waits for its response, with everything needed to repeat and to finish it
// (redundancy rule 15). Which fields have content depends on the kind.
struct PendingRequest {
  enum class Kind : uint8_t {
    Liveness,
    DeleteChild,
    DeleteIke,
    IkeSaInit,
    IkeAuth,
    CreateChild,
    RekeyChild,
    RekeyIke,
    MessageIdSync,  // RFC 6311
    CheckAddress,   // does the client answer where it says that it is (RFC 4555 3.7)?
  } kind = Kind::Liveness;
  uint32_t message_id = 0;
  std::vector<Bytes> datagrams;  // as sent
  Spi child;                     // DeleteChild, RekeyChild: our SPI of the one that goes
  uint32_t entry = 0;  // IkeAuth, CreateChild: which entry of the security policy it is for
  // Ours; IkeSaInit and IkeAuth have it in the IKE SA. MessageIdSync: the notification's data, and
  // CheckAddress: the COOKIE2, that the response must fit.
  Bytes nonce;
  std::optional<Group> group;  // of the Diffie-Hellman exchange that this request begins
  SecretBytes private_key;
  Spi new_child;       // reserved for the CHILD SA to be made
  IkeSpi new_ike;      // RekeyIke: reserved for the successor
  Bytes cookie;        // IkeSaInit: as the client asked for it (RFC 7296 2.6)
  uint8_t retold = 0;  // how often the client made us ask again, in another way
  // What the client's rekey of the same SA made meanwhile (RFC 7296 2.8.1, 2.8.2).
  struct Rival {
    Spi child;
    IkeSpi ike;
    Bytes lowest_nonce;
    auto operator<=>(const Rival&) const = default;
  };
  std::optional<Rival> rival;
  // Deleted by the client although we have no such CHILD SA: it may be the one that the answer,
  // which is late, will tell of. The client's SPIs.
  std::vector<Spi> gone;
};
constexpr size_t kGoneMax = 16;

// What the other party's IKE_SA_INIT message said about authentication, kept until IKE_AUTH.
struct AuthOffer {
  std::vector<uint16_t> hashes;  // SIGNATURE_HASH_ALGORITHMS (RFC 7427 4)
  bool certificate_wanted = false;
  std::vector<Bytes> authorities;  // of its CERTREQ payloads, SHA-1 each
  bool ppk = false;                // both parties said USE_PPK (RFC 8784 3)
  auto operator<=>(const AuthOffer&) const = default;
};

// A tunnel that a client made on demand, and what its settings are found by on either chassis
// (docs/decisions/0040).
struct DynamicTunnel {
  IpAddress gateway;    // its local address
  uint16_t client = 0;  // number in the gateway's client-db; 0: the gateway's own settings
  auto operator<=>(const DynamicTunnel&) const = default;
};

// The top bit of a tunnel's number (docs/decisions/0016): set for a dynamic one, which is drawn.
constexpr uint32_t kDynamicTunnel = uint32_t{1} << 31;
inline bool is_dynamic(uint32_t tunnel) { return (tunnel & kDynamicTunnel) != 0; }

struct IkeSa {
  TunnelGroupId group;
  uint32_t tunnel = 0;  // its number (docs/decisions/0016); meaningless while HalfOpen
  IkeSpi initiator_spi;
  IkeSpi responder_spi;  // 0 while Connecting. The top two bits of ours are the slot that made it
  IkeState state = IkeState::HalfOpen;
  bool we_initiated = false;  // who sent IKE_SA_INIT (or the rekey that made this SA)
  Endpoint local;
  Endpoint remote;
  bool local_behind_nat = false;
  bool remote_behind_nat = false;
  bool peer_supports_message_id_sync = false;  // RFC 6311
  bool peer_supports_replay_counter_sync = false;
  bool fragmentation = false;       // both said that they can (RFC 7383)
  bool mobike = false;              // the client may move (RFC 4555)
  bool address_unverified = false;  // it did: the CHILD SAs follow when it is checked
  uint32_t highest_m1 = 0;          // of the synchronisations that we answered as a cluster's peer
  IkeSuite suite;
  IkeKeys keys;
  // Until it is established: what IKE_AUTH is computed over.
  Bytes initiator_nonce, responder_nonce;
  Bytes init_request, init_response;
  AuthOffer peer_offer;
  bool ppk_used = false;  // keys are mixed with a post-quantum pre-shared key (RFC 8784)
  Identity local_id, remote_id;
  uint32_t next_request_in = 0;   // the message ID expected from the client
  uint32_t next_request_out = 0;  // the message ID of our next request
  std::optional<Answer> last_answer;
  std::optional<PendingRequest> pending;
  std::vector<Spi> children;  // inbound SPIs
  Duration lifetime{};
  Duration age{};                    // when the record was made
  uint64_t authenticated_count = 0;  // client-authenticated progress (rule 17): messages accepted
  std::vector<esp::Holder> holders;
  std::optional<DynamicTunnel> dynamic;
  Duration rekey_after{};   // the age at which we rekey it; 0: not we
  Duration delete_after{};  // the age at which we delete it although it is not too old; 0: not

  [[nodiscard]] IkeSpi our_spi() const { return we_initiated ? initiator_spi : responder_spi; }
};

}  // namespace segw::ike
