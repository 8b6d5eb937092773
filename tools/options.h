// Options that several subcommands share.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <string_view>

#include "jaxc/jaxc.h"

namespace jaxc::tools {

/// --backend, --device, --threads, --validate, --require-path, --threefry-partitionable.
struct BackendOptions {
  std::string backend = "cpu";
  int device = -1;
  int threads = 0;
  bool validate = false;
  std::string require_path;
  std::string threefry;  ///< "", "true", "false"

  void add_to(CLI::App& command);
  CompileOptions compile_options() const;
};

/// Accepts whole numbers from `least` on that an int holds.
CLI::Validator at_least(int least);

/// Throws Error when no file can be written at `path`, of the option called `option`; writes nothing.
void require_writable(std::string_view option, const std::string& path);

/// Where this user's programs keep caches: $XDG_CACHE_HOME/jaxc, or ~/.cache/jaxc; empty where neither is known.
std::string default_cache_folder();

/// The .safetensors file beside a .jaxpr file.
std::string data_path_beside(const std::string& program_path);

}  // namespace jaxc::tools
