#pragma once

#include <string>
#include <tl/expected.hpp>

namespace segw {

// Why something could not be done, in one sentence for an operator.
struct [[nodiscard]] Error {
  std::string text;
};

template <typename T = void>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> failure(std::string text) {
  return tl::unexpected<Error>(Error{std::move(text)});
}

}  // namespace segw
