#include "ike/identity_match.h"

#include <algorithm>

#include "crypto/certificate.h"

namespace segw::ike {
namespace {

uint8_t lower(uint8_t c) { return c >= 'A' && c <= 'Z' ? static_cast<uint8_t>(c + 32) : c; }

// The end of `data` after a whole label: `example.net` is no end of `badexample.net`.
bool ends_in(const Bytes& data, const Bytes& suffix) {
  if (suffix.empty() || data.size() < suffix.size()) return false;
  const auto at = data.end() - static_cast<ptrdiff_t>(suffix.size());
  if (!std::equal(at, data.end(), suffix.begin())) return false;
  const auto separates = [](uint8_t c) { return c == '.' || c == '@'; };
  return at == data.begin() || separates(suffix.front()) || separates(*(at - 1));
}

// Nothing that a stranger chose reaches a terminal unprinted.
bool printable(const Bytes& data) {
  return std::ranges::all_of(data, [](uint8_t c) { return c > ' ' && c < 0x7F && c != '"'; });
}

}  // namespace

Identity normalized(const Identity& identity) {
  Identity same = identity;
  if (same.type == kIdFqdn) std::ranges::transform(same.data, same.data.begin(), lower);
  return same;
}

bool matches(const IdentityMatch& match, const Identity& identity) {
  switch (match.kind) {
    case IdentityMatch::Kind::Any:
      return true;
    case IdentityMatch::Kind::Prefix: {
      if (identity.type != match.type) return false;
      const auto address = IpAddress::from_bytes(identity.data);
      return address && address->is_v4() == (match.type == kIdIpv4) &&
             match.prefix.contains(*address);
    }
    case IdentityMatch::Kind::Exact:
      return normalized(identity) == normalized({.type = match.type, .data = match.data});
    case IdentityMatch::Kind::Suffix:
      return identity.type == match.type &&
             ends_in(normalized(identity).data,
                     normalized({.type = match.type, .data = match.data}).data);
  }
  return false;
}

std::string text(const Identity& identity) {
  std::string as_text(identity.data.begin(), identity.data.end());
  switch (identity.type) {
    case kIdIpv4:
    case kIdIpv6:
      if (const auto address = IpAddress::from_bytes(identity.data)) return address->text();
      break;
    case kIdFqdn:
    case kIdEmail:
      if (printable(identity.data)) return as_text;
      break;
    case kIdKey:
      return "key-id " + (printable(identity.data) ? as_text : "0x" + to_hex(identity.data));
    case kIdDn:
      if (std::string name = crypto::name_text(identity.data); !name.empty()) return name;
      break;
    default:
      break;
  }
  return "type-" + std::to_string(identity.type) + " 0x" + to_hex(identity.data);
}

}  // namespace segw::ike
