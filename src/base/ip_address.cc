#include "base/ip_address.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace segw {
namespace {

std::optional<uint32_t> parse_number(std::string_view text, int base, uint32_t maximum) {
  uint32_t value = 0;
  const char* begin = text.data();
  const char* end = begin + text.size();
  const auto [stop, error] = std::from_chars(begin, end, value, base);
  if (text.empty() || error != std::errc{} || stop != end || value > maximum) return std::nullopt;
  return value;
}

std::optional<std::array<uint8_t, 4>> parse_v4(std::string_view text) {
  std::array<uint8_t, 4> bytes{};
  for (size_t i = 0; i < 4; ++i) {
    const size_t dot = i < 3 ? text.find('.') : text.size();
    if (dot > 3) return std::nullopt;  // npos, too
    const auto byte = parse_number(text.substr(0, dot), 10, 255);
    if (!byte) return std::nullopt;
    bytes[i] = static_cast<uint8_t>(*byte);
    text.remove_prefix(std::min(text.size(), dot + 1));
  }
  return bytes;
}

// Groups of one side of `::`; false on anything that is not a list of 16-bit groups.
bool parse_groups(std::string_view text, Bytes& out) {
  while (!text.empty()) {
    const size_t colon = text.find(':');
    const std::string_view group = text.substr(0, colon);
    if (colon == std::string_view::npos && group.find('.') != std::string_view::npos) {
      const auto v4 = parse_v4(group);
      if (!v4) return false;
      out.insert(out.end(), v4->begin(), v4->end());
      return out.size() <= 16;
    }
    const auto value = group.size() <= 4 ? parse_number(group, 16, 0xFFFF) : std::nullopt;
    if (!value || out.size() > 14) return false;
    out.push_back(static_cast<uint8_t>(*value >> 8));
    out.push_back(static_cast<uint8_t>(*value & 0xFF));
    if (colon == std::string_view::npos) return true;
    text.remove_prefix(colon + 1);
    if (text.empty()) return false;
  }
  return true;
}

std::optional<std::array<uint8_t, 16>> parse_v6(std::string_view text) {
  Bytes head;
  Bytes tail;
  const size_t gap = text.find("::");
  if (gap == std::string_view::npos) {
    if (!parse_groups(text, head) || head.size() != 16) return std::nullopt;
  } else {
    if (!parse_groups(text.substr(0, gap), head)) return std::nullopt;
    if (!parse_groups(text.substr(gap + 2), tail)) return std::nullopt;
    if (head.size() + tail.size() > 14) return std::nullopt;
  }
  std::array<uint8_t, 16> bytes{};
  std::ranges::copy(head, bytes.begin());
  std::ranges::copy(tail, bytes.end() - static_cast<std::ptrdiff_t>(tail.size()));
  return bytes;
}

}  // namespace

IpAddress IpAddress::v4(uint32_t host_order) {
  IpAddress address;
  for (size_t i = 0; i < 4; ++i) {
    address.bytes_[i] = static_cast<uint8_t>(host_order >> (24 - 8 * i));
  }
  return address;
}

std::optional<IpAddress> IpAddress::from_bytes(ByteView network_order) {
  if (network_order.size() != 4 && network_order.size() != 16) return std::nullopt;
  IpAddress address;
  address.family_ = network_order.size() == 4 ? IpFamily::V4 : IpFamily::V6;
  std::ranges::copy(network_order, address.bytes_.begin());
  return address;
}

Result<IpAddress> IpAddress::parse(std::string_view text) {
  std::optional<IpAddress> address;
  if (const auto v4 = parse_v4(text)) {
    address = from_bytes(*v4);
  } else if (text.find(':') != std::string_view::npos) {
    if (const auto v6 = parse_v6(text)) address = from_bytes(*v6);
  }
  if (address) return *address;
  return failure(fmt::format("'{}' is not an IP address", text));
}

uint32_t IpAddress::v4_host_order() const {
  if (!is_v4()) return 0;
  return uint32_t{bytes_[0]} << 24 | uint32_t{bytes_[1]} << 16 | uint32_t{bytes_[2]} << 8 |
         bytes_[3];
}

bool IpAddress::unspecified() const {
  return std::ranges::all_of(bytes_, [](uint8_t byte) { return byte == 0; });
}

std::string IpAddress::text() const {
  if (is_v4()) return fmt::format("{}.{}.{}.{}", bytes_[0], bytes_[1], bytes_[2], bytes_[3]);
  std::array<uint16_t, 8> groups{};
  for (size_t i = 0; i < 8; ++i) {
    groups[i] = static_cast<uint16_t>(bytes_[2 * i] << 8 | bytes_[2 * i + 1]);
  }
  // RFC 5952 4.2: the longest run of two or more zero groups, the first of equals, becomes "::".
  size_t best = 8;
  size_t best_length = 1;
  for (size_t i = 0; i < 8; ++i) {
    size_t length = 0;
    while (i + length < 8 && groups[i + length] == 0) ++length;
    if (length > best_length) {
      best = i;
      best_length = length;
    }
  }
  std::string text;
  for (size_t i = 0; i < 8;) {
    if (i == best) {
      text += "::";
      i += best_length;
      continue;
    }
    if (!text.empty() && text.back() != ':') text += ':';
    text += fmt::format("{:x}", groups[i++]);
  }
  return text;
}

Result<IpPrefix> IpPrefix::parse(std::string_view text) {
  const size_t slash = text.find('/');
  auto address = IpAddress::parse(text.substr(0, slash));
  const uint32_t maximum = address && !address->is_v4() ? 128 : 32;
  const auto length = slash == std::string_view::npos
                          ? std::optional<uint32_t>(maximum)
                          : parse_number(text.substr(slash + 1), 10, maximum);
  if (!address || !length) return failure(fmt::format("'{}' is not an IP prefix", text));
  return IpPrefix{.address = *address, .length = static_cast<uint8_t>(*length)};
}

namespace {
IpAddress masked(const IpAddress& address, uint8_t length, bool ones) {
  Bytes bytes = to_bytes(address.bytes());
  for (size_t bit = length; bit < bytes.size() * 8; ++bit) {
    const auto mask = static_cast<uint8_t>(0x80 >> (bit % 8));
    uint8_t& byte = bytes[bit / 8];
    byte = static_cast<uint8_t>(ones ? (byte | mask) : (byte & ~mask));
  }
  return IpAddress::from_bytes(bytes).value_or(IpAddress{});
}
}  // namespace

bool IpPrefix::contains(const IpAddress& other) const {
  return other.family() == address.family() && masked(other, length, false) == first();
}

IpAddress IpPrefix::first() const { return masked(address, length, false); }
IpAddress IpPrefix::last() const { return masked(address, length, true); }
std::string IpPrefix::text() const { return fmt::format("{}/{}", address.text(), length); }

std::string Endpoint::text() const {
  return address.is_v4() ? fmt::format("{}:{}", address.text(), port)
                         : fmt::format("[{}]:{}", address.text(), port);
}

}  // namespace segw
