#pragma once

// The two large records, and what their decoders share. Internal to the codec.

#include <string>

#include "esp/sequence_plan.h"
#include "mcs/mcs_codec.h"

namespace segw::mcs {

inline std::string text(ByteView bytes) { return {bytes.begin(), bytes.end()}; }

// Collects the first refusal while fields are read.
class Checker {
 public:
  void refuse(std::string_view field) {
    if (field_.empty()) field_ = field;
  }
  Bytes bytes(const std::string& in, size_t maximum, std::string_view field) {
    if (in.size() > maximum) refuse(field);
    return field_.empty() ? to_bytes(as_bytes(in)) : Bytes{};
  }
  SecretBytes secret(const std::string& in, size_t size, std::string_view field) {
    if (in.size() != size) refuse(field);
    return field_.empty() ? SecretBytes(as_bytes(in)) : SecretBytes{};
  }
  IpAddress address(const std::string& in, std::string_view field) {
    const auto address = IpAddress::from_bytes(as_bytes(in));
    if (!address) refuse(field);
    return address.value_or(IpAddress{});
  }
  uint16_t u16(uint32_t in, std::string_view field) {
    if (in > UINT16_MAX) refuse(field);
    return static_cast<uint16_t>(in);
  }
  uint8_t u8(uint32_t in, uint32_t maximum, std::string_view field) {
    if (in > maximum) refuse(field);
    return static_cast<uint8_t>(in);
  }
  // Ages and lifetimes are added to and taken from times: what could overflow there stays out.
  Duration span(int64_t nanoseconds, std::string_view field) {
    constexpr Duration kMax = std::chrono::hours(100 * 365 * 24);
    if (nanoseconds < 0 || nanoseconds > kMax.count()) refuse(field);
    return Duration(nanoseconds);
  }
  // Of a sequence space. Sums with what we skip must not come to 0 again.
  uint64_t position(uint64_t in, std::string_view field) {
    if (in > esp::kPositionMax) refuse(field);
    return in;
  }
  void at_most(int count, int maximum, std::string_view field) {
    if (count > maximum) refuse(field);
  }
  [[nodiscard]] bool ok() const { return field_.empty(); }
  template <typename T>
  wire::Decoded<T> finish(T value) {
    if (!ok()) return tl::unexpected<wire::Refusal>(wire::Refusal{field_});
    return value;
  }

 private:
  std::string field_;
};

void encode_child(const esp::ChildSa& sa, pb::ChildSa& out);
esp::ChildSa decode_child(const pb::ChildSa& in, TunnelGroupId group, Checker& check);

void encode_ike(const ike::IkeSa& sa, pb::IkeSa& out);
ike::IkeSa decode_ike(const pb::IkeSa& in, TunnelGroupId group, Checker& check);

// Shared by both, and by grant changes.
void encode_grants(const esp::SequenceGrants& grants, pb::Grants& out);
esp::SequenceGrants decode_grants(const pb::Grants& in, Checker& check);
using PbHolders = google::protobuf::RepeatedPtrField<pb::Holder>;
void encode_holders(const std::vector<esp::Holder>& holders, PbHolders& out);
std::vector<esp::Holder> decode_holders(const PbHolders& in, Checker& check);
void check_suite(uint32_t encryption, uint32_t key_bits, uint32_t integrity, Checker& check);

}  // namespace segw::mcs
