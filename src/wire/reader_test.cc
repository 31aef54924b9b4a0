#include "wire/reader.h"

#include <gtest/gtest.h>

#include "wire/writer.h"

namespace segw::wire {
namespace {

TEST(Reader, ReadsWhatTheWriterWrote) {
  Writer out;
  out.u8(1).u16(0x0203).u32(0x04050607).u64(0x08090A0B0C0D0E0F).bytes(Bytes{1, 2});
  Reader in(out.view());
  EXPECT_EQ(in.u8("a"), 1);
  EXPECT_EQ(in.u16("b"), 0x0203);
  EXPECT_EQ(in.u32("c"), 0x04050607U);
  EXPECT_EQ(in.u64("d"), 0x08090A0B0C0D0E0FU);
  EXPECT_EQ(to_bytes(in.bytes(2, "e")), (Bytes{1, 2}));
  EXPECT_TRUE(in.finish(true));
}

TEST(Reader, KeepsTheFirstFailure) {
  const Bytes input{1};
  Reader in(input);
  EXPECT_EQ(in.u16("first"), 0);
  EXPECT_EQ(in.u8("second"), 0);
  const auto decoded = in.finish(0);
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().field, "first");
}

TEST(Reader, RefusesTrailingBytes) {
  const Bytes input{1, 2};
  Reader in(input);
  in.u8("only");
  EXPECT_EQ(in.finish(0).error().field, "trailing-bytes");
}

TEST(Reader, SubReaderFailsWhenItsBytesAreMissing) {
  const Bytes input{1, 2};
  Reader in(input);
  const Reader inner = in.sub(3, "value");
  EXPECT_FALSE(inner.ok());
  EXPECT_FALSE(in.ok());
}

}  // namespace
}  // namespace segw::wire
