// Structured readings of nested parameters.
#include "ir/prims/parameters.h"

#include <fmt/format.h>

#include "jaxc/error.h"

namespace jaxc::ir {

namespace {

[[noreturn]] void malformed(std::string_view key, std::string_view expected) {
  throw Error(fmt::format("parameter {} must be {}", key, expected));
}

const std::vector<Parameter>& items(const Parameter& parameter, std::string_view key) {
  if (const auto* tuple = std::get_if<Parameter::Tuple>(&parameter.value)) return tuple->items;
  if (const auto* list = std::get_if<Parameter::List>(&parameter.value)) return list->items;
  malformed(key, "a sequence");
}

std::int64_t integer(const Parameter& parameter, std::string_view key) {
  if (const auto* value = std::get_if<std::int64_t>(&parameter.value)) return *value;
  malformed(key, "made of integers");
}

Axes integers(const Parameter& parameter, std::string_view key) {
  Axes values;
  for (const Parameter& item : items(parameter, key)) values.push_back(integer(item, key));
  return values;
}

const Parameter* argument(const Parameter::Call& call, std::string_view key) {
  for (const auto& [name, value] : call.arguments) {
    if (name == key) return &value;
  }
  return nullptr;
}

// Fields that older versions of JAX do not have are empty.
Axes field(const Parameter::Call& call, std::string_view key) {
  const Parameter* found = argument(call, key);
  return found == nullptr ? Axes() : integers(*found, key);
}

const Parameter& required(const Parameters& parameters, std::string_view key) {
  const Parameter* found = parameters.find(key);
  if (found == nullptr) throw Error(fmt::format("parameter {} is missing", key));
  return *found;
}

// A symbol or number as text, for enumerations that JAX prints either way.
std::string word(const Parameters& parameters, std::string_view key) {
  const Parameter* found = parameters.find(key);
  if (found == nullptr) return "";
  if (const auto* number = std::get_if<std::int64_t>(&found->value)) return fmt::format("{}", *number);
  if (const auto* symbol = std::get_if<Parameter::Symbol>(&found->value)) {
    const std::size_t dot = symbol->text.rfind('.');
    return dot == std::string::npos ? symbol->text : symbol->text.substr(dot + 1);
  }
  if (std::holds_alternative<Parameter::None>(found->value)) return "";
  malformed(key, "a name or a number");
}

JaxprPointer optional_jaxpr(const Parameter* parameter) {
  if (parameter == nullptr) return nullptr;
  const auto* pointer = std::get_if<JaxprPointer>(&parameter->value);
  return pointer == nullptr ? nullptr : *pointer;
}

IndexMode index_mode(const Parameters& parameters, IndexMode promised) {
  const std::string mode = word(parameters, "mode");
  if (mode == "CLIP" || mode == "0") return IndexMode::clip;
  if (mode == "FILL_OR_DROP" || mode == "1" || mode.empty()) return IndexMode::fill_or_drop;
  if (mode == "PROMISE_IN_BOUNDS" || mode == "2") return promised;
  malformed("mode", fmt::format("CLIP, FILL_OR_DROP or PROMISE_IN_BOUNDS, got {}", mode));
}

}  // namespace

std::vector<PadAmount> pad_amounts(const Parameters& parameters) {
  constexpr std::string_view key = "padding_config";
  std::vector<PadAmount> amounts;
  for (const Parameter& item : items(required(parameters, key), key)) {
    const Axes triple = integers(item, key);
    if (triple.size() != 3) malformed(key, "made of (low, high, interior)");
    amounts.push_back({triple[0], triple[1], triple[2]});
  }
  return amounts;
}

DotNumbers dot_numbers(const Parameters& parameters) {
  constexpr std::string_view key = "dimension_numbers";
  const auto& groups = items(required(parameters, key), key);
  if (groups.size() != 2) malformed(key, "a pair of pairs");
  const auto& contracting = items(groups[0], key);
  const auto& batch = items(groups[1], key);
  if (contracting.size() != 2 || batch.size() != 2) malformed(key, "a pair of pairs");
  return {integers(contracting[0], key), integers(contracting[1], key), integers(batch[0], key),
          integers(batch[1], key)};
}

GatherNumbers gather_numbers(const Parameters& parameters) {
  const Parameter::Call& call = parameters.call("dimension_numbers");
  return {field(call, "offset_dims"), field(call, "collapsed_slice_dims"), field(call, "start_index_map"),
          field(call, "operand_batching_dims"), field(call, "start_indices_batching_dims")};
}

ScatterNumbers scatter_numbers(const Parameters& parameters) {
  const Parameter::Call& call = parameters.call("dimension_numbers");
  return {field(call, "update_window_dims"), field(call, "inserted_window_dims"),
          field(call, "scatter_dims_to_operand_dims"), field(call, "operand_batching_dims"),
          field(call, "scatter_indices_batching_dims")};
}

IndexMode gather_mode(const Parameters& parameters) {
  return index_mode(parameters, IndexMode::clip);
}

IndexMode scatter_mode(const Parameters& parameters) {
  return index_mode(parameters, IndexMode::fill_or_drop);
}

Window window(const Parameters& parameters) {
  Window result;
  result.extents = parameters.integers("window_dimensions");
  const Axes ones(result.extents.size(), 1);
  result.strides = parameters.integers_or("window_strides", ones);
  result.base_dilation = parameters.integers_or("base_dilation", ones);
  result.window_dilation = parameters.integers_or("window_dilation", ones);
  result.padding = parameters.integer_pairs("padding");
  return result;
}

Convolution convolution(const Parameters& parameters) {
  Convolution result;
  const Parameter::Call& call = parameters.call("dimension_numbers");
  result.operand_axes = field(call, "lhs_spec");
  result.kernel_axes = field(call, "rhs_spec");
  result.result_axes = field(call, "out_spec");
  result.strides = parameters.integers("window_strides");
  const Axes ones(result.strides.size(), 1);
  result.operand_dilation = parameters.integers_or("lhs_dilation", ones);
  result.kernel_dilation = parameters.integers_or("rhs_dilation", ones);
  result.padding = parameters.integer_pairs("padding");
  result.feature_groups = parameters.integer_or("feature_group_count", 1);
  result.batch_groups = parameters.integer_or("batch_group_count", 1);
  return result;
}

FourierKind fourier_kind(const Parameters& parameters) {
  const std::string kind = word(parameters, "fft_type");
  if (kind == "FFT" || kind == "0") return FourierKind::forward;
  if (kind == "IFFT" || kind == "1") return FourierKind::inverse;
  if (kind == "RFFT" || kind == "2") return FourierKind::real_forward;
  if (kind == "IRFFT" || kind == "3") return FourierKind::real_inverse;
  malformed("fft_type", fmt::format("FFT, IFFT, RFFT or IRFFT, got {}", kind));
}

bool rounds_to_even(const Parameters& parameters) {
  const std::string method = word(parameters, "rounding_method");
  if (method.empty() || method == "0" || method == "AWAY_FROM_ZERO") return false;
  if (method == "1" || method == "TO_NEAREST_EVEN") return true;
  malformed("rounding_method", fmt::format("0 (away from zero) or 1 (to even), got {}", method));
}

JaxprPointer called_jaxpr(const Equation& equation) {
  for (std::string_view key : {"jaxpr", "call_jaxpr", "fun_jaxpr"}) {
    if (JaxprPointer found = optional_jaxpr(equation.parameters.find(key))) return found;
  }
  return nullptr;
}

std::int64_t platform_position(const Equation& equation, std::string_view platform) {
  constexpr std::string_view key = "platforms";
  const std::string quoted = fmt::format("'{}'", platform);
  const auto& entries = items(required(equation.parameters, key), key);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (std::holds_alternative<Parameter::None>(entries[i].value)) return static_cast<std::int64_t>(i);
    for (const Parameter& entry : items(entries[i], key)) {
      const auto* symbol = std::get_if<Parameter::Symbol>(&entry.value);
      // Strings keep their quotes.
      if (symbol != nullptr && (symbol->text == platform || symbol->text == quoted)) {
        return static_cast<std::int64_t>(i);
      }
    }
  }
  // Before JAX 0.6.1 the default has no entry of its own, and comes last.
  if (equation.parameters.boolean_or("has_default", false)) return static_cast<std::int64_t>(entries.size());
  malformed(key, fmt::format("a list with {} or a default", platform));
}

LinearSolve linear_solve(const Parameters& parameters) {
  const Parameter::Call& lengths = parameters.call("const_lengths");
  const Parameter::Call& jaxprs = parameters.call("jaxprs");
  const auto part = [&](std::string_view name) {
    const Parameter* length = argument(lengths, name);
    if (length == nullptr) malformed("const_lengths", fmt::format("given for {}", name));
    const bool none = std::holds_alternative<Parameter::None>(length->value);
    const std::int64_t count = none ? 0 : integer(*length, "const_lengths");
    constexpr std::int64_t most = 1 << 30;
    if (count < 0 || count > most) malformed("const_lengths", "made of counts");
    return LinearSolve::Part{optional_jaxpr(argument(jaxprs, name)), count};
  };
  return {part("matvec"), part("vecmat"), part("solve"), part("transpose_solve")};
}

}  // namespace jaxc::ir
