#pragma once

// IKE fragmentation (RFC 7383): a protected message larger than the path takes leaves as several
// datagrams, each protected by itself with an IV of its own, and is put together from them.
//
// Nothing here is replicated: a client whose parts went to two chassis repeats the whole message.

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "ike/protection.h"

namespace segw::ike {

constexpr size_t kPartsMax = 96;                      // of one message, accepted
constexpr size_t kReassembledMax = size_t{32} << 10;  // bytes of one message
constexpr size_t kReassemblyPoolMax = 4 << 20;        // bytes of all messages under way
constexpr size_t kReassemblyOverhead = 64;            // what keeping a part costs beside its bytes

// The largest IKE message that an IP packet of `mtu` bytes carries to `remote`, with a non-ESP
// marker.
[[nodiscard]] size_t message_size_max(uint16_t mtu, const IpAddress& remote);

// Another IV; nothing: must not send.
using NextIv = std::function<std::optional<uint64_t>()>;

// The datagrams of one message: a single one if it has at most `size_max` bytes (0: whatever its
// size), if no part would hold anything, or if there are too few IVs. `iv` is the first IV.
std::vector<Bytes> protect_in_parts(const Header& header, const std::vector<Payload>& payloads,
                                    const IkeSuite& suite, const IkeKeys& keys, Direction direction,
                                    uint64_t iv, const NextIv& next_iv, size_t size_max,
                                    platform::Rng& rng);

// The inside of a part, or of a message put together from parts; with the digest of the datagram
// that was its first.
struct Piece {
  Plain plain;
  Bytes digest;
};

// Parts of messages that are not whole yet, of every IKE SA: one request and one response of each.
class Reassembler {
 public:
  struct Key {
    IkeSpi sa;  // ours
    bool response = false;
    auto operator<=>(const Key&) const = default;
  };

  // Why a part is dropped before anything is deciphered; empty: it is not.
  [[nodiscard]] std::string_view refuse(const Key& key, uint32_t message_id,
                                        const Part& part) const;
  // An authentic part that refuse() let pass. Gives the message when it is whole.
  std::optional<Piece> add(const Key& key, uint32_t message_id, const Part& part, Piece piece,
                           Instant deadline);
  void forget(IkeSpi sa);
  void clear();
  // Gives up the messages whose deadline has come; their number.
  size_t expire(Instant now);
  [[nodiscard]] std::optional<Instant> next_deadline() const;
  [[nodiscard]] size_t bytes() const { return bytes_; }
  [[nodiscard]] uint64_t evicted() const { return evicted_; }

 private:
  struct Message {
    uint32_t message_id = 0;
    uint16_t total = 0;
    Instant deadline{};
    size_t bytes = 0;  // as charged to the pool
    std::map<uint16_t, Piece> parts;
  };
  void drop(const Key& key);

  std::map<Key, Message> messages_;
  std::set<std::pair<Instant, Key>> deadlines_;
  size_t bytes_ = 0;
  uint64_t evicted_ = 0;
};

}  // namespace segw::ike
