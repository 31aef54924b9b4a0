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
  size_t integrity = 0;   // SK_a; 0 with AES-GCM
  size_t encryption = 0;  // SK_e, with the salt of AES-GCM
};
[[nodiscard]] KeySizes key_sizes(const IkeSuite& suite);

// RFC 7296 2.14.
IkeKeys derive_keys(const IkeSuite& suite, const SecretBytes& shared, const Nonces& nonces,
                    const Spis& spis);
// RFC 7296 2.18: of an IKE SA that replaces the one with `old_sk_d`.
IkeKeys derive_rekeyed(const IkeSuite& suite, const SecretBytes& old_sk_d,
                       const SecretBytes& shared, const Nonces& nonces, const Spis& spis);

struct ChildKeys {
  SecretBytes from_initiator;  // encryption key, then salt or integrity key
  SecretBytes from_responder;
};
// RFC 7296 2.17. `shared` is empty without a new Diffie-Hellman exchange.
ChildKeys derive_child(const esp::Suite& suite, const SecretBytes& sk_d, const SecretBytes& shared,
                       const Nonces& nonces);

// RFC 8784 3: the keys after the PPK is mixed into SK_d, SK_pi and SK_pr.
IkeKeys mix_ppk(const IkeSuite& suite, const IkeKeys& keys, const SecretBytes& ppk);

// RFC 7296 2.15: what a party signs. `message`: its own IKE_SA_INIT message; `nonce`: the other
// party's; `sk_p`: its own SK_pi or SK_pr.
Bytes signed_octets(const IkeSuite& suite, ByteView message, ByteView nonce,
                    const SecretBytes& sk_p, const Identity& signer);
// The same, signed with a pre-shared key.
SecretBytes psk_auth(const SecretBytes& pre_shared_key, ByteView message, ByteView nonce,
                     const SecretBytes& sk_p, const Identity& signer);

// RFC 7296 2.23: SHA-1(SPIi | SPIr | address | port).
Bytes nat_detection(const Spis& spis, const Endpoint& endpoint);

}  // namespace segw::ike
