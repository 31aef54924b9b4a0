#include "esp/cipher.h"

#ifdef SEGW_HAVE_IPSEC_MB
#include <intel-ipsec-mb.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/assert.h"

namespace segw::esp {
namespace {

constexpr size_t kGcmIvSize = 8;
constexpr size_t kCbcIvSize = 16;
constexpr size_t kHashBlock = 64;

struct FreeManager {
  void operator()(IMB_MGR* manager) const { free_mb_mgr(manager); }
};
using Manager = std::shared_ptr<IMB_MGR>;

void put_big_endian(uint8_t* at, uint32_t value) {
  for (int i = 0; i < 4; ++i) at[i] = static_cast<uint8_t>(value >> (24 - 8 * i));
}

class GcmCipher final : public Cipher {
 public:
  GcmCipher(Manager manager, const Suite& suite, const SecretBytes& key)
      : manager_(std::move(manager)),
        key_bits_(suite.key_bits),
        extended_(suite.extended_sequence_numbers) {
    std::ranges::copy(key.view().last(4), salt_.begin());
    const uint8_t* raw = key.view().data();
    if (key_bits_ == 128) {
      IMB_AES128_GCM_PRE(manager_.get(), raw, &expanded_);
    } else if (key_bits_ == 192) {
      IMB_AES192_GCM_PRE(manager_.get(), raw, &expanded_);
    } else {
      IMB_AES256_GCM_PRE(manager_.get(), raw, &expanded_);
    }
  }
  ~GcmCipher() override { imb_clear_mem(&expanded_, sizeof(expanded_)); }

  void seal(MutableBytes packet, uint32_t high) override {
    std::array<uint8_t, kIcvSize> tag{};
    SEGW_ASSERT(run(packet, high, true, tag));
    std::ranges::copy(tag, packet.end() - kIcvSize);
  }

  bool open(MutableBytes packet, uint32_t high) override {
    std::array<uint8_t, kIcvSize> tag{};
    if (!run(packet, high, false, tag)) return false;
    uint8_t difference = 0;
    for (size_t i = 0; i < kIcvSize; ++i) {
      difference =
          static_cast<uint8_t>(difference | (tag[i] ^ packet[packet.size() - kIcvSize + i]));
    }
    return difference == 0;
  }

 private:
  bool run(MutableBytes packet, uint32_t high, bool sealing, std::array<uint8_t, kIcvSize>& tag) {
    if (packet.size() < kHeaderSize + kGcmIvSize + kIcvSize) return false;
    std::array<uint8_t, 12> nonce{};
    std::ranges::copy(salt_, nonce.begin());
    std::ranges::copy(packet.subspan(kHeaderSize, kGcmIvSize), nonce.begin() + 4);
    std::array<uint8_t, 12> aad{};
    std::ranges::copy(packet.first(4), aad.begin());
    if (extended_) put_big_endian(aad.data() + 4, high);
    std::ranges::copy(packet.subspan(4, 4), aad.begin() + (extended_ ? 8 : 4));
    uint8_t* body = packet.data() + kHeaderSize + kGcmIvSize;
    const uint64_t size = packet.size() - kHeaderSize - kGcmIvSize - kIcvSize;
    const uint64_t aad_size = extended_ ? 12 : 8;
    alignas(64) gcm_context_data context{};
    IMB_MGR* m = manager_.get();
    const auto call = [&](aes_gcm_enc_dec_t function) {
      function(&expanded_, &context, body, body, size, nonce.data(), aad.data(), aad_size,
               tag.data(), kIcvSize);
    };
    if (key_bits_ == 128) {
      call(sealing ? m->gcm128_enc : m->gcm128_dec);
    } else if (key_bits_ == 192) {
      call(sealing ? m->gcm192_enc : m->gcm192_dec);
    } else {
      call(sealing ? m->gcm256_enc : m->gcm256_dec);
    }
    return true;
  }

  Manager manager_;
  uint16_t key_bits_;
  bool extended_;
  std::array<uint8_t, 4> salt_{};
  alignas(64) gcm_key_data expanded_{};
};

class CbcCipher final : public Cipher {
 public:
  CbcCipher(Manager manager, const Suite& suite, const SecretBytes& key)
      : manager_(std::move(manager)),
        key_bytes_(suite.key_bits / 8U),
        extended_(suite.extended_sequence_numbers) {
    const uint8_t* raw = key.view().data();
    IMB_MGR* m = manager_.get();
    if (key_bytes_ == 16) {
      IMB_AES_KEYEXP_128(m, raw, encrypt_.data(), decrypt_.data());
    } else if (key_bytes_ == 24) {
      IMB_AES_KEYEXP_192(m, raw, encrypt_.data(), decrypt_.data());
    } else {
      IMB_AES_KEYEXP_256(m, raw, encrypt_.data(), decrypt_.data());
    }
    const ByteView integrity = key.view().subspan(key_bytes_);
    pad(integrity, 0x36, inner_.data());
    pad(integrity, 0x5c, outer_.data());
  }
  ~CbcCipher() override {
    imb_clear_mem(encrypt_.data(), sizeof(encrypt_));
    imb_clear_mem(decrypt_.data(), sizeof(decrypt_));
    imb_clear_mem(inner_.data(), sizeof(inner_));
    imb_clear_mem(outer_.data(), sizeof(outer_));
  }

  void seal(MutableBytes packet, uint32_t high) override {
    std::array<uint8_t, kIcvSize> icv{};
    if (extended_) put_big_endian(packet.data() + packet.size() - kIcvSize, high);
    SEGW_ASSERT(run(packet, true, icv));
    std::ranges::copy(icv, packet.end() - kIcvSize);
  }

  bool open(MutableBytes packet, uint32_t high) override {
    if (packet.size() < kHeaderSize + kCbcIvSize + kIcvSize) return false;
    if ((packet.size() - kHeaderSize - kCbcIvSize - kIcvSize) % kCbcIvSize != 0) return false;
    std::array<uint8_t, kIcvSize> sent{};
    std::ranges::copy(packet.last(kIcvSize), sent.begin());
    if (extended_) put_big_endian(packet.data() + packet.size() - kIcvSize, high);
    std::array<uint8_t, kIcvSize> icv{};
    if (!run(packet, false, icv)) return false;
    uint8_t difference = 0;
    for (size_t i = 0; i < kIcvSize; ++i) {
      difference = static_cast<uint8_t>(difference | (icv[i] ^ sent[i]));
    }
    return difference == 0;
  }

 private:
  void pad(ByteView key, uint8_t with, uint32_t* state) {
    std::array<uint8_t, kHashBlock> block{};
    std::ranges::copy(key.first(std::min(key.size(), kHashBlock)), block.begin());
    for (uint8_t& byte : block) byte ^= with;
    IMB_SHA256_ONE_BLOCK(manager_.get(), block.data(), state);
    imb_clear_mem(block.data(), block.size());
  }

  bool run(MutableBytes packet, bool sealing, std::array<uint8_t, kIcvSize>& icv) {
    IMB_MGR* m = manager_.get();
    IMB_JOB* job = IMB_GET_NEXT_JOB(m);
    *job = {};
    job->cipher_direction = sealing ? IMB_DIR_ENCRYPT : IMB_DIR_DECRYPT;
    job->chain_order = sealing ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
    job->cipher_mode = IMB_CIPHER_CBC;
    job->hash_alg = IMB_AUTH_HMAC_SHA_256;
    job->enc_keys = encrypt_.data();
    job->dec_keys = decrypt_.data();
    job->key_len_in_bytes = key_bytes_;
    job->src = packet.data();
    job->dst = packet.data() + kHeaderSize + kCbcIvSize;
    job->cipher_start_src_offset_in_bytes = kHeaderSize + kCbcIvSize;
    job->msg_len_to_cipher_in_bytes = packet.size() - kHeaderSize - kCbcIvSize - kIcvSize;
    job->hash_start_src_offset_in_bytes = 0;
    job->msg_len_to_hash_in_bytes = packet.size() - kIcvSize + (extended_ ? 4U : 0U);
    job->iv = packet.data() + kHeaderSize;
    job->iv_len_in_bytes = kCbcIvSize;
    job->auth_tag_output = icv.data();
    job->auth_tag_output_len_in_bytes = kIcvSize;
    job->u.HMAC._hashed_auth_key_xor_ipad = reinterpret_cast<uint8_t*>(inner_.data());
    job->u.HMAC._hashed_auth_key_xor_opad = reinterpret_cast<uint8_t*>(outer_.data());
    IMB_JOB* done = IMB_SUBMIT_JOB(m);
    if (done == nullptr) done = IMB_FLUSH_JOB(m);
    const bool ok = done != nullptr && done->status == IMB_STATUS_COMPLETED;
    while (IMB_FLUSH_JOB(m) != nullptr) {
    }
    return ok;
  }

  Manager manager_;
  size_t key_bytes_;
  bool extended_;
  alignas(16) std::array<uint32_t, 60> encrypt_{};
  alignas(16) std::array<uint32_t, 60> decrypt_{};
  alignas(16) std::array<uint32_t, 8> inner_{};
  alignas(16) std::array<uint32_t, 8> outer_{};
};

class IpsecMbBackend final : public Backend {
 public:
  IpsecMbBackend(Manager manager, IMB_ARCH arch) : manager_(std::move(manager)), arch_(arch) {}

  std::unique_ptr<Cipher> make(const Suite& suite, const SecretBytes& key) override {
    if (key.size() != key_size(suite)) return nullptr;
    switch (suite.encryption) {
      case Encryption::AesGcm16:
        return std::make_unique<GcmCipher>(manager_, suite, key);
      case Encryption::AesCbc:
        return std::make_unique<CbcCipher>(manager_, suite, key);
    }
    return nullptr;
  }
  [[nodiscard]] std::string name() const override {
    const char* arch = arch_ == IMB_ARCH_AVX512 ? "AVX512"
                       : arch_ == IMB_ARCH_AVX2 ? "AVX2"
                       : arch_ == IMB_ARCH_AVX  ? "AVX"
                                                : "SSE";
    return std::string("ipsec-mb ") + imb_get_version_str() + " " + arch;
  }

 private:
  Manager manager_;
  IMB_ARCH arch_;
};

}  // namespace

std::unique_ptr<Backend> make_ipsec_mb_backend() {
  Manager manager(alloc_mb_mgr(0), FreeManager{});
  if (!manager) return nullptr;
  IMB_ARCH arch = IMB_ARCH_NONE;
  init_mb_mgr_auto(manager.get(), &arch);
  if (imb_get_errno(manager.get()) != 0 || arch == IMB_ARCH_NONE) return nullptr;
  return std::make_unique<IpsecMbBackend>(std::move(manager), arch);
}

}  // namespace segw::esp

#else

namespace segw::esp {
std::unique_ptr<Backend> make_ipsec_mb_backend() { return nullptr; }
}  // namespace segw::esp

#endif
