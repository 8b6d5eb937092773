// jaxc::Program: reads, verifies and holds a jaxpr with its constants.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "ir/parser.h"
#include "ir/printer.h"
#include "ir/verify.h"
#include "runtime/session/state.h"

namespace jaxc {

namespace {

std::string read_file(const std::string& path) {
  if (std::filesystem::is_directory(path)) throw Error(fmt::format("{}: is a folder, not a .jaxpr file", path));
  std::ifstream file(path, std::ios::binary);
  if (!file) throw Error(fmt::format("{}: cannot be opened for reading", path));
  std::ostringstream text;
  text << file.rdbuf();
  std::string content = std::move(text).str();
  if (content.find('\0') != std::string::npos)
    throw Error(
        fmt::format("{}: a program is a text, got a binary file; give the .jaxpr file (what ends in .safetensors "
                    "is a program's data)",
                    path));
  return content;
}

std::string missing_constants(const Safetensors& data, const std::vector<Type>& types, std::string_view origin) {
  constexpr std::size_t most_named = 4;
  std::vector<std::string> missing;
  for (std::size_t k = 0; k < types.size(); ++k)
    if (!data.arrays.contains(fmt::format("const{}", k)))
      missing.push_back(fmt::format("const{}:{}", k, to_string(types[k])));
  const std::size_t count = missing.size();
  missing.resize(std::min(count, most_named));
  return fmt::format(
      "{}: every constant needs a value, and JAX prints none, got none for {}{}; put {} in the data file, or write "
      "both "
      "files with jaxc.export",
      origin, fmt::join(missing, ", "), count > most_named ? fmt::format(", ... ({} in all)", count) : "",
      count == 1 ? "it" : "them");
}

// The arrays called const0, const1, ... of a data file, of the program's types as far as it has as many.
std::vector<Array> constants_of(const Safetensors& data, const std::vector<Type>& types, std::string_view origin) {
  std::vector<Array> arrays;
  for (std::size_t k = 0;; ++k) {
    const std::string name = fmt::format("const{}", k);
    const auto found = data.arrays.find(name);
    if (found == data.arrays.end()) {
      if (k < types.size()) throw Error(missing_constants(data, types, origin));
      return arrays;
    }
    arrays.push_back(k < types.size() ? data.array(name, types[k]) : found->second);
  }
}

}  // namespace

Program Program::parse(std::string_view text, std::string origin) {
  auto state = std::make_shared<State>();
  const ir::Source source(text, origin);
  state->jaxpr = ir::parse(source);
  ir::verify(state->jaxpr, source);
  state->origin = std::move(origin);
  for (ir::Variable variable : state->jaxpr.constants) state->constants.push_back(state->jaxpr.type(variable));
  state->inputs = state->jaxpr.input_types();
  state->outputs = state->jaxpr.output_types();
  return Program(std::move(state));
}

Program Program::load(const std::string& path) {
  Program program = parse(read_file(path), path);
  const std::string data = std::filesystem::path(path).replace_extension(".safetensors").string();
  if (!program.constants().empty() && std::filesystem::exists(data)) return program.with_data(Safetensors::load(data));
  return program;
}

Program Program::with_constants(std::vector<Array> constants) const {
  if (constants.size() != state_->constants.size())
    throw Error(fmt::format("{}: the program has {} constant{}, got {}", state_->origin, state_->constants.size(),
                            state_->constants.size() == 1 ? "" : "s", constants.size()));
  for (std::size_t k = 0; k < constants.size(); ++k)
    if (constants[k].type() != state_->constants[k])
      throw Error(fmt::format("{}: constant {} has type {}, got {}", state_->origin, k, to_string(state_->constants[k]),
                              to_string(constants[k].type())));
  auto state = std::make_shared<State>(*state_);
  state->constant_values = std::move(constants);
  return Program(std::move(state));
}

Program Program::with_data(const Safetensors& data) const {
  auto state = std::make_shared<State>(*with_constants(constants_of(data, state_->constants, state_->origin)).state_);
  const auto threefry = data.metadata.find("threefry_partitionable");
  if (threefry != data.metadata.end())
    state->threefry_partitionable = threefry->second == "True" || threefry->second == "true" || threefry->second == "1";
  return Program(std::move(state));
}

const std::vector<Type>& Program::constants() const {
  return state_->constants;
}
const std::vector<Type>& Program::inputs() const {
  return state_->inputs;
}
const std::vector<Type>& Program::outputs() const {
  return state_->outputs;
}
std::string Program::text() const {
  return ir::print(state_->jaxpr);
}

}  // namespace jaxc
