#include "mimp/master_state.h"

namespace segw::mimp {

std::string_view text(MasterState state) {
  switch (state) {
    case MasterState::Discovery:
      return "discovery";
    case MasterState::NotEligible:
      return "notEligible";
    case MasterState::Eligible:
      return "eligible";
    case MasterState::Standby:
      return "standby";
    case MasterState::Master:
      return "master";
  }
  return "";
}

}  // namespace segw::mimp
