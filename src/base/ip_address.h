#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace segw {

enum class IpFamily : uint8_t { V4, V6 };

// An IPv4 or IPv6 address, plain data. The default is 0.0.0.0.
class IpAddress {
 public:
  IpAddress() = default;
  static IpAddress v4(uint32_t host_order);
  // `network_order` has 4 bytes (IPv4) or 16 (IPv6); anything else gives nothing.
  static std::optional<IpAddress> from_bytes(ByteView network_order);
  // Dotted quad or RFC 4291 text. Error: names the text.
  static Result<IpAddress> parse(std::string_view text);

  [[nodiscard]] IpFamily family() const { return family_; }
  [[nodiscard]] bool is_v4() const { return family_ == IpFamily::V4; }
  [[nodiscard]] uint32_t v4_host_order() const;  // 0 for an IPv6 address
  [[nodiscard]] ByteView bytes() const { return {bytes_.data(), is_v4() ? size_t{4} : size_t{16}}; }
  [[nodiscard]] bool unspecified() const;
  [[nodiscard]] std::string text() const;

  auto operator<=>(const IpAddress&) const = default;

 private:
  IpFamily family_ = IpFamily::V4;
  std::array<uint8_t, 16> bytes_{};
};

// A prefix; bits below the length are kept as they were written.
struct IpPrefix {
  IpAddress address;
  uint8_t length = 0;  // 0..32 or 0..128

  static Result<IpPrefix> parse(std::string_view text);
  [[nodiscard]] bool contains(const IpAddress& other) const;
  [[nodiscard]] IpAddress first() const;  // network address
  [[nodiscard]] IpAddress last() const;   // highest address
  [[nodiscard]] std::string text() const;
  auto operator<=>(const IpPrefix&) const = default;
};

struct Endpoint {
  IpAddress address;
  uint16_t port = 0;
  [[nodiscard]] std::string text() const;  // 192.0.2.1:500, [2001:db8::1]:500
  auto operator<=>(const Endpoint&) const = default;
};

}  // namespace segw
