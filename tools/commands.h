// The subcommands of jaxc; each adds itself to the command line and runs when chosen.
#pragma once

#include <CLI/CLI.hpp>

namespace jaxc::tools {

/// Each registers its options; the subcommand's callback throws jaxc::Error on failure and stores an exit
/// code other than 0 in `exit_code`.
void add_run(CLI::App& app);
void add_check(CLI::App& app, int& exit_code);
void add_dump(CLI::App& app);
void add_devices(CLI::App& app);
void add_primitives(CLI::App& app);

}  // namespace jaxc::tools
