#pragma once

// Frames on the stream: four bytes of length, then one serialised pb::Frame.

#include <optional>

#include "base/bytes.h"
#include "mcs.pb.h"

namespace segw::mcs {

constexpr size_t kFrameMax = size_t{1} << 20;

Bytes encode_frame(const ::opensegw::mcs::Frame& frame);

class FrameReader {
 public:
  void add(ByteView bytes) { append(buffer_, bytes); }
  // The next whole frame; nothing if it is not there yet, or if the stream is broken.
  std::optional<::opensegw::mcs::Frame> next();
  [[nodiscard]] bool broken() const { return broken_; }

 private:
  Bytes buffer_;
  size_t at_ = 0;
  bool broken_ = false;
};

}  // namespace segw::mcs
