#pragma once

#include <string>

#include "base/result.h"

namespace segw::app {

struct Reply {
  int code = 0;
  std::string text;
};

// Sends one command to the segwd that listens on `socket` and waits for its whole answer.
Result<Reply> ask(const std::string& socket, const std::string& command);

}  // namespace segw::app
