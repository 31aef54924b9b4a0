#include "ike/cookie.h"

#include "crypto/crypto.h"
#include "ike/message.h"
#include "wire/reader.h"
#include "wire/writer.h"

namespace segw::ike {
namespace {

constexpr size_t kEpochSize = 4;
constexpr size_t kMacSize = 32;
constexpr size_t kGenericHeader = 4;
constexpr size_t kNotifyHeader = 4;  // protocol, SPI size, type
constexpr size_t kNonceMin = 16;     // RFC 7296 3.9
constexpr size_t kNonceMax = 256;
constexpr size_t kCookieMax = 64;  // RFC 7296 2.6

uint32_t epoch_of(WallTime now) {
  return static_cast<uint32_t>(now.time_since_epoch() / kCookieEpoch);
}

Bytes cookie_of(const SecretBytes& key, const CookieFor& whom, uint32_t epoch) {
  wire::Writer version;
  version.u32(epoch);
  const SecretBytes secret =
      crypto::hmac(crypto::Hash::Sha256, key.view(), {as_bytes("epoch"), version.view()});
  wire::Writer spi;
  spi.u64(whom.initiator.value);
  // The parts of changing size are told apart by the sizes after them.
  wire::Writer sizes;
  sizes.u16(static_cast<uint16_t>(whom.nonce.size()));
  const auto address = whom.address.bytes();
  sizes.u16(static_cast<uint16_t>(address.size()));
  const SecretBytes mac = crypto::hmac(crypto::Hash::Sha256, secret.view(),
                                       {whom.nonce, ByteView(address), spi.view(), sizes.view()});
  Bytes cookie = version.take();
  append(cookie, mac.view());
  return cookie;
}

uint16_t number16(ByteView bytes, size_t at) {
  return static_cast<uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}

}  // namespace

Bytes make_cookie(const SecretBytes& key, const CookieFor& whom, WallTime now) {
  return cookie_of(key, whom, epoch_of(now));
}

bool cookie_holds(const SecretBytes& key, const CookieFor& whom, ByteView cookie, WallTime now) {
  if (cookie.size() != kEpochSize + kMacSize) return false;
  wire::Reader in(cookie);
  const uint32_t epoch = in.u32("epoch");
  // Modulo 2^32: 0 is the next epoch, 1 this one, 2 the one before.
  if (epoch_of(now) + 1 - epoch > 2) return false;
  return crypto::equal_constant_time(cookie, cookie_of(key, whom, epoch));
}

std::optional<InitPeek> peek_init(uint8_t first, ByteView payloads) {
  InitPeek peek;
  uint8_t type = first;
  for (size_t count = 0; type != 0; ++count) {
    if (count == kPayloadsMax || payloads.size() < kGenericHeader) return std::nullopt;
    const size_t length = number16(payloads, 2);
    if (length < kGenericHeader || length > payloads.size()) return std::nullopt;
    const ByteView body = payloads.subspan(kGenericHeader, length - kGenericHeader);
    if (type == static_cast<uint8_t>(PayloadType::Nonce) && peek.nonce.empty()) peek.nonce = body;
    if (type == static_cast<uint8_t>(PayloadType::Notify) && peek.cookie.empty() &&
        body.size() > kNotifyHeader && body[1] == 0 &&
        number16(body, 2) == static_cast<uint16_t>(NotifyType::Cookie)) {
      peek.cookie = body.subspan(kNotifyHeader);
    }
    type = payloads[0];
    payloads = payloads.subspan(length);
  }
  const bool nonce_fits = peek.nonce.size() >= kNonceMin && peek.nonce.size() <= kNonceMax;
  if (!payloads.empty() || !nonce_fits || peek.cookie.size() > kCookieMax) return std::nullopt;
  return peek;
}

}  // namespace segw::ike
