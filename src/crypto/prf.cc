// Pseudo-random functions of IKEv2, and AES-XCBC that one of them is made of.
#include <openssl/crypto.h>

#include <algorithm>
#include <array>

#include "base/assert.h"
#include "crypto/crypto.h"

namespace segw::crypto {
namespace {

constexpr size_t kBlockSize = 16;
using Block = std::array<uint8_t, kBlockSize>;

SecretBytes aes_block(ByteView key, ByteView block) {
  constexpr Block kNothing{};
  Bytes plain = aes_cbc_encrypt(key, kNothing, block);
  SecretBytes out{ByteView(plain)};
  OPENSSL_cleanse(plain.data(), plain.size());
  return out;
}

struct Row {
  Prf prf;
  std::optional<Hash> hash;  // none: AES-XCBC
};
// NOLINTBEGIN(modernize-use-designated-initializers)
constexpr Row kRows[] = {
    {Prf::HmacSha1, Hash::Sha1},     {Prf::AesXcbc, std::nullopt},
    {Prf::HmacSha256, Hash::Sha256}, {Prf::HmacSha384, Hash::Sha384},
    {Prf::HmacSha512, Hash::Sha512},
};
// NOLINTEND(modernize-use-designated-initializers)

const Row* find(uint32_t number) {
  const auto at = std::ranges::find(kRows, number,
                                    [](const Row& row) { return static_cast<uint32_t>(row.prf); });
  return at == std::end(kRows) ? nullptr : at;
}

const Row& row(Prf prf) {
  const Row* found = find(static_cast<uint32_t>(prf));
  SEGW_ASSERT(found != nullptr);
  return *found;
}

// RFC 4434 2: "If the key is exactly 128 bits long, use it as-is. If the key has fewer than 128
// bits, lengthen it to exactly 128 bits by padding it on the right with zero bits. If the key is
// 129 bits or longer, shorten it to exactly 128 bits by performing the steps in AES-XCBC-PRF-128";
// for that the key is 128 zero bits and the message the key that is too long.
SecretBytes xcbc_key(ByteView key) {
  constexpr Block kZeroKey{};
  if (key.size() > kBlockSize) return aes_xcbc(kZeroKey, {key});
  SecretBytes padded(kBlockSize);
  std::ranges::copy(key, padded.writable().begin());
  return padded;
}

template <typename Function>
SecretBytes expand(size_t block_size, size_t size, ByteView seed, Function function) {
  SEGW_ASSERT(size <= 255 * block_size);
  SecretBytes out(size);
  SecretBytes block;
  size_t done = 0;
  for (uint8_t counter = 1; done < size; ++counter) {
    block = function({block.view(), seed, ByteView(&counter, 1)});
    const size_t take = std::min(block.size(), size - done);
    std::copy_n(block.view().begin(), take, out.writable().begin() + static_cast<long>(done));
    done += take;
  }
  return out;
}

}  // namespace

SecretBytes aes_xcbc(ByteView key, std::initializer_list<ByteView> parts) {
  SEGW_ASSERT(key.size() == kBlockSize);
  const auto derived = [&](uint8_t with) {
    Block pattern{};
    pattern.fill(with);
    return aes_block(key, pattern);
  };
  Bytes message;
  for (const ByteView part : parts) append(message, part);
  // RFC 3566 4: a whole last block goes with K2, a padded one (also an empty message) with K3.
  const bool whole = !message.empty() && message.size() % kBlockSize == 0;
  if (!whole) {
    message.push_back(0x80);
    message.resize((message.size() + kBlockSize - 1) / kBlockSize * kBlockSize);
  }
  const SecretBytes last = derived(whole ? 2 : 3);
  for (size_t i = 0; i < kBlockSize; ++i) {
    message[message.size() - kBlockSize + i] ^= last.view()[i];
  }
  constexpr Block kNoIv{};
  Bytes chained = aes_cbc_encrypt(derived(1).view(), kNoIv, message);
  SecretBytes out(ByteView(chained).last(kBlockSize));
  OPENSSL_cleanse(message.data(), message.size());
  OPENSSL_cleanse(chained.data(), chained.size());
  return out;
}

bool is_prf(uint32_t number) { return find(number) != nullptr; }

size_t size_of(Prf prf) {
  const auto& hash = row(prf).hash;
  return hash ? size_of(*hash) : kBlockSize;
}

SecretBytes prf(Prf prf, ByteView key, std::initializer_list<ByteView> parts) {
  const auto& hash = row(prf).hash;
  return hash ? hmac(*hash, key, parts) : aes_xcbc(xcbc_key(key).view(), parts);
}

SecretBytes prf_plus(Prf prf, ByteView key, ByteView seed, size_t size) {
  return expand(size_of(prf), size, seed, [&](std::initializer_list<ByteView> parts) {
    return crypto::prf(prf, key, parts);
  });
}

SecretBytes hkdf(Hash hash, ByteView key, ByteView salt, ByteView info, size_t size) {
  const SecretBytes extracted = hmac(hash, salt, {key});
  return expand(size_of(hash), size, info, [&](std::initializer_list<ByteView> parts) {
    return hmac(hash, extracted.view(), parts);
  });
}

}  // namespace segw::crypto
