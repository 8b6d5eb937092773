// The table of known parameters: a parameter that is not here is refused, since it might change the result.
#include "ir/prims/known_parameters.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "ir/prims/list.h"
#include "jaxc/error.h"

namespace jaxc::ir {

namespace {

/// Blank-separated names. `ignored` are parameters that change no result: with any value, or with one of those after
/// "=", between bars; a tuple's items must each be one of them.
struct Row {
  std::string_view primitives;
  std::string_view taken;
  std::string_view ignored;
};

constexpr std::string_view accuracy = "accuracy=None|DEFAULT|HIGHEST";
constexpr std::string_view sharding = "sharding=None|replicated";
constexpr std::string_view out_sharding = "out_sharding=None|replicated";
constexpr std::string_view contraction =
    "out_sharding=None|replicated precision=None|DEFAULT|HIGH|HIGHEST|F32_F32_F32 out_type=None";
constexpr std::string_view promises = "indices_are_sorted unique_indices";
constexpr std::string_view window = "window_dimensions window_strides padding base_dilation window_dilation";
constexpr std::string_view call =
    "name inline donated_invars keep_unused in_shardings out_shardings in_layouts out_layouts ctx_mesh resource_env "
    "compiler_options_kvs backend device differentiated prevent_cse policy";
constexpr std::string_view custom_rules =
    "name num_consts symbolic_zeros jvp_jaxpr_fun jvp_jaxpr_thunk jvp fwd fwd_jaxpr_thunk bwd out_trees";
constexpr std::string_view jaxprs = "jaxpr call_jaxpr fun_jaxpr";

// Primitives that are not listed take none.
constexpr auto rows = std::to_array<Row>({
    {"exp exp2 log log2 log1p expm1 tanh logistic sin cos tan asin acos atan sinh cosh asinh acosh atanh sqrt rsqrt "
     "cbrt",
     "", accuracy},
    {"add sub mul", "out_dtype", ""},
    {"round", "rounding_method", ""},
    {"integer_pow", "y", ""},
    {"convert_element_type", "new_dtype", "weak_type sharding=None|replicated"},
    {"bitcast_convert_type", "new_dtype", ""},
    {"conj", "", "input_dtype"},
    {"reduce_precision", "exponent_bits mantissa_bits", ""},
    {"broadcast_in_dim", "shape broadcast_dimensions", sharding},
    {"reshape", "new_sizes dimensions", sharding},
    {"iota", "dtype shape dimension", sharding},
    {"empty", "dtype shape", out_sharding},
    {"tile", "reps", ""},
    {"concatenate", "dimension", ""},
    {"stack unstack", "axis", ""},
    {"split", "axis sizes", ""},
    {"pad", "padding_config", ""},
    {"squeeze expand_dims rev", "dimensions", ""},
    {"transpose", "permutation", ""},
    {"slice", "start_indices limit_indices strides", ""},
    {"reduce", "dimensions jaxpr", "computation consts=()"},
    {"reduce_sum reduce_prod reduce_max reduce_min reduce_or reduce_and reduce_xor", "axes", out_sharding},
    {"argmin argmax", "axes index_dtype", ""},
    {"cumsum cumprod cummax cummin cumlogsumexp", "axis reverse", ""},
    {"reduce_window_sum reduce_window_max reduce_window_min", window, ""},
    {"reduce_window", "jaxpr window_dimensions window_strides padding base_dilation window_dilation", "consts=()"},
    {"select_and_scatter_add", "select_prim window_dimensions window_strides padding base_dilation window_dilation",
     ""},
    {"select_and_gather_add", "select_prim window_dimensions window_strides padding base_dilation window_dilation",
     "max_bits"},
    {"conv_general_dilated",
     "window_strides padding lhs_dilation rhs_dilation dimension_numbers feature_group_count batch_group_count "
     "preferred_element_type",
     contraction},
    {"dot_general", "dimension_numbers preferred_element_type", contraction},
    {"dynamic_slice", "slice_sizes", ""},
    {"gather", "dimension_numbers slice_sizes mode fill_value", promises},
    {"scatter scatter-add scatter-sub scatter-mul scatter-min scatter-max", "dimension_numbers mode update_jaxpr",
     "indices_are_sorted unique_indices update_consts=()"},
    {"scan", "jaxpr length reverse num_consts num_carry ft_in ft_out", "linear unroll _split_transpose"},
    {"while", "cond_jaxpr cond_nconsts body_jaxpr body_nconsts", ""},
    {"associative_scan", "axis jaxpr num_consts reverse", ""},
    {"cond", "branches", "linear branches_platforms"},
    {"platform_index", "platforms has_default", ""},
    {"jit pjit closed_call core_call remat2 checkpoint", jaxprs, call},
    {"custom_jvp_call custom_vjp_call", jaxprs, custom_rules},
    {"custom_linear_solve", "const_lengths jaxprs", ""},
    {"name optimization_barrier", "", "name"},
    {"sort", "dimension num_keys", "is_stable"},
    {"top_k", "k axis", "is_stable operand"},
    {"fft", "fft_type fft_lengths", ""},
    {"eigh", "lower subset_by_index", "sort_eigenvalues algorithm implementation"},
    {"eig", "compute_left_eigenvectors compute_right_eigenvectors", "use_magma implementation enable_eigvec_derivs"},
    {"lu_pivots_to_permutation", "permutation_size", ""},
    {"qr", "full_matrices pivoting", "use_magma"},
    {"schur", "compute_schur_vectors sort_eig_vals", "select_callable=None"},
    {"svd", "full_matrices compute_uv subset_by_index", "algorithm"},
    {"triangular_solve", "left_side lower transpose_a conjugate_a unit_diagonal", ""},
    {"tridiagonal_solve", "perturb_singular", "m n ldb t"},
    {"random_seed random_wrap", "impl", ""},
    {"random_split", "shape", ""},
    {"random_bits", "bit_width shape", ""},
    {"random_gamma", "log_space", "use_vmap impl"},
    {"rng_bit_generator", "shape dtype algorithm", out_sharding},
});

std::vector<std::string_view> words(std::string_view text, char separator = ' ') {
  std::vector<std::string_view> found;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    found.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return found;
}

bool lists(const std::vector<std::string_view>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

struct Ignored {
  std::string_view name;
  std::vector<std::string_view> values;  ///< empty: any
};

struct Known {
  std::vector<std::string_view> taken;
  std::vector<Ignored> ignored;
};

std::vector<Known> read_rows() {
  std::vector<Known> table(primitive_count);
  for (const Row& row : rows) {
    Known known{words(row.taken), {}};
    for (const std::string_view entry : words(row.ignored)) {
      const std::size_t equals = std::min(entry.find('='), entry.size());
      const std::string_view values = entry.substr(std::min(equals + 1, entry.size()));
      known.ignored.push_back({entry.substr(0, equals), words(values, '|')});
    }
    for (const std::string_view name : words(row.primitives)) {
      const std::optional<Primitive> primitive = primitive_from_name(name);
      if (!primitive) throw InternalError(fmt::format("known parameters: {} is no primitive", name));
      table[static_cast<std::size_t>(*primitive)] = known;
    }
  }
  return table;
}

const Known& known_parameters(Primitive primitive) {
  static const std::vector<Known> table = read_rows();
  return table[static_cast<std::size_t>(primitive)];
}

/// NamedSharding(mesh=..., spec=PartitionSpec()): JAX prints it where no axis of a mesh is named.
bool is_replicated(const Parameter& parameter) {
  const auto* sharding = std::get_if<Parameter::Call>(&parameter.value);
  if (sharding == nullptr) return false;
  for (const auto& [key, value] : sharding->arguments) {
    const auto* spec = std::get_if<Parameter::Call>(&value.value);
    if (key != "spec" || spec == nullptr) continue;
    return std::all_of(spec->arguments.begin(), spec->arguments.end(), [](const NamedParameter& axis) {
      return std::holds_alternative<Parameter::None>(axis.value.value);
    });
  }
  return false;
}

/// A plain value as Python prints it, an enumeration's member without its class; nothing for any other.
std::optional<std::string> plain_text(const Parameter& parameter) {
  if (std::holds_alternative<Parameter::None>(parameter.value)) return "None";
  if (const auto* value = std::get_if<bool>(&parameter.value)) return *value ? "True" : "False";
  if (const auto* value = std::get_if<std::int64_t>(&parameter.value)) return fmt::format("{}", *value);
  if (const auto* symbol = std::get_if<Parameter::Symbol>(&parameter.value))
    return symbol->text.substr(symbol->text.rfind('.') + 1);
  if (is_replicated(parameter)) return "replicated";
  return std::nullopt;
}

bool is_harmless(const Parameter& parameter, const std::vector<std::string_view>& values) {
  const auto all = [&](const std::vector<Parameter>& items) {
    return std::all_of(items.begin(), items.end(), [&](const Parameter& item) { return is_harmless(item, values); });
  };
  if (const auto* tuple = std::get_if<Parameter::Tuple>(&parameter.value)) return all(tuple->items);
  if (const auto* list = std::get_if<Parameter::List>(&parameter.value)) return all(list->items);
  const std::optional<std::string> text = plain_text(parameter);
  return text && lists(values, *text);
}

}  // namespace

void check_parameters(const Equation& equation) {
  const Known& known = known_parameters(equation.primitive);
  for (const auto& [key, value] : equation.parameters.entries) {
    if (lists(known.taken, key)) continue;
    const auto found = std::find_if(known.ignored.begin(), known.ignored.end(),
                                    [&key = key](const Ignored& ignored) { return ignored.name == key; });
    if (found == known.ignored.end()) {
      throw Error(fmt::format("{}: the parameter {} is unknown and could change the result; export without it",
                              name(equation.primitive), key));
    }
    if (found->values.empty() || is_harmless(value, found->values)) continue;
    throw Error(fmt::format("{}: the parameter {} must be {}, got {}; export without it", name(equation.primitive), key,
                            fmt::join(found->values, " or "), plain_text(value).value_or("a composed value")));
  }
}

}  // namespace jaxc::ir
