// What comes on the stream from the other chassis: frames in any pieces, and records in them. A
// record that is accepted is applied, and has one encoding that decodes to the same.

#include <cstddef>
#include <cstdint>

#include "base/assert.h"
#include "mcs/frame.h"
#include "mcs/mcs_codec.h"

namespace {

using namespace segw;

void check_record(ByteView bytes, mcs::GroupState& state) {
  mcs::pb::Record parsed;
  if (!parsed.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return;
  const auto record = mcs::decode(parsed, TunnelGroupId{1});
  if (!record) {
    SEGW_ASSERT(!record.error().field.empty());
    return;
  }
  mcs::pb::Record once;
  mcs::encode(*record, once);
  const auto again = mcs::decode(once, TunnelGroupId{1});
  SEGW_ASSERT(again.has_value());
  mcs::pb::Record twice;
  mcs::encode(*again, twice);
  SEGW_ASSERT(once.SerializeAsString() == twice.SerializeAsString());
  static_cast<void>(mcs::apply(state, *record));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const ByteView bytes(data, size);
  mcs::FrameReader frames;
  const size_t half = size / 2;
  frames.add(bytes.first(half));
  while (frames.next()) {
  }
  frames.add(bytes.subspan(half));
  while (const auto frame = frames.next()) {
    SEGW_ASSERT(frame->ByteSizeLong() <= mcs::kFrameMax);
  }
  mcs::GroupState state;
  check_record(bytes, state);
  check_record(bytes.first(half), state);
  check_record(bytes.subspan(half), state);
  return 0;
}
