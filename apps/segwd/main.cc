// segwd --config FILE: one chassis. Without a keeper it starts segw-keeper, which starts it again.
#include <unistd.h>

#include <filesystem>
#include <vector>

#include "apps/command_line.h"
#include "daemon.h"
#include "platform/linux/network_namespace.h"

namespace {

// The keeper must be our parent (redundancy rule 9), so it takes this process's place.
int become_keeper(int argc, char** argv) {
  std::error_code error;
  const auto keeper =
      std::filesystem::read_symlink("/proc/self/exe", error).parent_path() / "segw-keeper";
  std::vector<char*> arguments(argv, argv + argc);
  arguments.push_back(nullptr);
  execv(keeper.c_str(), arguments.data());
  std::fprintf(stderr, "segwd: cannot start %s\n", keeper.c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  segw::daemon::Options options;
  CLI::App app("OpenSeGW: one chassis of a multi-chassis IPsec gateway");
  app.add_option("--config", options.config_file, "configuration, MD-CLI text")->required();
  app.add_option("--ports", options.ports_file, "ports file: 1/1/1:1000 = eth1.1000");
  app.add_option("--state", options.state_folder, "state folder")->capture_default_str();
  app.add_option(
      "--pki", options.pki_folder,
      "folder of certificates, keys and revocation lists; default: pki in the state folder");
  app.add_option("--namespace-prefix", options.namespace_prefix,
                 "VPRN namespaces are called PREFIX-SERVICE; default: the system name");
  app.add_option("--log-file", options.log_file, "events go there; default: standard error");
  app.add_flag("--allow-key-export", options.allow_key_export,
               "labs only: `tools lab export-keys` tells all keys");
  app.add_option("--keeper-fd", options.keeper_fd, "set by segw-keeper")->group("");
  if (const auto ends = segw::app::parse_arguments(app, argc, argv)) return *ends;
  if (!segw::platform::os::may_change_network()) {
    std::fprintf(
        stderr,
        "segwd: must be started as root: it makes network namespaces, devices and routes\n");
    return segw::app::kWrongUsage;
  }
  if (options.keeper_fd < 0) return become_keeper(argc, argv);
  return segw::daemon::run(options);
}
