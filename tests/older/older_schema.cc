#include "tests/older/older_schema.h"

#include "base/assert.h"
#include "mcs_1.pb.h"

namespace segw::older {

::opensegw::mcs::Frame through_schema_1(const ::opensegw::mcs::Frame& frame) {
  ::opensegw::mcs_1::Frame known;
  SEGW_ASSERT(known.ParseFromString(frame.SerializeAsString()));
  known.DiscardUnknownFields();
  if (known.has_hello()) {
    known.mutable_hello()->set_version_min(1);
    known.mutable_hello()->set_version_max(1);
  }
  ::opensegw::mcs::Frame left;
  SEGW_ASSERT(left.ParseFromString(known.SerializeAsString()));
  return left;
}

Bytes through_schema_1(ByteView bytes) {
  mcs::FrameReader reader;
  reader.add(bytes);
  Bytes all;
  while (const auto frame = reader.next()) append(all, mcs::encode_frame(through_schema_1(*frame)));
  return reader.broken() || all.empty() ? to_bytes(bytes) : all;
}

}  // namespace segw::older
