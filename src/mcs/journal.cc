#include "mcs/journal.h"

#include "base/assert.h"

namespace segw::mcs {
namespace {

// What a record's messages take, and somewhat for the rest.
size_t weight(const Record& record) {
  size_t bytes = sizeof(Record);
  const auto* sa = std::get_if<ike::IkeSa>(&record);
  if (sa == nullptr) return bytes;
  bytes += sa->init_request.size() + sa->init_response.size();
  if (sa->last_answer) {
    for (const Bytes& each : sa->last_answer->response) bytes += each.size();
  }
  if (sa->pending) {
    for (const Bytes& each : sa->pending->datagrams) bytes += each.size();
  }
  return bytes;
}

}  // namespace

void Journal::restart(Activation activation) {
  activation_ = activation;
  last_ = 0;
  bytes_ = 0;
  records_.clear();
}

uint64_t Journal::append(Record record, bool ends_step) {
  if (records_.size() == kJournalRecordsMax) drop_oldest();
  bytes_ += weight(record);
  records_.push_back({.record = std::move(record), .ends_step = ends_step});
  while (bytes_ > kJournalBytesMax && records_.size() > 1) drop_oldest();
  return ++last_;
}

void Journal::drop_oldest() {
  bytes_ -= weight(records_.front().record);
  records_.pop_front();
}

bool Journal::can_resume(const Position& from) const {
  // Rule 16: "a tail beyond the base from an older activation cannot resume". The base itself is
  // the state that this writer began with, which only a copy can give.
  return from.activation == activation_ && from.number != 0 && from.number <= last_ &&
         from.number + 1 >= first();
}

const Record& Journal::at(uint64_t number) const {
  SEGW_ASSERT(number >= first() && number <= last_);
  return records_[number - first()].record;
}

bool Journal::ends_step(uint64_t number) const {
  SEGW_ASSERT(number >= first() && number <= last_);
  return records_[number - first()].ends_step;
}

}  // namespace segw::mcs
