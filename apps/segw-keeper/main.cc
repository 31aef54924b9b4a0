// segw-keeper [arguments of segwd]: the supervisor of a chassis. `segwd` starts it by itself.
#include <sys/prctl.h>

#include "keeper.h"

int main(int argc, char** argv) {
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  segw::keeper::Keeper keeper(std::vector<std::string>(argv + 1, argv + argc));
  return keeper.run();
}
