#pragma once

// IP reassembly of what is addressed to the gateway, both families (RFC 791 3.2, RFC 8200 4.5,
// RFC 5722), sans I/O. Bounded in datagrams, fragments and bytes; each refusal has its counter.
// What stays incomplete is forgotten after `max_wait`.

#include <cstdint>
#include <list>
#include <map>
#include <optional>

#include "base/bytes.h"
#include "base/counters.h"
#include "base/time.h"
#include "esp/ip_packet.h"

namespace segw::esp {

constexpr size_t kReassembliesMax = 1024;         // datagrams under way; then the oldest gives way
constexpr size_t kReassembliesOfSource = 64;      // of one source; then it gets no more
constexpr size_t kFragmentsMax = 64;              // of one datagram
constexpr size_t kReassemblyBytesMax = 4U << 20;  // held in all, with kFragmentCost for each
constexpr size_t kFragmentCost = 128;
// But for the last one, no fragment carries less: smaller ones come from attacks on parsers, and
// 64 of this size are more than any message to a gateway.
constexpr size_t kFragmentSizeMin = 256;

class Reassembler {
 public:
  explicit Reassembler(Duration max_wait = std::chrono::milliseconds(1200)) : max_wait_(max_wait) {}
  void set_max_wait(Duration max_wait) { max_wait_ = max_wait; }

  // Takes a fragment. The whole packet when it was the last one missing.
  [[nodiscard]] std::optional<Bytes> add(const IpPacket& fragment, Instant now, Counters& drops);
  // Forgets what has waited too long.
  void expire(Instant now, Counters& drops);
  void clear(Counters& drops);  // the chassis no longer acts

  [[nodiscard]] size_t datagrams() const { return datagrams_.size(); }
  [[nodiscard]] size_t bytes() const { return bytes_; }

 private:
  // RFC 791 3.2, RFC 8200 4.5: what fragments of one datagram have in common. IPv6 has no protocol
  // there.
  struct Key {
    IpAddress source;
    IpAddress destination;
    uint32_t identification = 0;
    uint8_t protocol = 0;
    auto operator<=>(const Key&) const = default;
  };
  struct Datagram {
    Instant until{};
    std::map<size_t, Bytes> parts;  // by offset; they do not overlap
    size_t received = 0;
    std::optional<size_t> total;
    bool refused = false;  // RFC 5722: nor is what comes later taken
    uint8_t first_class = 0;
    uint8_t ecn_seen = 0;  // bit n: a fragment came with ECN n
    uint8_t protocol = 0;  // of the first fragment
    uint8_t hop_limit = 0;
    std::list<Key>::iterator place;
  };
  using Datagrams = std::map<Key, Datagram>;

  // Nothing if there may be no more; the reason is counted.
  Datagram* find_or_make(const Key& key, Instant now, Counters& drops);
  // The counter's name if the fragment cannot be one; empty otherwise.
  [[nodiscard]] static std::string_view fault(const IpPacket& fragment);
  [[nodiscard]] static bool contradicts(const Datagram& datagram, const IpPacket& fragment);
  [[nodiscard]] static bool duplicate(const Datagram& datagram, const IpPacket& fragment);
  void refuse(Datagram& datagram);
  void forget(Datagrams::iterator at);
  [[nodiscard]] static std::optional<Bytes> whole(const Key& key, const Datagram& datagram);

  Duration max_wait_;
  Datagrams datagrams_;
  std::list<Key> by_age_;  // the oldest first
  std::map<IpAddress, size_t> of_source_;
  size_t bytes_ = 0;
};

}  // namespace segw::esp
