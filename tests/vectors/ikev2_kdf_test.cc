// SKEYSEED and prf+ against the published vectors of NIST (RFC 7296 2.13, 2.14).
#include <gtest/gtest.h>

#include <map>
#include <sstream>
#include <vector>

#include "crypto/crypto.h"
#include "tests/vectors/vectors.h"

namespace segw {
namespace {

constexpr const char* kFile = "ikev2-kdf.txt";

struct Vector {
  std::string function;  // SKEYSEED or PRF+
  std::string hash;      // HMAC-SHA2-256 …
  Bytes key;
  Bytes salt;
  Bytes out;
};

// [FUNCTION HASH], then lines "name = hexadecimal".
std::vector<Vector> parse(const std::string& text) {
  std::vector<Vector> vectors;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with('[')) {
      const size_t space = line.find(' ');
      vectors.push_back({.function = line.substr(1, space - 1),
                         .hash = line.substr(space + 1, line.find(']') - space - 1)});
      continue;
    }
    const size_t equals = line.find(" = ");
    if (line.starts_with('#') || equals == std::string::npos || vectors.empty()) continue;
    const Bytes value = vectors::from_hex(std::string_view(line).substr(equals + 3));
    const std::string name = line.substr(0, equals);
    if (name == "key") vectors.back().key = value;
    if (name == "salt") vectors.back().salt = value;
    if (name == "out") vectors.back().out = value;
  }
  return vectors;
}

TEST(Ikev2Kdf, SkeyseedAndPrfPlusAgreeWithNist) {
  SEGW_NEEDS_VECTORS(kFile);
  const std::map<std::string, crypto::Prf> hashes{{"HMAC-SHA2-256", crypto::Prf::HmacSha256},
                                                  {"HMAC-SHA2-384", crypto::Prf::HmacSha384},
                                                  {"HMAC-SHA2-512", crypto::Prf::HmacSha512}};
  std::map<std::string, int> checked;
  for (const Vector& each : parse(vectors::read_text(vectors::path_of(kFile)))) {
    const auto hash = hashes.find(each.hash);
    ASSERT_NE(hash, hashes.end()) << each.hash;
    ASSERT_FALSE(each.out.empty());
    const SecretBytes result =
        each.function == "SKEYSEED"
            ? crypto::prf(hash->second, each.salt, {each.key})
            : crypto::prf_plus(hash->second, each.key, each.salt, each.out.size());
    EXPECT_EQ(to_hex(result.view()), to_hex(each.out)) << each.function << ' ' << each.hash;
    ++checked[each.function];
  }
  EXPECT_GE(checked["SKEYSEED"], 3);
  EXPECT_GE(checked["PRF+"], 3);
}

}  // namespace
}  // namespace segw
