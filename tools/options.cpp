// Implements the shared options.
#include "options.h"

#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <limits>

namespace jaxc::tools {

void BackendOptions::add_to(CLI::App& command) {
  command.add_option("--backend", backend, "cpu, gpu, reference or eval")
      ->check(CLI::IsMember({"cpu", "gpu", "reference", "eval"}))
      ->capture_default_str();
  command.add_option("--device", device, "number of the GPU, from `jaxc devices`; the best one by default");
  command.add_option("--threads", threads, "threads that the CPU may use; 0: one for each core")
      ->check(at_least(0))
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

CLI::Validator at_least(int least) {
  const auto problem = [least](const std::string& text) -> std::string {
    int value = 0;
    const char* end = text.data() + text.size();
    const auto [rest, code] = std::from_chars(text.data(), end, value);
    if (rest != end || code == std::errc::invalid_argument) return fmt::format("must be a whole number, got {}", text);
    const bool is_small = code == std::errc::result_out_of_range ? text.starts_with('-') : value < least;
    if (is_small) return fmt::format("must be at least {}, got {}", least, text);
    if (code == std::errc()) return "";
    return fmt::format("must be at most {}, got {}", std::numeric_limits<int>::max(), text);
  };
  return {problem, fmt::format("at least {}", least)};
}

void require_writable(std::string_view option, const std::string& path) {
  namespace fs = std::filesystem;
  const fs::path folder = fs::path(path).has_parent_path() ? fs::path(path).parent_path() : fs::path(".");
  if (fs::is_directory(path)) throw Error(fmt::format("{}: must be a file, got the folder {}", option, path));
  if (!fs::is_directory(folder))
    throw Error(
        fmt::format("{}: {} cannot be written, there is no folder {}; make it first", option, path, folder.string()));
  if (access(fs::exists(path) ? path.c_str() : folder.c_str(), W_OK) != 0)
    throw Error(fmt::format("{}: {} cannot be written, permission is missing", option, path));
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
