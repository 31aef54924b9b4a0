#include "chassis/identity.h"

#include <algorithm>

#include "base/planted.h"
#include "crypto/crypto.h"
#include "wire/reader.h"
#include "wire/writer.h"

namespace segw::chassis {
namespace {

constexpr uint8_t kVersion = 1;
constexpr size_t kDigestSize = 32;

}  // namespace

Bytes encode(const IdentityRecord& record) {
  wire::Writer out;
  out.u8(kVersion).bytes(record.incarnation).u32(record.epoch_high_water);
  const Bytes digest = crypto::digest(crypto::Hash::Sha256, {out.view()});
  out.bytes(digest);
  return out.take();
}

std::optional<IdentityRecord> decode_identity(ByteView bytes) {
  wire::Reader in(bytes);
  if (in.u8("version") != kVersion) in.refuse("version");
  IdentityRecord record;
  const ByteView incarnation = in.bytes(record.incarnation.size(), "incarnation");
  std::ranges::copy(incarnation, record.incarnation.begin());
  record.epoch_high_water = in.u32("epoch-high-water");
  if (record.epoch_high_water > kIvEpochEnd) in.refuse("epoch-high-water");
  const ByteView digest = in.bytes(kDigestSize, "digest");
  if (in.ok()) {
    const ByteView body = bytes.first(bytes.size() - kDigestSize);
    if (!crypto::equal_constant_time(digest, crypto::digest(crypto::Hash::Sha256, {body}))) {
      in.refuse("digest");
    }
  }
  const auto decoded = in.finish(record);
  if (!decoded) return std::nullopt;
  return *decoded;
}

void Identity::load(std::function<void(Result<void>)> done) {
  auto contents = platform_.store.read(kIdentityFile);
  if (!contents) {
    done(tl::unexpected(contents.error()));
    return;
  }
  std::optional<IdentityRecord> found;
  if (const auto& record = *contents) {
    found = decode_identity(*record);
    if (!found) {
      platform_.log.event(platform::Severity::Major, "CHASSIS_IDENTITY_DAMAGED",
                          "the state folder's identity file is damaged: this chassis takes a new "
                          "incarnation and will not send on SAs that the old one held");
    }
  }
  is_new_ = !found;
  if (found) {
    record_ = *found;
  } else {
    platform_.rng.fill(record_.incarnation);
  }
  next_ = record_.epoch_high_water;
  first_epoch_ = next_;
  durable_end_ = record_.epoch_high_water;
  reserve(std::move(done));
}

void Identity::reserve(std::function<void(Result<void>)> done) {
  if (record_.epoch_high_water >= kIvEpochEnd) {
    done(failure("all IV epochs of this state folder are used: remove its identity file"));
    return;
  }
  reserving_ = true;
  IdentityRecord wider = record_;
  wider.epoch_high_water = std::min(kIvEpochEnd, record_.epoch_high_water + kIvEpochBatch);
  platform_.store.write(kIdentityFile, encode(wider),
                        [this, wider, told = std::move(done)](const Result<void>& result) {
                          reserving_ = false;
                          if (result) {
                            record_ = wider;
                            durable_end_ = wider.epoch_high_water;
                          }
                          told(result);
                        });
}

std::optional<uint32_t> Identity::take_epoch() {
  if (SEGW_PLANTED(nonce_once)) return uint32_t{7};
  if (next_ >= durable_end_) return std::nullopt;
  const uint32_t epoch = next_++;
  if (!refused_) keep_reserve();
  return epoch;
}

// At least half a batch, as long as there are any left.
void Identity::keep_reserve() {
  if (reserving_ || durable_end_ - next_ >= kIvEpochBatch / 2) return;
  reserve([this](const Result<void>& result) {
    const bool said = refused_;
    refused_ = !result && record_.epoch_high_water < kIvEpochEnd;
    if (refused_) retry_timer_.arm(kReserveRetry);
    if (result || said) return;
    platform_.log.event(platform::Severity::Major, "CHASSIS_EPOCH_RESERVE_FAILED",
                        "cannot reserve IV epochs: " + result.error().text);
  });
}

}  // namespace segw::chassis
