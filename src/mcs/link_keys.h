#pragma once

// Which key the sessions with one peer are made with (redundancy rule 25), pure.
//
// A key is named by the pre-shared key's identity: both addresses, the lower first, and its id. The
// release before names the only key that it has by the addresses alone.

#include <optional>
#include <string>
#include <string_view>

#include "base/ip_address.h"
#include "base/shared_key.h"
#include "platform/platform.h"

namespace segw::mcs {

class LinkKeys {
 public:
  struct Attempt {
    platform::TlsPsk psk;
    uint16_t key = 0;
  };

  LinkKeys(const IpAddress& local, const IpAddress& peer, SharedKeys keys);

  void renew(SharedKeys keys);
  [[nodiscard]] bool empty() const { return keys_.empty(); }
  [[nodiscard]] bool is_first(uint16_t key) const;
  [[nodiscard]] bool has(uint16_t key) const;

  // What the next connection proves: the first key, then the other, then both as the release before
  // names them; and so on. None of these three may be asked for without a key.
  Attempt next_attempt();
  [[nodiscard]] Attempt first() const;
  void start_over() { attempts_ = 0; }

  // The key that a peer offers to prove, under its name of ours. A name without an id is the first
  // and the other in turn.
  std::optional<platform::TlsPsk> find(std::string_view identity);
  // Its id, by our name; nothing: it is none of ours (any more).
  [[nodiscard]] std::optional<uint16_t> key_of(std::string_view identity) const;

 private:
  [[nodiscard]] std::string name_of(const SharedKey& key) const;

  std::string addresses_;
  SharedKeys keys_;
  size_t attempts_ = 0;  // since the last session
  size_t nameless_ = 0;  // times that a name without an id was asked for
};

}  // namespace segw::mcs
