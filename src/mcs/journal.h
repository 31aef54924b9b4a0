#pragma once

// The writer's journal of one group: records in one order, numbered from 1 within an activation,
// bounded (redundancy rules 15 and 16). Pure.

#include <cstdint>
#include <deque>

#include "mcs/records.h"

namespace segw::mcs {

constexpr size_t kJournalRecordsMax = 65536;
constexpr size_t kJournalBytesMax = size_t{128}
                                    << 20;  // about; of what is kept beyond them the oldest goes

class Journal {
 public:
  // A new writer's base: nothing before it can be resumed from.
  void restart(Activation activation);
  // Returns the record's number. Records of one step belong together: none is of use to a reader
  // without the ones up to the last of them.
  uint64_t append(Record record, bool ends_step = true);

  [[nodiscard]] Position end() const { return {.activation = activation_, .number = last_}; }
  // May a reader that holds everything up to `from` go on with the journal alone?
  [[nodiscard]] bool can_resume(const Position& from) const;
  // The record with this number, which must be kept (first() <= number <= end).
  [[nodiscard]] const Record& at(uint64_t number) const;
  [[nodiscard]] bool ends_step(uint64_t number) const;
  [[nodiscard]] uint64_t first() const { return last_ + 1 - records_.size(); }

 private:
  struct Entry {
    Record record;
    bool ends_step;
  };
  void drop_oldest();

  Activation activation_;
  uint64_t last_ = 0;
  size_t bytes_ = 0;
  std::deque<Entry> records_;
};

}  // namespace segw::mcs
