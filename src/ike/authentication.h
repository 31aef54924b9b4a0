#pragma once

// Who the two parties are (RFC 7296 2.15, RFC 4754, RFC 7427, RFC 8420, RFC 8784). Pure functions
// over the settings of a tunnel, an IKE SA that is not yet established, and payloads; the same for
// either role (sa.we_initiated). The order of calls:
//
//   responder                                    initiator
//   take_init(their request)                     init_payloads() into the request
//   init_payloads() into the answer              take_init(their answer)
//   verify(their IKE_AUTH)                       prove() into IKE_AUTH
//   sa.keys, sa.ppk_used from the verdict        verify(their answer)
//   prove() into the answer                      sa.keys, sa.ppk_used from the verdict
//
// What take_init() keeps is in the IKE SA, so the exchange goes on after a takeover.

#include <string_view>
#include <vector>

#include "ike/engine.h"
#include "ike/message.h"

namespace segw::ike {

constexpr size_t kCertPayloadsMax = 8;  // of one IKE_AUTH message
constexpr size_t kIdentityMax = 1024;   // bytes of an identity; as much as records carry

// What our IKE_SA_INIT message says: SIGNATURE_HASH_ALGORITHMS, USE_PPK; as responder CERTREQ.
std::vector<Payload> init_payloads(const AuthSettings& auth, const IkeSa& sa);

// Reads the other party's IKE_SA_INIT message into sa.peer_offer. Refused: the reason, for the
// counter, if the exchange must not go on (a PPK is required and not offered).
std::string_view take_init(const AuthSettings& auth, const std::vector<Payload>& payloads,
                           IkeSa& sa);

struct Verdict {
  std::string_view refused;  // why not, for the counter; empty: it is who it says
  Identity identity;         // who
  IkeKeys keys;              // from here on; differ from sa.keys if a PPK is mixed in
  bool ppk_used = false;
};
// `payloads`: of the other party's IKE_AUTH message.
Verdict verify(const TunnelSettings& settings, const IkeSa& sa,
               const std::vector<Payload>& payloads, crypto::WallTime now);

struct Proof {
  std::string_view failed;  // why there is none, for the counter
  Identity identity;        // ours
  // ID, CERT, AUTH, notifications of RFC 8784; as initiator also CERTREQ. In an order that the
  // other party can expect.
  std::vector<Payload> payloads;
};
// `theirs`: of the other party's IKE_AUTH request, when we are responder (CERTREQ).
Proof prove(const TunnelSettings& settings, const IkeSa& sa, const std::vector<Payload>& theirs);

// Whether a client may mean us with the IDr that it sent.
bool is_local_id(const TunnelSettings& settings, const Identity& identity);

// Equal bytes; distinguished names are the same if only case, blanks or kinds of strings differ.
bool same_identity(const Identity& a, const Identity& b);

}  // namespace segw::ike
