#include "esp/cipher.h"

#ifdef SEGW_HAVE_IPSEC_MB
#include <intel-ipsec-mb.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/assert.h"
#include "esp/algorithm.h"

namespace segw::esp {
namespace {

constexpr size_t kSpiSize = 4;

struct FreeManager {
  void operator()(IMB_MGR* manager) const { free_mb_mgr(manager); }
};
using Manager = std::shared_ptr<IMB_MGR>;

void put_big_endian(uint8_t* at, uint32_t value) {
  for (int i = 0; i < 4; ++i) at[i] = static_cast<uint8_t>(value >> (24 - 8 * i));
}

bool equal(ByteView a, ByteView b) {
  uint8_t difference = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    difference = static_cast<uint8_t>(difference | (a[i] ^ b[i]));
  }
  return difference == 0;
}

// RFC 4106 5, RFC 7634 2.1: SPI and sequence number, 64 bits of it with extended numbers.
struct Aad {
  Aad(ByteView packet, bool extended, uint32_t high) : size(extended ? 12 : 8) {
    std::ranges::copy(packet.first(kSpiSize), bytes.begin());
    if (extended) put_big_endian(bytes.data() + kSpiSize, high);
    std::ranges::copy(packet.subspan(kSpiSize, 4), bytes.begin() + (extended ? 8 : 4));
  }
  std::array<uint8_t, 12> bytes{};
  size_t size;
};

// Where the parts of a packet are, and whether the SA's numbers have 64 bits.
struct Layout {
  explicit Layout(const Suite& suite)
      : head(kHeaderSize + iv_size(suite)),
        block(block_size(suite)),
        icv(icv_size(suite)),
        extended(suite.extended_sequence_numbers) {}
  [[nodiscard]] bool fits(ByteView packet) const {
    return packet.size() >= head + icv && (packet.size() - head - icv) % block == 0;
  }
  [[nodiscard]] size_t body_size(ByteView packet) const { return packet.size() - head - icv; }

  size_t head;
  size_t block;
  size_t icv;
  bool extended;
};
using Icv = std::array<uint8_t, kIcvMax>;

// Salt and IV (RFC 4106 4, RFC 7634 2).
std::array<uint8_t, 12> nonce_of(const std::array<uint8_t, 4>& salt, ByteView packet) {
  std::array<uint8_t, 12> nonce{};
  std::ranges::copy(salt, nonce.begin());
  std::ranges::copy(packet.subspan(kHeaderSize, 8), nonce.begin() + 4);
  return nonce;
}

class GcmCipher final : public Cipher {
 public:
  GcmCipher(Manager manager, const Suite& suite, const SecretBytes& key)
      : manager_(std::move(manager)), layout_(suite), key_bits_(suite.key_bits) {
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
    SEGW_ASSERT(layout_.fits(packet));
    const Icv tag = run(packet, high, true);
    std::copy_n(tag.begin(), layout_.icv, packet.last(layout_.icv).begin());
  }

  bool open(MutableBytes packet, uint32_t high) override {
    if (!layout_.fits(packet)) return false;
    const Icv tag = run(packet, high, false);
    return equal(packet.last(layout_.icv), ByteView(tag).first(layout_.icv));
  }

 private:
  Icv run(MutableBytes packet, uint32_t high, bool sealing) {
    const auto nonce = nonce_of(salt_, packet);
    const Aad aad(packet, layout_.extended, high);
    uint8_t* body = packet.data() + layout_.head;
    Icv tag{};
    alignas(64) gcm_context_data context{};
    IMB_MGR* m = manager_.get();
    const auto call = [&](aes_gcm_enc_dec_t function) {
      function(&expanded_, &context, body, body, layout_.body_size(packet), nonce.data(),
               aad.bytes.data(), aad.size, tag.data(), layout_.icv);
    };
    if (key_bits_ == 128) {
      call(sealing ? m->gcm128_enc : m->gcm128_dec);
    } else if (key_bits_ == 192) {
      call(sealing ? m->gcm192_enc : m->gcm192_dec);
    } else {
      call(sealing ? m->gcm256_enc : m->gcm256_dec);
    }
    return tag;
  }

  Manager manager_;
  Layout layout_;
  uint16_t key_bits_;
  std::array<uint8_t, 4> salt_{};
  alignas(64) gcm_key_data expanded_{};
};

// One job, in and out at once: batches are the caller's (an SA's packets are in order).
bool run_job(IMB_MGR* m) {
  IMB_JOB* done = IMB_SUBMIT_JOB(m);
  if (done == nullptr) done = IMB_FLUSH_JOB(m);
  const bool ok = done != nullptr && done->status == IMB_STATUS_COMPLETED;
  while (IMB_FLUSH_JOB(m) != nullptr) {
  }
  return ok;
}

class ChaChaCipher final : public Cipher {
 public:
  ChaChaCipher(Manager manager, const Suite& suite, const SecretBytes& key)
      : manager_(std::move(manager)), layout_(suite), key_(key.view().first(kKeySize)) {
    std::ranges::copy(key.view().last(4), salt_.begin());
  }

  void seal(MutableBytes packet, uint32_t high) override {
    SEGW_ASSERT(layout_.fits(packet));
    Icv tag{};
    SEGW_ASSERT(run(packet, high, true, tag));
    std::copy_n(tag.begin(), layout_.icv, packet.last(layout_.icv).begin());
  }

  bool open(MutableBytes packet, uint32_t high) override {
    if (!layout_.fits(packet)) return false;
    Icv tag{};
    return run(packet, high, false, tag) &&
           equal(packet.last(layout_.icv), ByteView(tag).first(layout_.icv));
  }

 private:
  static constexpr size_t kKeySize = 32;

  bool run(MutableBytes packet, uint32_t high, bool sealing, Icv& tag) {
    const auto nonce = nonce_of(salt_, packet);
    const Aad aad(packet, layout_.extended, high);
    IMB_JOB* job = IMB_GET_NEXT_JOB(manager_.get());
    *job = {};
    job->cipher_direction = sealing ? IMB_DIR_ENCRYPT : IMB_DIR_DECRYPT;
    job->chain_order = sealing ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
    job->cipher_mode = IMB_CIPHER_CHACHA20_POLY1305;
    job->hash_alg = IMB_AUTH_CHACHA20_POLY1305;
    job->enc_keys = key_.view().data();
    job->dec_keys = key_.view().data();
    job->key_len_in_bytes = kKeySize;
    job->src = packet.data();
    job->dst = packet.data() + layout_.head;
    job->cipher_start_src_offset_in_bytes = layout_.head;
    job->msg_len_to_cipher_in_bytes = layout_.body_size(packet);
    job->hash_start_src_offset_in_bytes = layout_.head;
    job->msg_len_to_hash_in_bytes = layout_.body_size(packet);
    job->iv = nonce.data();
    job->iv_len_in_bytes = nonce.size();
    job->auth_tag_output = tag.data();
    job->auth_tag_output_len_in_bytes = layout_.icv;
    job->u.CHACHA20_POLY1305.aad = aad.bytes.data();
    job->u.CHACHA20_POLY1305.aad_len_in_bytes = aad.size;
    return run_job(manager_.get());
  }

  Manager manager_;
  Layout layout_;
  std::array<uint8_t, 4> salt_{};
  SecretBytes key_;
};

// The integrity key as the library wants it.
class IntegrityKey {
 public:
  IntegrityKey(IMB_MGR* m, Integrity integrity, ByteView key) : integrity_(integrity) {
    if (integrity == Integrity::AesXcbc_96) {
      IMB_AES_XCBC_KEYEXP(m, key.data(), k1_.data(), k2_.data(), k3_.data());
      return;
    }
    pad(m, key, 0x36, inner_.data());
    pad(m, key, 0x5c, outer_.data());
  }
  ~IntegrityKey() {
    imb_clear_mem(inner_.data(), sizeof(inner_));
    imb_clear_mem(outer_.data(), sizeof(outer_));
    imb_clear_mem(k1_.data(), sizeof(k1_));
    imb_clear_mem(k2_.data(), sizeof(k2_));
    imb_clear_mem(k3_.data(), sizeof(k3_));
  }
  IntegrityKey(const IntegrityKey&) = delete;
  IntegrityKey& operator=(const IntegrityKey&) = delete;

  void give(IMB_JOB& job) const {
    job.hash_alg = hash();
    if (integrity_ == Integrity::AesXcbc_96) {
      job.u.XCBC._k1_expanded = k1_.data();
      job.u.XCBC._k2 = k2_.data();
      job.u.XCBC._k3 = k3_.data();
      return;
    }
    job.u.HMAC._hashed_auth_key_xor_ipad = inner_.data();
    job.u.HMAC._hashed_auth_key_xor_opad = outer_.data();
  }

 private:
  static constexpr size_t kHashBlockMax = 128;

  [[nodiscard]] IMB_HASH_ALG hash() const {
    switch (integrity_) {
      case Integrity::None:
        break;
      case Integrity::HmacSha1_96:
        return IMB_AUTH_HMAC_SHA_1;
      case Integrity::AesXcbc_96:
        return IMB_AUTH_AES_XCBC;
      case Integrity::HmacSha256_128:
        return IMB_AUTH_HMAC_SHA_256;
      case Integrity::HmacSha384_192:
        return IMB_AUTH_HMAC_SHA_384;
      case Integrity::HmacSha512_256:
        return IMB_AUTH_HMAC_SHA_512;
    }
    return IMB_AUTH_NULL;
  }

  // No key is longer than its hash's block.
  void pad(IMB_MGR* m, ByteView key, uint8_t with, uint8_t* state) const {
    std::array<uint8_t, kHashBlockMax> block{};
    std::ranges::copy(key, block.begin());
    for (uint8_t& byte : block) byte ^= with;
    switch (integrity_) {
      case Integrity::None:
      case Integrity::AesXcbc_96:
        break;
      case Integrity::HmacSha1_96:
        IMB_SHA1_ONE_BLOCK(m, block.data(), state);
        break;
      case Integrity::HmacSha256_128:
        IMB_SHA256_ONE_BLOCK(m, block.data(), state);
        break;
      case Integrity::HmacSha384_192:
        IMB_SHA384_ONE_BLOCK(m, block.data(), state);
        break;
      case Integrity::HmacSha512_256:
        IMB_SHA512_ONE_BLOCK(m, block.data(), state);
        break;
    }
    imb_clear_mem(block.data(), block.size());
  }

  Integrity integrity_;
  alignas(16) std::array<uint8_t, 64> inner_{};
  alignas(16) std::array<uint8_t, 64> outer_{};
  alignas(16) std::array<uint32_t, 44> k1_{};  // eleven round keys
  alignas(16) std::array<uint8_t, 16> k2_{};
  alignas(16) std::array<uint8_t, 16> k3_{};
};

// AES-CBC, or nothing, with an integrity algorithm.
class ComposedCipher final : public Cipher {
 public:
  ComposedCipher(Manager manager, const Suite& suite, const SecretBytes& key)
      : manager_(std::move(manager)),
        layout_(suite),
        key_bytes_(suite.key_bits / 8U),
        integrity_(manager_.get(), suite.integrity, key.view().subspan(key_bytes_)) {
    const uint8_t* raw = key.view().data();
    IMB_MGR* m = manager_.get();
    if (key_bytes_ == 16) {
      IMB_AES_KEYEXP_128(m, raw, encrypt_.data(), decrypt_.data());
    } else if (key_bytes_ == 24) {
      IMB_AES_KEYEXP_192(m, raw, encrypt_.data(), decrypt_.data());
    } else if (key_bytes_ == 32) {
      IMB_AES_KEYEXP_256(m, raw, encrypt_.data(), decrypt_.data());
    }
  }
  ~ComposedCipher() override {
    imb_clear_mem(encrypt_.data(), sizeof(encrypt_));
    imb_clear_mem(decrypt_.data(), sizeof(decrypt_));
  }

  void seal(MutableBytes packet, uint32_t high) override {
    SEGW_ASSERT(layout_.fits(packet));
    Icv icv{};
    SEGW_ASSERT(run(packet, high, true, icv));
    std::copy_n(icv.begin(), layout_.icv, packet.last(layout_.icv).begin());
  }

  bool open(MutableBytes packet, uint32_t high) override {
    if (!layout_.fits(packet)) return false;
    Icv sent{};
    std::ranges::copy(packet.last(layout_.icv), sent.begin());
    Icv icv{};
    return run(packet, high, false, icv) &&
           equal(ByteView(sent).first(layout_.icv), ByteView(icv).first(layout_.icv));
  }

 private:
  // RFC 4303 2.2.1: the high half of an extended number is authenticated, not sent; it stands where
  // the ICV is.
  bool run(MutableBytes packet, uint32_t high, bool sealing, Icv& icv) {
    if (layout_.extended) put_big_endian(packet.last(layout_.icv).data(), high);
    IMB_JOB* job = IMB_GET_NEXT_JOB(manager_.get());
    *job = {};
    job->cipher_direction = sealing ? IMB_DIR_ENCRYPT : IMB_DIR_DECRYPT;
    job->chain_order = sealing ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
    job->cipher_mode = key_bytes_ == 0 ? IMB_CIPHER_NULL : IMB_CIPHER_CBC;
    job->enc_keys = encrypt_.data();
    job->dec_keys = decrypt_.data();
    job->key_len_in_bytes = key_bytes_;
    job->src = packet.data();
    job->dst = packet.data() + layout_.head;
    job->cipher_start_src_offset_in_bytes = layout_.head;
    job->msg_len_to_cipher_in_bytes = layout_.body_size(packet);
    job->hash_start_src_offset_in_bytes = 0;
    job->msg_len_to_hash_in_bytes = packet.size() - layout_.icv + (layout_.extended ? 4U : 0U);
    job->iv = packet.data() + kHeaderSize;
    job->iv_len_in_bytes = layout_.head - kHeaderSize;
    job->auth_tag_output = icv.data();
    job->auth_tag_output_len_in_bytes = layout_.icv;
    integrity_.give(*job);
    return run_job(manager_.get());
  }

  Manager manager_;
  Layout layout_;
  size_t key_bytes_;
  IntegrityKey integrity_;
  alignas(16) std::array<uint32_t, 60> encrypt_{};
  alignas(16) std::array<uint32_t, 60> decrypt_{};
};

class IpsecMbBackend final : public Backend {
 public:
  IpsecMbBackend(Manager manager, IMB_ARCH arch) : manager_(std::move(manager)), arch_(arch) {}

  std::unique_ptr<Cipher> make(const Suite& suite, const SecretBytes& key) override {
    if (key.size() != key_size(suite)) return nullptr;
    switch (algorithm(suite.encryption).construction) {
      case Construction::Gcm:
        return std::make_unique<GcmCipher>(manager_, suite, key);
      case Construction::ChaCha20Poly1305:
        return std::make_unique<ChaChaCipher>(manager_, suite, key);
      case Construction::Null:
      case Construction::Cbc:
        return std::make_unique<ComposedCipher>(manager_, suite, key);
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
