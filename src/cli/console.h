#pragma once

// The operator's commands: one line in, an exit code and a text out. Tables and JSON come from
// snapshots (chassis/status.h), so a command changes nothing unless it begins with `tools`, `clear`
// or `admin`.
// docs/manual/commands.md shows each with its output.

#include <functional>
#include <string>
#include <string_view>

#include "chassis/chassis.h"
#include "cli/command_tree.h"
#include "config/load.h"

namespace segw::cli {

constexpr size_t kCommandBytesMax = 4096;

// Exit codes, which `segw` hands on to the shell.
constexpr int kDone = 0;
constexpr int kRefused = 1;
// The text is a yes/no question; the command does what it says once `now` is added.
constexpr int kMustConfirm = 2;

using Done = std::function<void(int code, std::string text)>;

class Console {
 public:
  // Reads the keys that chassis share anew, and tells what came of it, maybe later.
  using ReloadKeys = std::function<void(std::function<void(Result<std::string>)>)>;

  // `pki`: the folder of certificates; null: there is none.
  Console(chassis::Chassis& chassis, config::Loaded loaded, const platform::Files* pki = nullptr,
          ReloadKeys reload_keys = {});

  // `done` is called once, maybe later (a switchover takes time). The console may be gone by then;
  // the chassis may not.
  void run(std::string_view command, const Done& done);

 private:
  void perform(const Command& command, const Done& done);
  [[nodiscard]] std::pair<int, std::string> show(const Command& command) const;
  void force_switchover(const Command& command, const Done& done);
  void move_domain(const Command& command, const Done& done);
  Result<std::string> act(const Command& command);
  Result<std::string> perform_on_tunnel(const Command& command, ike::TunnelAction action);

  chassis::Chassis& chassis_;
  config::Loaded loaded_;
  const platform::Files* pki_;
  ReloadKeys reload_keys_;
};

}  // namespace segw::cli
