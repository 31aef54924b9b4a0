#pragma once

// Configurations and ports files, as an operator names them.

#include <fstream>
#include <string>

#include "base/result.h"
#include "config/load.h"

namespace segw::app {

// At most one byte more than config::load() accepts, which is enough for it to refuse the file.
// Error: the file is not there, may not be read, or is a folder.
inline Result<std::string> read_text(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::string text(config::kTextBytesMax + 1, '\0');
  // read() turns what its buffer throws (at a folder) into a state; an iterator would let it out.
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!in.is_open() || in.bad()) return failure(path + ": cannot be read");
  text.resize(static_cast<size_t>(in.gcount()));
  return text;
}

}  // namespace segw::app
