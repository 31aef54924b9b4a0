#pragma once

#include <cstddef>
#include <deque>
#include <string>

#include "base/time.h"

namespace segw {

// What changed and when, oldest dropped first; `show … history` prints it.
class History {
 public:
  struct Entry {
    Instant at;
    std::string text;
  };
  explicit History(size_t capacity = 64) : capacity_(capacity) {}
  void add(Instant at, std::string text) {
    if (entries_.size() == capacity_) entries_.pop_front();
    entries_.push_back(Entry{.at = at, .text = std::move(text)});
  }
  [[nodiscard]] const std::deque<Entry>& entries() const { return entries_; }

 private:
  size_t capacity_;
  std::deque<Entry> entries_;
};

}  // namespace segw
