// Foreign primitives: the names that JAX and its libraries use for what an array program cannot hold.
#include "ir/foreign.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "ir/counted.h"
#include "jaxc/error.h"

namespace jaxc::ir {
namespace {

struct Refusal {
  std::string_view reason;
  std::string_view names;  // blank-separated; "*x" is any name that ends with x, "x*" any that begins with it
};

constexpr auto refusals = std::to_array<Refusal>({
    {"callbacks into Python cannot run in a compiled program; remove the callback",
     "*_callback outside_call host_callback_call debug_print id_tap"},
    {"collectives need several devices, and a program runs on one; remove the pmap or shard_map",
     "psum psum2 psum_invariant pmax pmin pmean pdot pgather ppermute pshuffle pswapaxes pbroadcast pbroadcast2 pvary "
     "pcast preduced psend precv all_gather* all_to_all* all_reduce* ragged_all_to_all* reduce_scatter* psum_* "
     "ppermute_* pbroadcast_* unreduced_* axis_index axis_size xla_pmap core_map mpmd_map collective_*"},
    {"references to mutable memory have no values to compute with; write the program with pure functions",
     "get swap addupdate ref new_ref empty_ref free_ref freeze mutable_array run_state run_scoped for "
     "accum_grad_in_ref masked_load masked_swap load store atomic_rmw atomic_cas"},
    {"sharding needs several devices, and a program runs on one; export it without sharding",
     "sharding_constraint shard_map reshard mesh_cast inspect_sharding shard_alike layout_constraint "
     "custom_partitioning auto_axes explicit_axes reduced_vary_cast vary_unreduced_cast"},
    {"effects order computations by more than their values; remove the effect",
     "create_token after_all infeed outfeed check assert_consumed_value trace_value unreachable shape_assertion "
     "dce_sink add_dependency debug_* print"},
    {"foreign kernels hold code that is not part of the program; use the operation's plain form",
     "ffi_call custom_call pallas_call tpu_custom_call triton_kernel_call mosaic_* cudnn_fusion call_exported "
     "call_tf dot_product_attention_* jax2tf_*"},
    {"symbolic shapes have no size to compile for; export the program with concrete shapes",
     "dim_as_value dimension_size"},
    {"this operation is not supported",
     "approx_top_k ragged_dot ragged_dot_general scaled_dot scaled_matmul scaled_matmul_wrapper rng_uniform "
     "random_gamma hessenberg tridiagonal symmetric_product roll reciprocal unique masked_cum* masked_sort "
     "iota_2x32_shape philox* threefry4x32 pack* unpack* prng_* stochastic_round from_edtype to_edtype "
     "bessel_jn erf_inv_grad custom_lin linear_call einshape*"},
});

bool matches(std::string_view pattern, std::string_view name) {
  if (pattern.starts_with('*')) return name.ends_with(pattern.substr(1));
  if (pattern.ends_with('*')) return name.starts_with(pattern.substr(0, pattern.size() - 1));
  return name == pattern;
}

bool lists(std::string_view patterns, std::string_view name) {
  while (!patterns.empty()) {
    const std::size_t end = std::min(patterns.find(' '), patterns.size());
    if (matches(patterns.substr(0, end), name)) return true;
    patterns.remove_prefix(std::min(end + 1, patterns.size()));
  }
  return false;
}

// Placement on a device, and what a library (Equinox) adds to stop a transformation: nothing when run.
constexpr std::string_view pass_through_names =
    "device_put nontraceable nonbatchable nondifferentiable nondifferentiable_backward announce_transform";

bool passes_operands_through(std::string_view primitive, const Jaxpr& jaxpr, const Equation& equation) {
  if (!lists(pass_through_names, primitive)) return false;
  if (equation.outputs.empty() || equation.outputs.size() != equation.inputs.size()) return false;
  for (std::size_t i = 0; i < equation.outputs.size(); ++i) {
    if (jaxpr.type(equation.outputs[i]) != jaxpr.type(equation.inputs[i])) return false;
  }
  return true;
}

}  // namespace

std::optional<std::string> refusal(std::string_view primitive) {
  for (const auto& [reason, names] : refusals) {
    if (lists(names, primitive)) return std::string(reason);
  }
  return std::nullopt;
}

void adopt_foreign(std::string_view primitive, const Jaxpr& jaxpr, Equation& equation) {
  const std::vector<JaxprPointer> jaxprs = sub_jaxprs(equation);
  Parameters parameters;
  parameters.set("name", {Parameter::Symbol{std::string(primitive)}});
  if (jaxprs.size() == 1) {
    const Jaxpr& body = *jaxprs[0];
    if (body.inputs.size() != equation.inputs.size() || body.outputs.size() != equation.outputs.size()) {
      throw Error(fmt::format(
          "{}: an unknown primitive is inlined when its jaxpr takes its operands and gives its results, got a jaxpr "
          "of {} and {} for {} and {}",
          primitive, counted(body.inputs.size(), "input"), counted(body.outputs.size(), "output"),
          counted(equation.inputs.size(), "operand"), counted(equation.outputs.size(), "result")));
    }
    equation.primitive = Primitive::closed_call;
    parameters.set("call_jaxpr", {jaxprs[0]});
  } else if (jaxprs.empty() && passes_operands_through(primitive, jaxpr, equation)) {
    equation.primitive = Primitive::optimization_barrier;
  } else {
    throw Error(
        fmt::format("{}: this primitive is unknown, and it does not wrap one jaxpr; write it with JAX's own operations",
                    primitive));
  }
  equation.parameters = std::move(parameters);
}

}  // namespace jaxc::ir
