#include "mcs/frame.h"

#include <gtest/gtest.h>

#include "mcs/testing_records.h"

namespace segw::mcs::testing {
namespace {

pb::Frame frame_of(const std::string& tag, size_t reason_size = 0) {
  pb::Frame frame;
  frame.mutable_group()->set_sync_tag(tag);
  frame.mutable_group()->mutable_ack()->add_unusable()->set_reason(std::string(reason_size, 'r'));
  return frame;
}

std::string tag_of(const std::optional<pb::Frame>& frame) {
  return frame ? frame->group().sync_tag() : "none";
}

// A frame with exactly this many bytes after its length.
pb::Frame frame_of_size(size_t size) {
  size_t text = size;
  while (frame_of("t", text).ByteSizeLong() > size) --text;
  return frame_of("t", text);
}

Bytes length(uint32_t value) {
  return {static_cast<uint8_t>(value >> 24), static_cast<uint8_t>(value >> 16),
          static_cast<uint8_t>(value >> 8), static_cast<uint8_t>(value)};
}

TEST(Frame, ALengthInNetworkOrderThenTheMessage) {
  const pb::Frame frame = frame_of("tag", 300);
  const Bytes bytes = encode_frame(frame);
  Bytes expected = length(static_cast<uint32_t>(frame.ByteSizeLong()));
  append(expected, as_bytes(frame.SerializeAsString()));
  EXPECT_EQ(bytes, expected);
}

TEST(FrameReader, AFrameMayBeSplitAtEachByte) {
  const Bytes bytes = encode_frame(frame_of("tag", 20));
  for (size_t split = 0; split < bytes.size(); ++split) {
    FrameReader reader;
    reader.add(ByteView(bytes).first(split));
    EXPECT_FALSE(reader.next()) << split;
    EXPECT_FALSE(reader.broken()) << split;
    reader.add(ByteView(bytes).subspan(split));
    EXPECT_EQ(tag_of(reader.next()), "tag") << split;
    EXPECT_FALSE(reader.next()) << split;
  }
}

TEST(FrameReader, ByteByByte) {
  Bytes bytes = encode_frame(frame_of("one", 20));
  append(bytes, encode_frame(frame_of("two")));
  FrameReader reader;
  std::vector<std::string> tags;
  for (const uint8_t byte : bytes) {
    reader.add(ByteView(&byte, 1));
    while (const auto frame = reader.next()) tags.push_back(tag_of(frame));
  }
  EXPECT_EQ(tags, (std::vector<std::string>{"one", "two"}));
}

TEST(FrameReader, TwoAndAHalfFramesInOnePiece) {
  Bytes bytes = encode_frame(frame_of("one"));
  append(bytes, encode_frame(frame_of("two")));
  const Bytes third = encode_frame(frame_of("three"));
  append(bytes, ByteView(third).first(6));
  FrameReader reader;
  reader.add(bytes);
  EXPECT_EQ(tag_of(reader.next()), "one");
  EXPECT_EQ(tag_of(reader.next()), "two");
  EXPECT_FALSE(reader.next());
  reader.add(ByteView(third).subspan(6));
  EXPECT_EQ(tag_of(reader.next()), "three");
}

TEST(FrameReader, LengthZeroIsAFrameWithoutABody) {
  FrameReader reader;
  reader.add(length(0));
  EXPECT_EQ(reader.next().value_or(frame_of("none")).body_case(), pb::Frame::BODY_NOT_SET);
  EXPECT_FALSE(reader.broken());
  reader.add(encode_frame(frame_of("next")));
  EXPECT_EQ(tag_of(reader.next()), "next");
}

TEST(FrameReader, TheLargestFrameIsRead) {
  const Bytes bytes = encode_frame(frame_of_size(kFrameMax));
  ASSERT_EQ(bytes.size(), 4 + kFrameMax);
  FrameReader reader;
  reader.add(bytes);
  EXPECT_EQ(tag_of(reader.next()), "t");
}

TEST(FrameReader, ALongerOneBreaksTheStreamBeforeItsBytesAreThere) {
  for (const uint32_t size : {static_cast<uint32_t>(kFrameMax + 1), 0x7FFFFFFFU, 0xFFFFFFFFU}) {
    FrameReader reader;
    reader.add(length(size));
    EXPECT_FALSE(reader.next());
    EXPECT_TRUE(reader.broken()) << size;
    reader.add(encode_frame(frame_of("tag")));
    EXPECT_FALSE(reader.next()) << "and it stays broken";
  }
}

TEST(FrameReader, WhatDoesNotParseBreaksTheStream) {
  Bytes bytes = length(3);
  append(bytes, Bytes{0x1A, 0x7F, 0x00});  // a Group that is longer than the frame
  append(bytes, encode_frame(frame_of("tag")));
  FrameReader reader;
  reader.add(bytes);
  EXPECT_FALSE(reader.next());
  EXPECT_TRUE(reader.broken());
  EXPECT_FALSE(reader.next());
}

TEST(FrameReader, UnknownFieldsAreSkipped) {
  const pb::Frame frame = frame_of("tag");
  std::string body = frame.SerializeAsString();
  body += std::string("\xC2\x3E\x03new", 6);  // field 1000
  Bytes bytes = length(static_cast<uint32_t>(body.size()));
  append(bytes, as_bytes(body));
  FrameReader reader;
  reader.add(bytes);
  EXPECT_EQ(tag_of(reader.next()), "tag");
}

// What was read is let go: a long session needs no more memory than its longest frames.
TEST(FrameReader, ALongStreamInOddPieces) {
  const Bytes one = encode_frame(frame_of_size(100'000));
  Bytes all;
  for (int i = 0; i < 40; ++i) append(all, one);
  FrameReader reader;
  size_t count = 0;
  for (size_t at = 0; at < all.size(); at += 70'001) {
    reader.add(ByteView(all).subspan(at, std::min<size_t>(70'001, all.size() - at)));
    while (const auto frame = reader.next()) {
      EXPECT_EQ(frame->ByteSizeLong(), 100'000U);
      ++count;
    }
  }
  EXPECT_EQ(count, 40U);
  EXPECT_FALSE(reader.broken());
}

TEST(FrameReader, RandomBytesBreakItOrGiveFramesButNothingElse) {
  for (uint64_t seed = 0; seed < 500; ++seed) {
    Random random(seed);
    Bytes bytes = encode_frame(frame_of("tag", 50));
    for (uint64_t i = 0; i <= random.below(4); ++i) {
      bytes[random.below(bytes.size())] ^= static_cast<uint8_t>(1U << random.below(8));
    }
    FrameReader reader;
    reader.add(bytes);
    size_t frames = 0;
    while (reader.next()) ++frames;
    EXPECT_LE(frames, bytes.size() / 4) << seed;
  }
}

}  // namespace
}  // namespace segw::mcs::testing
