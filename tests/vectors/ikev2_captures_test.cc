// IKE_AUTH exchanges captured from another implementation, opened with their keys.
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <sstream>
#include <vector>

#include "ike/message.h"
#include "ike/protection.h"
#include "tests/vectors/vectors.h"

namespace segw::ike {
namespace {

constexpr const char* kTable = "ikev2-captures/decryption_table.txt";
constexpr const char* kReadme = "README.md";

uint32_t little(ByteView bytes, size_t at, size_t size = 4) {
  uint32_t value = 0;
  for (size_t i = 0; i < size && at + i < bytes.size(); ++i) {
    value |= uint32_t{bytes[at + i]} << (8 * i);
  }
  return value;
}

ByteView part(ByteView bytes, size_t at, size_t size) {
  if (at > bytes.size()) return {};
  return bytes.subspan(at, std::min(size, bytes.size() - at));
}

// Frames of a little-endian pcap or pcapng file.
std::vector<Bytes> frames_of(ByteView file) {
  constexpr uint32_t kPcap = 0xA1B2C3D4;
  constexpr uint32_t kEnhancedPacket = 6;
  std::vector<Bytes> frames;
  if (little(file, 0) == kPcap) {
    for (size_t at = 24; at + 16 <= file.size(); at += 16 + little(file, at + 8)) {
      frames.push_back(to_bytes(part(file, at + 16, little(file, at + 8))));
    }
    return frames;
  }
  for (size_t at = 0; at + 12 <= file.size() && little(file, at + 4) >= 12;
       at += little(file, at + 4)) {
    if (little(file, at) != kEnhancedPacket) continue;
    frames.push_back(to_bytes(part(file, at + 28, little(file, at + 20))));
  }
  return frames;
}

// The IKE message in an Ethernet, IPv4 and UDP frame.
Bytes ike_in(ByteView frame) {
  constexpr size_t kEthernet = 14;
  constexpr size_t kUdp = 8;
  if (frame.size() < kEthernet + 20 + kUdp) return {};
  const size_t ip = size_t{4} * (frame[kEthernet] & 0x0F);
  const ByteView udp = part(frame, kEthernet + ip, frame.size());
  const size_t port = size_t{udp[2]} << 8 | udp[3];
  const size_t from = size_t{udp[0]} << 8 | udp[1];
  const size_t length = size_t{udp[4]} << 8 | udp[5];
  const ByteView message = part(udp, kUdp, length - kUdp);
  return to_bytes(port == 4500 || from == 4500 ? part(message, 4, message.size()) : message);
}

struct Row {
  IkeSpi initiator;
  IkeSpi responder;
  IkeSuite suite;
  IkeKeys keys;
};

std::optional<Row> row_for(const std::string& cipher) {
  std::istringstream in(vectors::read_text(vectors::path_of(kTable)));
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with('#') || line.find(cipher) == std::string::npos) continue;
    std::vector<std::string> columns;
    std::istringstream rest(line);
    for (std::string column; std::getline(rest, column, ',');) columns.push_back(column);
    if (columns.size() < 7) return std::nullopt;
    Row row;
    row.initiator = IkeSpi{std::stoull(columns[0], nullptr, 16)};
    row.responder = IkeSpi{std::stoull(columns[1], nullptr, 16)};
    row.keys.sk_ei = SecretBytes(vectors::from_hex(columns[2]));
    row.keys.sk_er = SecretBytes(vectors::from_hex(columns[3]));
    row.keys.sk_ai = SecretBytes(vectors::from_hex(columns[5]));
    row.keys.sk_ar = SecretBytes(vectors::from_hex(columns[6]));
    return row;
  }
  return std::nullopt;
}

// "… aes256cbc <hexadecimal> …" in the folder's README.
std::string expected_auth(const std::string& name) {
  const std::string text = vectors::read_text(vectors::path_of(kReadme));
  const size_t at = text.find(name + ' ');
  if (at == std::string::npos) return {};
  const size_t start = at + name.size() + 1;
  return text.substr(start, text.find_first_not_of("0123456789abcdef", start) - start);
}

struct Case {
  const char* name;
  const char* file;
  const char* cipher;
  IkeSuite suite;
};

class Capture : public ::testing::TestWithParam<Case> {};

TEST_P(Capture, HoldsTheExpectedAuthData) {
  const std::string file = std::string("ikev2-captures/") + GetParam().file;
  SEGW_NEEDS_VECTORS(file);
  const auto row = row_for(GetParam().cipher);
  ASSERT_TRUE(row);
  const std::string expected = expected_auth(GetParam().name);
  ASSERT_FALSE(expected.empty());
  std::vector<std::string> found;
  int opened = 0;
  for (const Bytes& frame : frames_of(vectors::read_bytes(vectors::path_of(file)))) {
    const Bytes message = ike_in(frame);
    const auto header = decode_header(message);
    if (!header || header->next_payload != static_cast<uint8_t>(PayloadType::Encrypted)) continue;
    ASSERT_EQ(header->initiator, row->initiator);
    ASSERT_EQ(header->responder, row->responder);
    const auto plain =
        unprotect(message, *header, GetParam().suite, row->keys,
                  header->from_initiator ? Direction::FromInitiator : Direction::FromResponder);
    ASSERT_TRUE(plain) << plain.error().field;
    const auto payloads = decode_payloads(plain->first, plain->bytes);
    ASSERT_TRUE(payloads) << payloads.error().field;
    ++opened;
    for (const Payload& payload : *payloads) {
      const auto* auth = std::get_if<payload::Auth>(&payload);
      if (auth != nullptr) found.push_back(to_hex(auth->data));
    }
  }
  EXPECT_GE(opened, 1);
  EXPECT_NE(std::ranges::find(found, expected), found.end())
      << found.size() << " AUTH payloads in " << opened << " messages";
}

IkeSuite suite(esp::Encryption encryption, esp::Integrity integrity) {
  IkeSuite suite;
  suite.encryption = encryption;
  suite.key_bits = 256;
  suite.integrity = integrity;
  return suite;
}

INSTANTIATE_TEST_SUITE_P(
    Ikev2, Capture,
    ::testing::Values(Case{"aes256cbc", "ikev2-decrypt-aes256cbc.pcapng", "AES-CBC-256",
                           suite(esp::Encryption::AesCbc, esp::Integrity::HmacSha256_128)},
                      Case{"aes256gcm16", "ikev2-decrypt-aes256gcm16.pcap", "AES-GCM-256",
                           suite(esp::Encryption::AesGcm16, esp::Integrity::None)}),
    [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace segw::ike
