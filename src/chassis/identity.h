#pragma once

// What a chassis keeps in its state folder: who it is (its incarnation) and which IV epochs it may
// still have used (redundancy rules 12 and 13). Both are in one file, so that a lost or damaged
// disk loses them together: a new incarnation may not send on SAs that the old one held.

#include <array>
#include <cstdint>
#include <functional>
#include <optional>

#include "base/result.h"
#include "platform/platform.h"

namespace segw::chassis {

constexpr uint32_t kIvEpochEnd = 1U << 22;  // 22 bits
constexpr uint32_t kIvEpochBatch = 256;     // reserved at a time
constexpr std::string_view kIdentityFile = "identity";

struct IdentityRecord {
  std::array<uint8_t, 16> incarnation{};
  uint32_t epoch_high_water = 0;  // every epoch below it may have been used
  auto operator<=>(const IdentityRecord&) const = default;
};

Bytes encode(const IdentityRecord& record);
// Nothing if the file is damaged in any way.
std::optional<IdentityRecord> decode_identity(ByteView bytes);

class Identity {
 public:
  static constexpr Duration kReserveRetry = std::chrono::seconds(1);

  explicit Identity(platform::Platform& platform)
      : platform_(platform), retry_timer_(platform, [this] { keep_reserve(); }) {}

  // Reads or makes the file; `done` runs when a first batch of epochs is on disk, or says why not.
  void load(std::function<void(Result<void>)> done);

  [[nodiscard]] const std::array<uint8_t, 16>& incarnation() const { return record_.incarnation; }
  // A new epoch, never given before by this state folder. Never waits for the disk; nothing if the
  // reserve is empty, and then the chassis is not eligible.
  std::optional<uint32_t> take_epoch();
  [[nodiscard]] bool has_epochs() const { return next_ < durable_end_; }
  // Counts the starts on this state folder (each reserves epochs of its own).
  [[nodiscard]] uint32_t start_number() const { return first_epoch_ / kIvEpochBatch; }
  // True if the file was made by this start (first start, or its disk was lost).
  [[nodiscard]] bool is_new() const { return is_new_; }

 private:
  void reserve(std::function<void(Result<void>)> done);
  void keep_reserve();

  platform::Platform& platform_;
  IdentityRecord record_;
  uint32_t next_ = 0;
  uint32_t durable_end_ = 0;
  uint32_t first_epoch_ = 0;  // of this start
  bool reserving_ = false;
  bool refused_ = false;  // the disk took no reserve: asked again until it does
  bool is_new_ = false;
  platform::Timer retry_timer_;
};

}  // namespace segw::chassis
