// Parameters: reading an equation's named parameters as C++ values.
#include <fmt/format.h>

#include <array>

#include "ir/jaxpr.h"
#include "jaxc/error.h"

namespace jaxc::ir {
namespace {

std::string_view kind_name(const Parameter& parameter) {
  constexpr std::array<std::string_view, 11> names = {"None",          "a boolean",        "an integer", "an integer",
                                                      "a real number", "a complex number", "a symbol",   "a tuple",
                                                      "a list",        "a named tuple",    "a jaxpr"};
  return names[parameter.value.index()];
}

[[noreturn]] void refuse(std::string_view key, std::string_view wanted, const Parameter& got) {
  throw Error(fmt::format("parameter {}: must be {}, got {}", key, wanted, kind_name(got)));
}

const Parameter& require(const Parameters& parameters, std::string_view key) {
  const Parameter* found = parameters.find(key);
  if (found == nullptr) throw Error(fmt::format("parameter {} is missing", key));
  return *found;
}

/// Nothing when the key is absent or its value is None.
const Parameter* find_value(const Parameters& parameters, std::string_view key) {
  const Parameter* found = parameters.find(key);
  return found == nullptr || std::holds_alternative<Parameter::None>(found->value) ? nullptr : found;
}

const std::vector<Parameter>* items(const Parameter& parameter) {
  if (const auto* tuple = std::get_if<Parameter::Tuple>(&parameter.value)) return &tuple->items;
  if (const auto* list = std::get_if<Parameter::List>(&parameter.value)) return &list->items;
  return nullptr;
}

bool as_boolean(std::string_view key, const Parameter& parameter) {
  if (const auto* value = std::get_if<bool>(&parameter.value)) return *value;
  refuse(key, "True or False", parameter);
}

std::int64_t as_integer(std::string_view key, const Parameter& parameter) {
  if (const auto* value = std::get_if<std::int64_t>(&parameter.value)) return *value;
  refuse(key, "an integer of 64 bits", parameter);
}

std::vector<std::int64_t> as_integers(std::string_view key, const Parameter& parameter) {
  const auto* const values = items(parameter);
  if (values == nullptr) refuse(key, "a tuple of integers", parameter);
  std::vector<std::int64_t> integers;
  for (const Parameter& value : *values) integers.push_back(as_integer(key, value));
  return integers;
}

DType as_dtype(std::string_view key, const Parameter& parameter) {
  const auto* const symbol = std::get_if<Parameter::Symbol>(&parameter.value);
  if (symbol == nullptr) refuse(key, "a dtype", parameter);
  const auto dtype = dtype_from_name(symbol->text);
  if (!dtype) throw Error(fmt::format("parameter {}: must be a dtype such as float32, got {}", key, symbol->text));
  return *dtype;
}

JaxprPointer as_jaxpr(std::string_view key, const Parameter& parameter) {
  const auto* const pointer = std::get_if<JaxprPointer>(&parameter.value);
  if (pointer == nullptr || *pointer == nullptr) refuse(key, "a jaxpr", parameter);
  return *pointer;
}

}  // namespace

const Parameter* Parameters::find(std::string_view key) const {
  for (const auto& [name, value] : entries) {
    if (name == key) return &value;
  }
  return nullptr;
}

bool Parameters::boolean(std::string_view key) const {
  return as_boolean(key, require(*this, key));
}

bool Parameters::boolean_or(std::string_view key, bool fallback) const {
  const Parameter* value = find_value(*this, key);
  return value == nullptr ? fallback : as_boolean(key, *value);
}

std::int64_t Parameters::integer(std::string_view key) const {
  return as_integer(key, require(*this, key));
}

std::int64_t Parameters::integer_or(std::string_view key, std::int64_t fallback) const {
  const Parameter* value = find_value(*this, key);
  return value == nullptr ? fallback : as_integer(key, *value);
}

double Parameters::real(std::string_view key) const {
  const Parameter& parameter = require(*this, key);
  if (const auto* value = std::get_if<double>(&parameter.value)) return *value;
  if (const auto* value = std::get_if<std::int64_t>(&parameter.value)) return static_cast<double>(*value);
  if (const auto* value = std::get_if<std::uint64_t>(&parameter.value)) return static_cast<double>(*value);
  refuse(key, "a real number", parameter);
}

std::vector<std::int64_t> Parameters::integers(std::string_view key) const {
  return as_integers(key, require(*this, key));
}

std::vector<std::int64_t> Parameters::integers_or(std::string_view key, std::vector<std::int64_t> fallback) const {
  const Parameter* value = find_value(*this, key);
  return value == nullptr ? std::move(fallback) : as_integers(key, *value);
}

std::vector<std::pair<std::int64_t, std::int64_t>> Parameters::integer_pairs(std::string_view key) const {
  const Parameter& parameter = require(*this, key);
  const auto* const values = items(parameter);
  if (values == nullptr) refuse(key, "a tuple of pairs", parameter);
  std::vector<std::pair<std::int64_t, std::int64_t>> pairs;
  for (const Parameter& value : *values) {
    const std::vector<std::int64_t> pair = as_integers(key, value);
    if (pair.size() != 2) {
      throw Error(fmt::format("parameter {}: must be a tuple of pairs, got {} items in one", key, pair.size()));
    }
    pairs.emplace_back(pair[0], pair[1]);
  }
  return pairs;
}

DType Parameters::dtype(std::string_view key) const {
  return as_dtype(key, require(*this, key));
}

std::optional<DType> Parameters::optional_dtype(std::string_view key) const {
  const Parameter* value = find_value(*this, key);
  if (value == nullptr) return std::nullopt;
  return as_dtype(key, *value);
}

std::string Parameters::symbol_or_empty(std::string_view key) const {
  const Parameter* value = find_value(*this, key);
  if (value == nullptr) return "";
  const auto* const symbol = std::get_if<Parameter::Symbol>(&value->value);
  if (symbol == nullptr) refuse(key, "a symbol", *value);
  return symbol->text;
}

JaxprPointer Parameters::jaxpr(std::string_view key) const {
  return as_jaxpr(key, require(*this, key));
}

std::vector<JaxprPointer> Parameters::jaxprs(std::string_view key) const {
  const Parameter& parameter = require(*this, key);
  std::vector<JaxprPointer> pointers;
  if (const auto* const call = std::get_if<Parameter::Call>(&parameter.value)) {
    for (const auto& [name, value] : call->arguments) pointers.push_back(as_jaxpr(key, value));
    return pointers;
  }
  const auto* const values = items(parameter);
  if (values == nullptr) refuse(key, "a tuple of jaxprs", parameter);
  for (const Parameter& value : *values) pointers.push_back(as_jaxpr(key, value));
  return pointers;
}

const Parameter::Call& Parameters::call(std::string_view key) const {
  const Parameter& parameter = require(*this, key);
  const auto* const call = std::get_if<Parameter::Call>(&parameter.value);
  if (call == nullptr) refuse(key, "a named tuple", parameter);
  return *call;
}

void Parameters::set(std::string key, Parameter value) {
  for (auto& [name, old] : entries) {
    if (name == key) {
      old = std::move(value);
      return;
    }
  }
  entries.push_back({std::move(key), std::move(value)});
}

}  // namespace jaxc::ir
