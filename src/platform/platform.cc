#include "platform/platform.h"

#include "base/assert.h"

namespace segw::platform {

uint64_t Rng::next() {
  std::array<uint8_t, 8> bytes{};
  fill(bytes);
  uint64_t value = 0;
  for (const uint8_t byte : bytes) value = value << 8 | byte;
  return value;
}

uint64_t Rng::below(uint64_t bound) {
  SEGW_ASSERT(bound > 0);
  const uint64_t limit = UINT64_MAX - UINT64_MAX % bound;  // reject the uneven tail
  uint64_t value = next();
  while (value >= limit) value = next();
  return value % bound;
}

Bytes Rng::bytes(size_t size) {
  Bytes out(size);
  fill(out);
  return out;
}

void Timer::arm_at(Instant at) {
  cancel();
  due_ = at;
  id_ = platform_.scheduler.at(at, [this] {
    id_.reset();
    callback_();
  });
}

void Timer::cancel() {
  if (id_) platform_.scheduler.cancel(*id_);
  id_.reset();
}

void Post::operator()(Callback callback) {
  platform_.scheduler.at(platform_.clock.now(),
                         [weak = std::weak_ptr<bool>(alive_), run = std::move(callback)] {
                           if (!weak.expired()) run();
                         });
}

void Work::operator()(Lane lane, Callback job, Callback done) {
  platform_.workers.run(lane, std::move(job),
                        [weak = std::weak_ptr<bool>(alive_), run = std::move(done)] {
                          if (!weak.expired()) run();
                        });
}

}  // namespace segw::platform
