#include "base/planted.h"

#ifdef SEGW_PLANTED_BUGS
#include <string>

namespace segw {
namespace {
std::string& chosen() {
  static std::string name;
  return name;
}
}  // namespace

void plant(std::string_view name) { chosen() = name; }
bool planted(std::string_view name) { return chosen() == name; }

}  // namespace segw
#endif
