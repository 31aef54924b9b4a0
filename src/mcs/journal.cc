#include "mcs/journal.h"

#include "base/assert.h"

namespace segw::mcs {

void Journal::restart(Activation activation) {
  activation_ = activation;
  last_ = 0;
  records_.clear();
}

uint64_t Journal::append(Record record) {
  if (records_.size() == kJournalRecordsMax) records_.pop_front();
  records_.push_back(std::move(record));
  return ++last_;
}

bool Journal::can_resume(const Position& from) const {
  // Rule 16: "a tail beyond the base from an older activation cannot resume". The base itself is
  // the state that this writer began with, which only a copy can give.
  return from.activation == activation_ && from.number != 0 && from.number <= last_ &&
         from.number + 1 >= first();
}

const Record& Journal::at(uint64_t number) const {
  SEGW_ASSERT(number >= first() && number <= last_);
  return records_[number - first()];
}

}  // namespace segw::mcs
