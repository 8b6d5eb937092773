// Implements the shared options.
#include "options.h"

#include <cstdlib>
#include <filesystem>

namespace jaxc::tools {

void BackendOptions::add_to(CLI::App& command) {
  command.add_option("--backend", backend, "cpu, gpu, reference or eval")
      ->check(CLI::IsMember({"cpu", "gpu", "reference", "eval"}))
      ->capture_default_str();
  command.add_option("--device", device, "number of the GPU, from `jaxc devices`; the best one by default");
  command.add_option("--threads", threads, "threads that the CPU may use; 0: one for each core")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command.add_flag("--validate", validate, "run the GPU under the Khronos validation layers");
  command.add_option("--require-path", require_path, "fail unless every outermost loop takes this path")
      ->check(CLI::IsMember({"fused", "registers", "workgroup"}));
  command
      .add_option("--threefry-partitionable", threefry,
                  "JAX's flag of that name; by default what the data file says, else true")
      ->check(CLI::IsMember({"true", "false"}));
}

CompileOptions BackendOptions::compile_options() const {
  CompileOptions options;
  options.backend = backend_from_name(backend);
  options.device = device;
  options.threads = threads;
  options.validate = validate;
  options.require_path = require_path;
  if (!threefry.empty()) options.threefry_partitionable = threefry == "true";
  return options;
}

std::string default_cache_folder() {
  // The XDG Base Directory Specification: a relative path is to be ignored.
  const char* caches = std::getenv("XDG_CACHE_HOME");
  if (caches != nullptr && caches[0] == '/') return std::string(caches) + "/jaxc";
  const char* home = std::getenv("HOME");
  return home != nullptr && home[0] == '/' ? std::string(home) + "/.cache/jaxc" : "";
}

std::string data_path_beside(const std::string& program_path) {
  return std::filesystem::path(program_path).replace_extension(".safetensors").string();
}

}  // namespace jaxc::tools
