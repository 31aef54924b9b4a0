#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace segw {

// Counters by name, for things that are rare enough for a map: drops by reason, refusals, faults.
// Names are the operator's words, lower-case with hyphens: "hello-bad-hmac".
class Counters {
 public:
  void add(std::string_view name, uint64_t by = 1) {
    const auto at = values_.find(name);
    if (at != values_.end()) {
      at->second += by;
    } else {
      values_.emplace(name, by);
    }
  }
  [[nodiscard]] uint64_t get(std::string_view name) const {
    const auto at = values_.find(name);
    return at == values_.end() ? 0 : at->second;
  }
  [[nodiscard]] const std::map<std::string, uint64_t, std::less<>>& all() const { return values_; }

 private:
  std::map<std::string, uint64_t, std::less<>> values_;
};

}  // namespace segw
