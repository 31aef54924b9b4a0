#pragma once

// An invariant of ours. Aborts in release builds too; never used on anything that a client, a peer
// chassis or an operator sent (docs/architecture.md, "Trust boundaries").
#define SEGW_ASSERT(condition) \
  ((condition) ? static_cast<void>(0) : ::segw::assertion_failed(#condition, __FILE__, __LINE__))

namespace segw {
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line);
}  // namespace segw
