#pragma once

// The keys that a chassis shares with a peer (redundancy rule 25): where they come from, what the
// protocols make of them, and which change of them loses nothing. Pure, but for read_shared_keys().
//
// A key is changed on one chassis after the other, at any pace, in three steps; the list of each:
//
//   old            →  old, new           all accept the new one
//   old, new       →  new, old           all send with it
//   new, old       →  new                nobody accepts the old one any more
//
// A chassis takes no step that would make it deaf or unheard: each says in its hellos what it
// accepts and what it sends with.

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/shared_key.h"
#include "bfd/bfd_wire.h"
#include "config/model.h"
#include "platform/platform.h"

namespace segw::chassis {

// The lines of mcs.key: one or two, each of 64 hexadecimal digits.
Result<std::vector<SecretBytes>> parse_mcs_key(ByteView contents);

// Of the peer's configuration, or else of mcs.key in the state folder; none if there is neither.
// Error: one line.
Result<SharedKeys> read_shared_keys(platform::Store& store, const config::McPeer& peer);

// The key of one protocol; empty from an empty one.
SecretBytes protocol_key(const SecretBytes& key, std::string_view label);
// The same for each, under the same ids.
SharedKeys protocol_keys(const SharedKeys& keys, std::string_view label);
bfd::Keys bfd_keys(const SharedKeys& keys);
[[nodiscard]] std::vector<uint16_t> ids_of(const SharedKeys& keys);
// In tables and messages: 1a2b.
[[nodiscard]] std::string key_name(uint16_t id);

// What speaks against going from one list to the other now; empty: nothing. `peer`: ids of the keys
// that the peer accepts, the one that it sends with first; none: it is not reachable.
[[nodiscard]] std::string change_refused(const SharedKeys& from, const SharedKeys& to,
                                         const std::vector<uint16_t>& peer);

struct KeysInUse {
  IpAddress peer;
  SharedKeys keys;
  std::vector<std::vector<uint16_t>> told;  // what the peer accepts, by each group
};
// The keys of the same peers as `configured` and mcs.key have them now. Error: a line for each peer
// whose keys must stay as they are.
Result<std::vector<SharedKeys>> next_keys(platform::Store& store, const config::Config& configured,
                                          const std::vector<KeysInUse>& in_use);
// peer 192.0.2.2: 1a2b 3c4d, …
[[nodiscard]] std::string key_names(const std::vector<KeysInUse>& in_use);

}  // namespace segw::chassis
