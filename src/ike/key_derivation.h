#pragma once

// Keys of IKE and CHILD SAs (RFC 7296 2.13 to 2.18), AUTH by pre-shared key (2.15), NAT detection
// (2.23), cookies (2.6).

#include "base/bytes.h"
#include "base/ip_address.h"
#include "base/secret_bytes.h"
#include "esp/child_sa.h"
#include "ike/ike_sa.h"

namespace segw::ike {

struct Nonces {
  Bytes initiator;
  Bytes responder;
};
struct Spis {
  IkeSpi initiator;
  IkeSpi responder;
};

// Of the keys that `suite` uses, in bytes.
struct KeySizes {
  size_t prf = 0;         // SK_d, SK_p
  size_t integrity = 0;   // SK_a; 0 with a cipher that authenticates by itself
  size_t encryption = 0;  // SK_e, with its salt
};
[[nodiscard]] KeySizes key_sizes(const IkeSuite& suite);

// RFC 7296 2.14.
IkeKeys derive_keys(const IkeSuite& suite, const SecretBytes& shared, const Nonces& nonces,
                    const Spis& spis);
// RFC 7296 2.18: of an IKE SA that replaces the one with `old_sk_d`. "The old and new IKE SA may
// have selected a different PRF. Because the rekeying exchange belongs to the old IKE SA, it is the
// old IKE SA's PRF that is used to generate SKEYSEED."
IkeKeys derive_rekeyed(const IkeSuite& suite, Prf old_prf, const SecretBytes& old_sk_d,
                       const SecretBytes& shared, const Nonces& nonces, const Spis& spis);

struct ChildKeys {
  SecretBytes from_initiator;  // encryption key, its salt, integrity key
  SecretBytes from_responder;
};
// RFC 7296 2.17, with the PRF of the IKE SA that `sk_d` is of. `shared` is empty without a new
// Diffie-Hellman exchange.
ChildKeys derive_child(const esp::Suite& suite, Prf prf, const SecretBytes& sk_d,
                       const SecretBytes& shared, const Nonces& nonces);

// RFC 8784 3: the keys after the PPK is mixed into SK_d, SK_pi and SK_pr.
IkeKeys mix_ppk(const IkeSuite& suite, const IkeKeys& keys, const SecretBytes& ppk);

// RFC 7296 2.15: what a party signs. `message`: its own IKE_SA_INIT message; `nonce`: the other
// party's; `sk_p`: its own SK_pi or SK_pr.
Bytes signed_octets(const IkeSuite& suite, ByteView message, ByteView nonce,
                    const SecretBytes& sk_p, const Identity& signer);
// The same, signed with a pre-shared key.
SecretBytes psk_auth(const IkeSuite& suite, const SecretBytes& pre_shared_key, ByteView message,
                     ByteView nonce, const SecretBytes& sk_p, const Identity& signer);

// RFC 7296 2.23: SHA-1(SPIi | SPIr | address | port).
Bytes nat_detection(const Spis& spis, const Endpoint& endpoint);

}  // namespace segw::ike
