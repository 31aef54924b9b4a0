#pragma once

// Records for tests: small ones by number, and random ones in which every field has content.

#include <chrono>
#include <string>
#include <tuple>
#include <vector>

#include "crypto/crypto.h"
#include "esp/cipher.h"
#include "esp/sequence_plan.h"
#include "ike/key_derivation.h"
#include "mcs/mcs_codec.h"
#include "mcs/records.h"
#include "platform/testing/fake_platform.h"

namespace segw::mcs::testing {

// ---- small ones ----

inline SecretBytes key_bytes(size_t size, uint8_t byte) { return SecretBytes(Bytes(size, byte)); }

inline ike::IkeSa ike_sa(uint64_t spi) {
  ike::IkeSa sa;
  sa.initiator_spi = IkeSpi{0x1000 + spi};
  sa.responder_spi = IkeSpi{spi};
  sa.state = ike::IkeState::Established;
  sa.keys = {.sk_d = key_bytes(32, 1),
             .sk_ai = {},
             .sk_ar = {},
             .sk_ei = key_bytes(20, 2),
             .sk_er = key_bytes(20, 3),
             .sk_pi = key_bytes(32, 4),
             .sk_pr = key_bytes(32, 5)};
  return sa;
}

// Its record takes a little more than `size` bytes.
inline ike::IkeSa large_ike_sa(uint64_t spi, size_t size) {
  ike::IkeSa sa = ike_sa(spi);
  sa.init_request = Bytes(size, 'x');
  return sa;
}

inline esp::ChildSa child_sa(uint32_t spi, uint64_t ike_spi = 1) {
  esp::ChildSa sa;
  sa.ike_sa = IkeSpi{ike_spi};
  sa.inbound_spi = Spi{spi};
  sa.outbound_spi = Spi{0x10000 + spi};
  sa.inbound_key = key_bytes(20, 6);
  sa.outbound_key = key_bytes(20, 7);
  return sa;
}

inline Record no_ike(uint64_t spi) { return DeleteIkeSa{.our_spi = IkeSpi{spi}}; }
inline Record no_child(uint32_t spi) { return DeleteChildSa{.inbound_spi = Spi{spi}}; }

inline std::string name_of(const Record& record) {
  struct Visitor {
    std::string operator()(const ike::IkeSa& sa) const {
      return "ike " + std::to_string(sa.our_spi().value);
    }
    std::string operator()(const esp::ChildSa& sa) const {
      return "child " + std::to_string(sa.inbound_spi.value);
    }
    std::string operator()(const DeleteIkeSa& gone) const {
      return "no ike " + std::to_string(gone.our_spi.value);
    }
    std::string operator()(const DeleteChildSa& gone) const {
      return "no child " + std::to_string(gone.inbound_spi.value);
    }
    std::string operator()(const GrantChange& change) const {
      return "grant " + std::to_string(change.inbound_spi.value);
    }
  };
  return std::visit(Visitor{}, record);
}

inline Bytes wire_form(const Record& record) {
  pb::Record out;
  encode(record, out);
  return to_bytes(as_bytes(out.SerializeAsString()));
}

// ---- random ones ----

class Random {
 public:
  explicit Random(uint64_t seed) {
    for (uint64_t i = 0; i < seed; ++i) (void)rng_.next();
  }
  uint64_t next() { return rng_.next(); }
  uint64_t below(uint64_t bound) { return rng_.below(bound); }
  uint64_t position() { return below(esp::kPositionMax + 1); }
  bool flip() { return below(2) == 1; }
  uint32_t u32() { return static_cast<uint32_t>(next()); }
  uint16_t u16() { return static_cast<uint16_t>(next()); }
  uint8_t u8() { return static_cast<uint8_t>(next()); }
  Bytes bytes(size_t maximum) { return rng_.bytes(below(maximum + 1)); }
  SecretBytes secret(size_t size) { return SecretBytes(rng_.bytes(size)); }
  Duration span() { return Duration(static_cast<int64_t>(below(uint64_t{1} << 60))); }
  IpAddress address() {
    const Bytes raw = rng_.bytes(flip() ? 4 : 16);
    return IpAddress::from_bytes(raw).value_or(IpAddress{});
  }
  Endpoint endpoint() {
    const IpAddress at = address();
    return {.address = at, .port = u16()};
  }

  std::vector<esp::Holder> holders() {
    std::vector<esp::Holder> all(below(5));
    for (esp::Holder& each : all) {
      each.slot = Slot{static_cast<uint8_t>(below(esp::kSlotsMax))};
      rng_.fill(each.incarnation);
    }
    return all;
  }
  std::vector<esp::TrafficSelector> selectors() {
    std::vector<esp::TrafficSelector> all(below(4));
    for (esp::TrafficSelector& each : all) {
      each.protocol = u8();
      each.port_first = u16();
      each.port_last = u16();
      each.first = address();
      each.last = address();
    }
    return all;
  }
  esp::SequenceGrants grants() {
    esp::SequenceGrants all;
    all.slots = static_cast<uint8_t>(1 + below(esp::kSlotsMax));
    all.grantee = Slot{static_cast<uint8_t>(below(esp::kSlotsMax))};
    for (uint64_t& bound : all.bound) bound = position();
    return all;
  }
  esp::ChildSa child() {
    esp::ChildSa sa;
    sa.ike_sa = IkeSpi{next()};
    sa.tunnel = u32();
    sa.inbound_spi = Spi{u32() | 1};
    sa.outbound_spi = Spi{u32()};
    sa.local = address();
    sa.remote = address();
    if (flip()) {
      sa.encapsulation.emplace();
      sa.encapsulation->local_port = u16();
      sa.encapsulation->remote_port = u16();
    }
    sa.suite = suite();
    const size_t key_size = esp::key_size(sa.suite);
    sa.inbound_key = secret(key_size);
    sa.outbound_key = secret(key_size);
    sa.local_selectors = selectors();
    sa.remote_selectors = selectors();
    sa.replay_window = u16();
    sa.initiator = flip();
    sa.rekeyed = flip();
    sa.lifetime = span();
    sa.age = span();
    sa.grants = grants();
    sa.holders = holders();
    sa.reverse_route = static_cast<esp::ReverseRoute>(below(3));
    sa.replaces = Spi{u32()};
    sa.outbound_from = span();
    sa.rekey_after = span();
    sa.delete_after = span();
    sa.rekeyed_by_us = flip();
    sa.outbound_floor = position();
    return sa;
  }
  ike::IkeSa ike() {
    ike::IkeSa sa;
    sa.tunnel = u32();
    sa.initiator_spi = IkeSpi{next() | 1};
    sa.responder_spi = IkeSpi{next() | 1};
    // Connecting has no keys: mcs_codec_test has a case of its own for it.
    constexpr std::array kStates{ike::IkeState::HalfOpen,       ike::IkeState::Established,
                                 ike::IkeState::Rekeyed,        ike::IkeState::Closed,
                                 ike::IkeState::Authenticating, ike::IkeState::Candidate};
    sa.state = kStates.at(below(kStates.size()));
    sa.we_initiated = flip();
    sa.local = endpoint();
    sa.remote = endpoint();
    sa.local_behind_nat = flip();
    sa.remote_behind_nat = flip();
    sa.peer_supports_message_id_sync = flip();
    sa.peer_supports_replay_counter_sync = flip();
    sa.fragmentation = flip();
    sa.mobike = flip();
    sa.address_unverified = flip();
    sa.highest_m1 = u32();
    fill_suite(sa);
    sa.initiator_nonce = bytes(256);
    sa.responder_nonce = bytes(256);
    sa.init_request = bytes(2000);
    sa.init_response = bytes(2000);
    sa.local_id.type = u8();
    sa.local_id.data = bytes(100);
    sa.remote_id.type = u8();
    sa.remote_id.data = bytes(100);
    sa.next_request_in = u32();
    sa.next_request_out = u32();
    if (flip()) sa.last_answer = answer();
    if (flip()) {
      sa.pending = pending();
    }
    sa.children.resize(below(5));
    for (Spi& spi : sa.children) spi = Spi{u32()};
    sa.lifetime = span();
    sa.age = span();
    sa.authenticated_count = next();
    sa.holders = holders();
    if (ike::is_dynamic(sa.tunnel)) {
      sa.dynamic.emplace();
      sa.dynamic->gateway = address();
      sa.dynamic->client = u16();
    }
    sa.peer_offer.hashes.resize(below(4));
    for (uint16_t& hash : sa.peer_offer.hashes) hash = u16();
    sa.peer_offer.certificate_wanted = flip();
    sa.peer_offer.authorities.resize(below(3));
    for (Bytes& authority : sa.peer_offer.authorities) authority = bytes(20);
    sa.peer_offer.ppk = flip();
    sa.ppk_used = flip();
    sa.rekey_after = span();
    sa.delete_after = span();
    return sa;
  }
  esp::SaWindow window() {
    esp::SaWindow window{.inbound_spi = Spi{u32()}};
    window.outbound_next = position();
    window.inbound_highest = next();
    window.seen.resize(below(9));
    for (uint64_t& word : window.seen) word = next();
    return window;
  }
  Record record() {
    switch (below(5)) {
      case 0:
        return ike();
      case 1:
        return child();
      case 2: {
        DeleteIkeSa gone{.our_spi = IkeSpi{next()}};
        gone.by_client = flip();
        return gone;
      }
      case 3: {
        DeleteChildSa gone{.inbound_spi = Spi{u32()}};
        gone.by_client = flip();
        return gone;
      }
      default: {
        GrantChange change{.inbound_spi = Spi{u32()}};
        change.grants = grants();
        return change;
      }
    }
  }

 private:
  esp::Suite suite() {
    constexpr std::array<esp::Suite, 7> kSuites{{
        {.encryption = esp::Encryption::AesCbc,
         .key_bits = 192,
         .integrity = esp::Integrity::HmacSha1_96},
        {.encryption = esp::Encryption::AesCbc,
         .key_bits = 256,
         .integrity = esp::Integrity::HmacSha384_192},
        {.encryption = esp::Encryption::AesCbc,
         .key_bits = 128,
         .integrity = esp::Integrity::AesXcbc_96},
        {.encryption = esp::Encryption::AesGcm8, .key_bits = 192},
        {.encryption = esp::Encryption::AesGcm16, .key_bits = 256},
        {.encryption = esp::Encryption::ChaCha20Poly1305, .key_bits = 256},
        {.encryption = esp::Encryption::Null,
         .key_bits = 0,
         .integrity = esp::Integrity::HmacSha512_256},
    }};
    esp::Suite suite = kSuites.at(below(kSuites.size()));
    suite.extended_sequence_numbers = flip();
    return suite;
  }
  void fill_suite(ike::IkeSa& sa) {
    constexpr std::array kGroups{ike::Group::Modp1024, ike::Group::Modp2048, ike::Group::Ecp256,
                                 ike::Group::Ecp521, ike::Group::Curve25519};
    constexpr std::array kPrfs{ike::Prf::HmacSha1, ike::Prf::AesXcbc, ike::Prf::HmacSha256,
                               ike::Prf::HmacSha512};
    const esp::Suite drawn = suite();
    const bool null = drawn.encryption == esp::Encryption::Null;  // not for IKE
    sa.suite = {.encryption = null ? esp::Encryption::AesCbc : drawn.encryption,
                .key_bits = null ? uint16_t{128} : drawn.key_bits,
                .integrity = drawn.integrity};
    sa.suite.prf = kPrfs.at(below(kPrfs.size()));
    sa.suite.group = kGroups.at(below(kGroups.size()));
    const ike::KeySizes sizes = ike::key_sizes(sa.suite);
    sa.keys.sk_d = secret(sizes.prf);
    sa.keys.sk_ai = secret(sizes.integrity);
    sa.keys.sk_ar = secret(sizes.integrity);
    sa.keys.sk_ei = secret(sizes.encryption);
    sa.keys.sk_er = secret(sizes.encryption);
    sa.keys.sk_pi = secret(sizes.prf);
    sa.keys.sk_pr = secret(sizes.prf);
  }
  ike::PendingRequest pending() {
    ike::PendingRequest out;
    out.kind = static_cast<ike::PendingRequest::Kind>(below(10));
    out.message_id = u32();
    out.datagrams.resize(1 + below(3));
    for (Bytes& datagram : out.datagrams) datagram = bytes(300);
    out.child = Spi{u32()};
    out.entry = u32();
    out.nonce = bytes(256);
    if (flip()) {
      out.group = ike::Group::Ecp256;
      out.private_key = secret(crypto::private_size(*out.group));
    }
    out.new_child = Spi{u32()};
    out.new_ike = IkeSpi{next()};
    out.cookie = bytes(64);
    out.retold = u8();
    if (flip()) {
      out.rival.emplace();
      out.rival->child = Spi{u32()};
      out.rival->ike = IkeSpi{next()};
      out.rival->lowest_nonce = bytes(256);
    }
    out.gone.resize(below(3));
    for (Spi& spi : out.gone) spi = Spi{u32()};
    return out;
  }
  ike::Answer answer() {
    ike::Answer out;
    out.message_id = u32();
    out.request_digest = rng_.bytes(32);
    out.response.resize(1 + below(3));
    for (Bytes& datagram : out.response) datagram = bytes(1400);
    return out;
  }

  platform::testing::FakeRng rng_;
};

// ---- equality, field by field ----

// The bindings name every field: one more, and this does not compile until it is compared too.
inline bool same(const esp::ChildSa& a, const esp::ChildSa& b) {
  const auto all = [](const esp::ChildSa& sa) {
    const auto& [group, ike_sa, tunnel, inbound_spi, outbound_spi, local, remote, encapsulation,
                 suite, inbound_key, outbound_key, local_selectors, remote_selectors, replay_window,
                 initiator, rekeyed, lifetime, age, grants, holders, reverse_route, replaces,
                 outbound_from, rekey_after, delete_after, rekeyed_by_us, outbound_floor] = sa;
    return std::tie(group, ike_sa, tunnel, inbound_spi, outbound_spi, local, remote, encapsulation,
                    suite, inbound_key, outbound_key, local_selectors, remote_selectors,
                    replay_window, initiator, rekeyed, lifetime, age, grants, holders,
                    reverse_route, replaces, outbound_from, rekey_after, delete_after,
                    rekeyed_by_us, outbound_floor);
  };
  return all(a) == all(b);
}

inline bool same(const ike::IkeKeys& a, const ike::IkeKeys& b) {
  const auto all = [](const ike::IkeKeys& keys) {
    const auto& [d, ai, ar, ei, er, pi, pr] = keys;
    return std::tie(d, ai, ar, ei, er, pi, pr);
  };
  return all(a) == all(b);
}

inline bool same(const std::optional<ike::Answer>& a, const std::optional<ike::Answer>& b) {
  const auto all = [](const ike::Answer& answer) {
    const auto& [message_id, request_digest, response] = answer;
    return std::tie(message_id, request_digest, response);
  };
  return a.has_value() == b.has_value() && (!a || all(*a) == all(*b));
}

inline bool same(const std::optional<ike::PendingRequest>& a,
                 const std::optional<ike::PendingRequest>& b) {
  const auto all = [](const ike::PendingRequest& pending) {
    const auto& [kind, message_id, datagrams, child, entry, nonce, group, private_key, new_child,
                 new_ike, cookie, retold, rival, gone] = pending;
    return std::tie(kind, message_id, datagrams, child, entry, nonce, group, private_key, new_child,
                    new_ike, cookie, retold, rival, gone);
  };
  return a.has_value() == b.has_value() && (!a || all(*a) == all(*b));
}

inline bool same(const ike::IkeSa& a, const ike::IkeSa& b) {
  const auto all = [](const ike::IkeSa& sa) {
    const auto& [group, tunnel, initiator_spi, responder_spi, state, we_initiated, local, remote,
                 local_behind_nat, remote_behind_nat, message_id_sync, replay_sync, fragmentation,
                 mobike, address_unverified, highest_m1, suite, keys, initiator_nonce,
                 responder_nonce, init_request, init_response, peer_offer, ppk_used, local_id,
                 remote_id, next_request_in, next_request_out, last_answer, pending, children,
                 lifetime, age, authenticated_count, holders, dynamic, rekey_after, delete_after] =
        sa;
    // Compared below.
    static_cast<void>(keys);
    static_cast<void>(last_answer);
    static_cast<void>(pending);
    return std::tie(group, tunnel, initiator_spi, responder_spi, state, we_initiated, local, remote,
                    local_behind_nat, remote_behind_nat, message_id_sync, replay_sync,
                    fragmentation, mobike, address_unverified, highest_m1, suite, initiator_nonce,
                    responder_nonce, init_request, init_response, peer_offer, ppk_used, local_id,
                    remote_id, next_request_in, next_request_out, children, lifetime, age,
                    authenticated_count, holders, dynamic, rekey_after, delete_after);
  };
  return all(a) == all(b) && same(a.keys, b.keys) && same(a.last_answer, b.last_answer) &&
         same(a.pending, b.pending);
}

inline bool same(const esp::SaWindow& a, const esp::SaWindow& b) {
  const auto all = [](const esp::SaWindow& window) {
    const auto& [inbound_spi, outbound_next, inbound_highest, seen] = window;
    return std::tie(inbound_spi, outbound_next, inbound_highest, seen);
  };
  return all(a) == all(b);
}

inline bool same(const Record& a, const Record& b) {
  return a.index() == b.index() &&
         std::visit(
             [&](const auto& value) {
               using T = std::decay_t<decltype(value)>;
               const T& other = std::get<T>(b);
               if constexpr (std::is_same_v<T, ike::IkeSa> || std::is_same_v<T, esp::ChildSa>) {
                 return same(value, other);
               } else if constexpr (std::is_same_v<T, GrantChange>) {
                 return value.inbound_spi == other.inbound_spi && value.grants == other.grants;
               } else {
                 return value == other;
               }
             },
             a);
}

}  // namespace segw::mcs::testing
