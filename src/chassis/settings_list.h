#pragma once

// The settings of a part of the configuration, each as a path and a canonical form of its value.
// What a value looks like here is told to other releases as a digest: it never changes.

#include <fmt/format.h>

#include <algorithm>
#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/ip_address.h"
#include "base/secret_bytes.h"
#include "base/time.h"
#include "crypto/crypto.h"
#include "esp/child_sa.h"
#include "ike/identity_match.h"
#include "mcs/shared_config.h"
#include "wire/reader.h"
#include "wire/writer.h"

namespace segw::chassis {

inline void put(wire::Writer& out, std::string_view text) {
  out.u32(static_cast<uint32_t>(text.size())).bytes(as_bytes(text));
}
inline void put(wire::Writer& out, const std::string& text) { put(out, std::string_view(text)); }
inline void put(wire::Writer& out, const Bytes& bytes) {
  out.u32(static_cast<uint32_t>(bytes.size())).bytes(bytes);
}
// The digest only: the buffer is not wiped.
inline void put(wire::Writer& out, const SecretBytes& secret) {
  out.bytes(crypto::digest(crypto::Hash::Sha256, {secret.view()}));
}
template <typename T>
  requires std::integral<T> || std::is_enum_v<T>
void put(wire::Writer& out, T value) {
  out.u64(static_cast<uint64_t>(value));
}
inline void put(wire::Writer& out, Duration span) { out.u64(static_cast<uint64_t>(span.count())); }
inline void put(wire::Writer& out, const IpAddress& address) { put(out, address.text()); }
inline void put(wire::Writer& out, const IpPrefix& prefix) { put(out, prefix.text()); }
inline void put(wire::Writer& out, const ike::Identity& identity) {
  put(out, identity.type);
  put(out, identity.data);
}
inline void put(wire::Writer& out, const ike::IdentityMatch& match) {
  put(out, match.kind);
  put(out, match.type);
  put(out, match.data);
  put(out, match.prefix);
}
inline void put(wire::Writer& out, const esp::TrafficSelector& selector) {
  put(out, selector.protocol);
  put(out, selector.port_first);
  put(out, selector.port_last);
  put(out, selector.first);
  put(out, selector.last);
}
template <typename T>
void put(wire::Writer& out, const std::optional<T>& value) {
  put(out, value.has_value());
  if (value) put(out, *value);
}
template <typename T>
  requires(!std::same_as<T, uint8_t>)
void put(wire::Writer& out, const std::vector<T>& values) {
  out.u32(static_cast<uint32_t>(values.size()));
  for (const T& value : values) put(out, value);
}

class SettingsList {
 public:
  explicit SettingsList(std::string path) : path_(std::move(path)) {}

  // `name`: below the part's path. Left out if it has its usual value.
  template <typename T>
  void add(std::string_view name, const T& value, const T& usual = T{}) {
    if (value == usual) return;
    wire::Writer out;
    put(out, value);
    settings_.emplace_back(fmt::format("{}/{}", path_, name), out.take());
  }

  // Of the whole part, at a tenth of what digests of its settings cost.
  [[nodiscard]] uint64_t digest() {
    sort();
    wire::Writer all;
    for (const auto& [path, value] : settings_) {
      put(all, path);
      put(all, value);
    }
    return short_digest(all.view());
  }
  [[nodiscard]] std::vector<mcs::ConfigSetting> digests() {
    sort();
    std::vector<mcs::ConfigSetting> all;
    all.reserve(settings_.size());
    for (const auto& [path, value] : settings_) {
      all.push_back({.path = path, .digest = short_digest(value)});
    }
    return all;
  }

 private:
  void sort() { std::ranges::sort(settings_); }
  static uint64_t short_digest(ByteView bytes) {
    const Bytes full = crypto::digest(crypto::Hash::Sha256, {bytes});
    return wire::Reader(full).u64("digest");
  }

  std::string path_;
  std::vector<std::pair<std::string, Bytes>> settings_;
};

}  // namespace segw::chassis
