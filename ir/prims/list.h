// The list of primitives: one line each, from which every table is made.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace jaxc::ir {

/// What a primitive is to the rest of the compiler; ask this, never for names.
enum class Kind : std::uint8_t {
  map,         ///< elementwise over operands of one shape (scalars broadcast)
  shape,       ///< moves elements without computing: broadcast, reshape, pad, slice
  reduce,      ///< folds axes away
  window,      ///< folds a sliding window: reduce_window, convolution
  cumulative,  ///< prefix folds along one axis
  index,       ///< reads or writes at computed places: gather, scatter, dynamic slices
  contract,    ///< dot_general
  loop,        ///< scan, while, associative_scan
  branch,      ///< cond
  call,        ///< wraps a jaxpr, or passes operands through
  routine,     ///< dense linear algebra, sorts, transforms
  random,      ///< keys and random bits
};

// X(enumerator, printed name, kind)
#define JAXC_PRIMITIVES(X)                                           \
  X(neg, "neg", map)                                                 \
  X(sign, "sign", map)                                               \
  X(nextafter, "nextafter", map)                                     \
  X(floor, "floor", map)                                             \
  X(ceil, "ceil", map)                                               \
  X(round, "round", map)                                             \
  X(is_finite, "is_finite", map)                                     \
  X(exp, "exp", map)                                                 \
  X(exp2, "exp2", map)                                               \
  X(log, "log", map)                                                 \
  X(log2, "log2", map)                                               \
  X(expm1, "expm1", map)                                             \
  X(log1p, "log1p", map)                                             \
  X(tanh, "tanh", map)                                               \
  X(logistic, "logistic", map)                                       \
  X(sin, "sin", map)                                                 \
  X(cos, "cos", map)                                                 \
  X(tan, "tan", map)                                                 \
  X(asin, "asin", map)                                               \
  X(acos, "acos", map)                                               \
  X(atan, "atan", map)                                               \
  X(atan2, "atan2", map)                                             \
  X(sinh, "sinh", map)                                               \
  X(cosh, "cosh", map)                                               \
  X(asinh, "asinh", map)                                             \
  X(acosh, "acosh", map)                                             \
  X(atanh, "atanh", map)                                             \
  X(real, "real", map)                                               \
  X(imag, "imag", map)                                               \
  X(complex, "complex", map)                                         \
  X(conj, "conj", map)                                               \
  X(abs, "abs", map)                                                 \
  X(sqrt, "sqrt", map)                                               \
  X(rsqrt, "rsqrt", map)                                             \
  X(cbrt, "cbrt", map)                                               \
  X(square, "square", map)                                           \
  X(pow, "pow", map)                                                 \
  X(integer_pow, "integer_pow", map)                                 \
  X(logical_not, "not", map)                                         \
  X(logical_and, "and", map)                                         \
  X(logical_or, "or", map)                                           \
  X(logical_xor, "xor", map)                                         \
  X(population_count, "population_count", map)                       \
  X(clz, "clz", map)                                                 \
  X(add, "add", map)                                                 \
  X(sub, "sub", map)                                                 \
  X(mul, "mul", map)                                                 \
  X(mulhi, "mulhi", map)                                             \
  X(div, "div", map)                                                 \
  X(rem, "rem", map)                                                 \
  X(max, "max", map)                                                 \
  X(min, "min", map)                                                 \
  X(shift_left, "shift_left", map)                                   \
  X(shift_right_arithmetic, "shift_right_arithmetic", map)           \
  X(shift_right_logical, "shift_right_logical", map)                 \
  X(eq, "eq", map)                                                   \
  X(ne, "ne", map)                                                   \
  X(ge, "ge", map)                                                   \
  X(gt, "gt", map)                                                   \
  X(le, "le", map)                                                   \
  X(lt, "lt", map)                                                   \
  X(eq_to, "eq_to", map)                                             \
  X(le_to, "le_to", map)                                             \
  X(lt_to, "lt_to", map)                                             \
  X(one_minus_square, "one_minus_square", map)                       \
  X(convert_element_type, "convert_element_type", map)               \
  X(bitcast_convert_type, "bitcast_convert_type", shape)             \
  X(reduce_precision, "reduce_precision", map)                       \
  X(clamp, "clamp", map)                                             \
  X(select_n, "select_n", map)                                       \
  X(copy, "copy", map)                                               \
  X(copy_p, "copy_p", map)                                           \
  X(add_any, "add_any", map)                                         \
  X(stop_gradient, "stop_gradient", map)                             \
  X(zeros_like, "zeros_like", map)                                   \
  X(lgamma, "lgamma", map)                                           \
  X(digamma, "digamma", map)                                         \
  X(polygamma, "polygamma", map)                                     \
  X(igamma, "igamma", map)                                           \
  X(igammac, "igammac", map)                                         \
  X(igamma_grad_a, "igamma_grad_a", map)                             \
  X(random_gamma_grad, "random_gamma_grad", map)                     \
  X(regularized_incomplete_beta, "regularized_incomplete_beta", map) \
  X(bessel_i0e, "bessel_i0e", map)                                   \
  X(bessel_i1e, "bessel_i1e", map)                                   \
  X(zeta, "zeta", map)                                               \
  X(erf, "erf", map)                                                 \
  X(erfc, "erfc", map)                                               \
  X(erf_inv, "erf_inv", map)                                         \
  X(broadcast_in_dim, "broadcast_in_dim", shape)                     \
  X(tile, "tile", shape)                                             \
  X(concatenate, "concatenate", shape)                               \
  X(stack, "stack", shape)                                           \
  X(unstack, "unstack", shape)                                       \
  X(split, "split", shape)                                           \
  X(pad, "pad", shape)                                               \
  X(squeeze, "squeeze", shape)                                       \
  X(expand_dims, "expand_dims", shape)                               \
  X(reshape, "reshape", shape)                                       \
  X(rev, "rev", shape)                                               \
  X(transpose, "transpose", shape)                                   \
  X(slice, "slice", shape)                                           \
  X(iota, "iota", shape)                                             \
  X(empty, "empty", shape)                                           \
  X(reduce, "reduce", reduce)                                        \
  X(reduce_sum, "reduce_sum", reduce)                                \
  X(reduce_prod, "reduce_prod", reduce)                              \
  X(reduce_max, "reduce_max", reduce)                                \
  X(reduce_min, "reduce_min", reduce)                                \
  X(reduce_or, "reduce_or", reduce)                                  \
  X(reduce_and, "reduce_and", reduce)                                \
  X(reduce_xor, "reduce_xor", reduce)                                \
  X(argmin, "argmin", reduce)                                        \
  X(argmax, "argmax", reduce)                                        \
  X(cumsum, "cumsum", cumulative)                                    \
  X(cumprod, "cumprod", cumulative)                                  \
  X(cummax, "cummax", cumulative)                                    \
  X(cummin, "cummin", cumulative)                                    \
  X(cumlogsumexp, "cumlogsumexp", cumulative)                        \
  X(reduce_window, "reduce_window", window)                          \
  X(reduce_window_sum, "reduce_window_sum", window)                  \
  X(reduce_window_max, "reduce_window_max", window)                  \
  X(reduce_window_min, "reduce_window_min", window)                  \
  X(select_and_scatter_add, "select_and_scatter_add", window)        \
  X(select_and_gather_add, "select_and_gather_add", window)          \
  X(conv_general_dilated, "conv_general_dilated", window)            \
  X(dynamic_slice, "dynamic_slice", index)                           \
  X(dynamic_update_slice, "dynamic_update_slice", index)             \
  X(gather, "gather", index)                                         \
  X(scatter, "scatter", index)                                       \
  X(scatter_add, "scatter-add", index)                               \
  X(scatter_sub, "scatter-sub", index)                               \
  X(scatter_mul, "scatter-mul", index)                               \
  X(scatter_min, "scatter-min", index)                               \
  X(scatter_max, "scatter-max", index)                               \
  X(dot_general, "dot_general", contract)                            \
  X(scan, "scan", loop)                                              \
  X(while_loop, "while", loop)                                       \
  X(associative_scan, "associative_scan", loop)                      \
  X(cond, "cond", branch)                                            \
  X(platform_index, "platform_index", call)                          \
  X(jit, "jit", call)                                                \
  X(pjit, "pjit", call)                                              \
  X(closed_call, "closed_call", call)                                \
  X(core_call, "core_call", call)                                    \
  X(custom_jvp_call, "custom_jvp_call", call)                        \
  X(custom_vjp_call, "custom_vjp_call", call)                        \
  X(custom_linear_solve, "custom_linear_solve", call)                \
  X(remat2, "remat2", call)                                          \
  X(checkpoint, "checkpoint", call)                                  \
  X(name, "name", call)                                              \
  X(optimization_barrier, "optimization_barrier", call)              \
  X(sort, "sort", routine)                                           \
  X(top_k, "top_k", routine)                                         \
  X(fft, "fft", routine)                                             \
  X(cholesky, "cholesky", routine)                                   \
  X(eigh, "eigh", routine)                                           \
  X(eig, "eig", routine)                                             \
  X(householder_product, "householder_product", routine)             \
  X(lu, "lu", routine)                                               \
  X(lu_pivots_to_permutation, "lu_pivots_to_permutation", routine)   \
  X(geqrf, "geqrf", routine)                                         \
  X(qr, "qr", routine)                                               \
  X(schur, "schur", routine)                                         \
  X(svd, "svd", routine)                                             \
  X(triangular_solve, "triangular_solve", routine)                   \
  X(tridiagonal_solve, "tridiagonal_solve", routine)                 \
  X(random_seed, "random_seed", random)                              \
  X(random_split, "random_split", random)                            \
  X(random_fold_in, "random_fold_in", random)                        \
  X(random_bits, "random_bits", random)                              \
  X(random_gamma, "random_gamma", random)                            \
  X(random_wrap, "random_wrap", random)                              \
  X(random_unwrap, "random_unwrap", random)                          \
  X(threefry2x32, "threefry2x32", random)                            \
  X(rng_bit_generator, "rng_bit_generator", random)

enum class Primitive : std::uint16_t {
#define JAXC_PRIMITIVE_ENUMERATOR(enumerator, ...) enumerator,
  JAXC_PRIMITIVES(JAXC_PRIMITIVE_ENUMERATOR)
#undef JAXC_PRIMITIVE_ENUMERATOR
};

inline constexpr std::size_t primitive_count = 0
#define JAXC_PRIMITIVE_ONE(...) +1
    JAXC_PRIMITIVES(JAXC_PRIMITIVE_ONE)
#undef JAXC_PRIMITIVE_ONE
    ;

/// The name in a jaxpr's text: "scatter-add".
std::string_view name(Primitive primitive);
Kind kind(Primitive primitive);
std::optional<Primitive> primitive_from_name(std::string_view name);

}  // namespace jaxc::ir
