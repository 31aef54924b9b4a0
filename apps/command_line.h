#pragma once

// What every program of ours does with its arguments.

#include <CLI/CLI.hpp>
#include <optional>

namespace segw::app {

// Exit code of a program that was called wrongly; 1 is for what it could not do.
constexpr int kWrongUsage = 2;

// The exit code, if the program ends here: after --help, or because it was called wrongly.
inline std::optional<int> parse_arguments(CLI::App& app, int argc, char** argv) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kWrongUsage;
  }
  return std::nullopt;
}

}  // namespace segw::app
