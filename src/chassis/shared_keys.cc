#include "chassis/shared_keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "crypto/crypto.h"

namespace segw::chassis {
namespace {

constexpr std::string_view kMcsKeyFile = "mcs.key";
constexpr std::string_view kExpected =
    "mcs.key: one line of 64 hexadecimal digits expected, or two while keys are changed";
constexpr size_t kMcsKeySize = 32;

Result<SecretBytes> parse_line(std::string_view line) {
  if (line.size() != 2 * kMcsKeySize) return failure(std::string(kExpected));
  SecretBytes key(kMcsKeySize);
  for (size_t i = 0; i < kMcsKeySize; ++i) {
    const char* at = line.data() + 2 * i;
    const auto [stop, error] = std::from_chars(at, at + 2, key.writable()[i], 16);
    if (error != std::errc{} || stop != at + 2) return failure(std::string(kExpected));
  }
  return key;
}

// Two bytes of 32 that could not be turned back into the key either.
uint16_t id_of(const SecretBytes& key) {
  const SecretBytes made = protocol_key(key, "key id 1");
  return static_cast<uint16_t>(made.view()[0] << 8 | made.view()[1]);
}

bool holds(const SharedKeys& keys, uint16_t id) {
  return std::ranges::find(keys, id, &SharedKey::id) != keys.end();
}

}  // namespace

Result<std::vector<SecretBytes>> parse_mcs_key(ByteView contents) {
  std::string_view text(reinterpret_cast<const char*>(contents.data()), contents.size());
  std::vector<SecretBytes> keys;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() && text.find_first_not_of("\r\n") == std::string_view::npos) break;
    auto key = parse_line(line);
    if (!key) return tl::unexpected(key.error());
    if (keys.size() == kSharedKeysMax) return failure(std::string(kExpected));
    keys.push_back(std::move(*key));
  }
  if (keys.empty()) return failure(std::string(kExpected));
  return keys;
}

Result<SharedKeys> read_shared_keys(platform::Store& store, const config::McPeer& peer) {
  std::vector<SecretBytes> secrets;
  if (!peer.authentication_key.empty()) {
    secrets.push_back(peer.authentication_key);
    if (!peer.second_authentication_key.empty()) secrets.push_back(peer.second_authentication_key);
  } else {
    auto contents = store.read(kMcsKeyFile);
    if (!contents) return tl::unexpected(contents.error());
    if (!*contents) return SharedKeys{};
    auto parsed = parse_mcs_key(**contents);
    std::ranges::fill(**contents, uint8_t{0});
    if (!parsed) return tl::unexpected(parsed.error());
    secrets = std::move(*parsed);
  }
  SharedKeys keys;
  for (SecretBytes& secret : secrets) {
    const uint16_t id = id_of(secret);
    // By chance once in 65536: then tables and refusals could not tell them apart.
    if (holds(keys, id)) return failure("both keys have the id " + key_name(id));
    keys.push_back({.id = id, .secret = std::move(secret)});
  }
  return keys;
}

SecretBytes protocol_key(const SecretBytes& key, std::string_view label) {
  if (key.empty()) return {};
  constexpr size_t kKeySize = 32;
  return crypto::hkdf(crypto::Hash::Sha256, key.view(), as_bytes("opensegw"), as_bytes(label),
                      kKeySize);
}

SharedKeys protocol_keys(const SharedKeys& keys, std::string_view label) {
  SharedKeys made;
  for (const SharedKey& key : keys) {
    made.push_back({.id = key.id, .secret = protocol_key(key.secret, label)});
  }
  return made;
}

// RFC 5880 4.4 has eight bits for an id, and 20 bytes for a key.
bfd::Keys bfd_keys(const SharedKeys& keys) {
  bfd::Keys made;
  for (const SharedKey& key : keys) {
    const SecretBytes secret = protocol_key(key.secret, "bfd 1");
    made.push_back({.id = static_cast<uint8_t>(key.id & 0xFF),
                    .secret = SecretBytes(secret.view().first(bfd::kSecretMax))});
  }
  return made;
}

std::vector<uint16_t> ids_of(const SharedKeys& keys) {
  std::vector<uint16_t> ids;
  for (const SharedKey& key : keys) ids.push_back(key.id);
  return ids;
}

std::string key_name(uint16_t id) { return fmt::format("{:04x}", id); }

std::string change_refused(const SharedKeys& from, const SharedKeys& to,
                           const std::vector<uint16_t>& peer) {
  if (from == to) return {};
  if (from.empty()) return "it had no key at the start of segwd: a first key takes a restart";
  if (to.empty()) return "it would be left without a key";
  const bool common = std::ranges::any_of(
      to, [&](const SharedKey& key) { return std::ranges::find(from, key) != from.end(); });
  if (!common) return "none of the keys in use would stay: give the new one as the second first";
  if (peer.empty()) return {};
  if (std::ranges::find(peer, to.front().id) == peer.end()) {
    return fmt::format("it does not accept key {} yet: give it there as the second first",
                       key_name(to.front().id));
  }
  if (!holds(to, peer.front())) {
    return fmt::format("it still sends with key {}: make the other one the first there first",
                       key_name(peer.front()));
  }
  return {};
}

Result<std::vector<SharedKeys>> next_keys(platform::Store& store, const config::Config& configured,
                                          const std::vector<KeysInUse>& in_use) {
  std::vector<SharedKeys> next;
  std::string refused;
  const auto refuse = [&](const KeysInUse& of, std::string_view why) {
    refused += fmt::format("\npeer {}: {}", of.peer.text(), why);
  };
  for (const KeysInUse& now : in_use) {
    const auto at = std::ranges::find(configured.peers, now.peer, &config::McPeer::address);
    if (at == configured.peers.end()) {
      refuse(now, "it is not configured any more");
      continue;
    }
    auto keys = read_shared_keys(store, *at);
    if (!keys) {
      refuse(now, keys.error().text);
      continue;
    }
    std::string why = change_refused(now.keys, *keys, {});
    for (const auto& told : now.told) {
      if (why.empty()) why = change_refused(now.keys, *keys, told);
    }
    if (!why.empty()) refuse(now, why);
    next.push_back(std::move(*keys));
  }
  if (!refused.empty()) return failure("keys stay as they were:" + refused);
  return next;
}

std::string key_names(const std::vector<KeysInUse>& in_use) {
  std::string text;
  for (const KeysInUse& each : in_use) {
    text += fmt::format("{}peer {}:", text.empty() ? "" : ", ", each.peer.text());
    for (const SharedKey& key : each.keys) text += " " + key_name(key.id);
  }
  return text;
}

}  // namespace segw::chassis
