#pragma once

// The operator's names of algorithms, turned into what is negotiated. The schema knows all that may
// be written; here stands what this release does, and what of it is weak.

#include <optional>
#include <string_view>

#include "config/view.h"
#include "esp/child_sa.h"
#include "ike/ike_sa.h"

namespace segw::config {

// The event with which weak algorithms are named when a configuration is loaded.
constexpr std::string_view kWeakAlgorithm = "IPSEC_WEAK_ALGORITHM";

// A cipher and the integrity algorithm that goes with it. What does not go together is filed; the
// suite is then that of the default.
esp::Suite read_ciphers(const View& encryption, const View& auth);
// `same-as-auth` is the function that the integrity algorithm `auth` is made of.
std::optional<ike::Prf> read_prf(const View& prf, const View& auth);
std::optional<ike::Group> read_group(const View& group);

// What there is of something is filed with the refusal of what there is not.
void lacks(const View& leaf, std::string_view choices);

}  // namespace segw::config
