#include "mcs/frame.h"

#include <algorithm>

#include "base/assert.h"
#include "wire/reader.h"
#include "wire/writer.h"

namespace segw::mcs {

Bytes encode_frame(const ::opensegw::mcs::Frame& frame) {
  const size_t size = frame.ByteSizeLong();
  SEGW_ASSERT(size <= kFrameMax);
  wire::Writer out;
  out.u32(static_cast<uint32_t>(size)).zeros(size);
  Bytes bytes = out.take();
  SEGW_ASSERT(frame.SerializeToArray(bytes.data() + 4, static_cast<int>(size)));
  return bytes;
}

std::optional<::opensegw::mcs::Frame> FrameReader::next() {
  constexpr size_t kLengthSize = 4;
  if (broken_ || buffer_.size() - at_ < kLengthSize) return std::nullopt;
  wire::Reader in(ByteView(buffer_).subspan(at_));
  const size_t size = in.u32("length");
  if (size > kFrameMax) {
    broken_ = true;
    return std::nullopt;
  }
  if (in.left() < size) return std::nullopt;
  ::opensegw::mcs::Frame frame;
  const ByteView body = in.bytes(size, "frame");
  if (!frame.ParseFromArray(body.data(), static_cast<int>(size))) {
    broken_ = true;
    return std::nullopt;
  }
  // Keys passed through here: what is used is wiped, then the rest moves to the front.
  const auto start = buffer_.begin() + static_cast<std::ptrdiff_t>(at_);
  std::fill(start, start + static_cast<std::ptrdiff_t>(kLengthSize + size), uint8_t{0});
  at_ += kLengthSize + size;
  if (at_ == buffer_.size()) {
    buffer_.clear();
    at_ = 0;
  } else if (at_ > kFrameMax) {
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(at_));
    at_ = 0;
  }
  return frame;
}

}  // namespace segw::mcs
