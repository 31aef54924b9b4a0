#pragma once

// Access to the folder of vectors that others made (CMake variable SEGW_VECTORS). It is not part of
// this repository: tests are skipped where it is missing.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace segw::vectors {

inline std::filesystem::path path_of(std::string_view name) {
  return std::filesystem::path(SEGW_VECTORS) / name;
}

inline std::string read_text(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

inline Bytes read_bytes(const std::filesystem::path& path) {
  return to_bytes(as_bytes(read_text(path)));
}

inline Bytes from_hex(std::string_view text) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10; };
  Bytes bytes;
  for (size_t i = 0; i + 1 < text.size(); i += 2) {
    bytes.push_back(static_cast<uint8_t>(digit(text[i]) * 16 + digit(text[i + 1])));
  }
  return bytes;
}

}  // namespace segw::vectors

#define SEGW_NEEDS_VECTORS(name)                                         \
  if (!std::filesystem::exists(::segw::vectors::path_of(name))) {        \
    GTEST_SKIP() << "no vectors at " << ::segw::vectors::path_of(name)   \
                 << " (CMake variable SEGW_VECTORS names their folder)"; \
  }                                                                      \
  static_assert(true, "wants a semicolon")
