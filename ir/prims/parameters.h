// Structured readings of the parameters whose printed form is nested: dimension numbers, windows, modes, callees.
#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include "ir/jaxpr.h"

namespace jaxc::ir {

using Axes = std::vector<std::int64_t>;
using Padding = std::vector<std::pair<std::int64_t, std::int64_t>>;

/// How pad widens one axis; low and high may be negative.
struct PadAmount {
  std::int64_t low = 0;
  std::int64_t high = 0;
  std::int64_t interior = 0;
};
/// pad's padding_config=((low, high, interior), ...).
std::vector<PadAmount> pad_amounts(const Parameters& parameters);

struct DotNumbers {
  Axes left_contracting, right_contracting, left_batch, right_batch;
};
/// dot_general's dimension_numbers=(([..], [..]), ([..], [..])).
DotNumbers dot_numbers(const Parameters& parameters);

struct GatherNumbers {
  Axes offset_axes, collapsed_axes, start_index_map, operand_batch_axes, index_batch_axes;
};
GatherNumbers gather_numbers(const Parameters& parameters);

struct ScatterNumbers {
  Axes update_window_axes, inserted_axes, index_to_operand_axes, operand_batch_axes, index_batch_axes;
};
ScatterNumbers scatter_numbers(const Parameters& parameters);

/// What an index outside its bounds does. Where PROMISE_IN_BOUNDS is broken, XLA clips what a gather reads and drops
/// what a scatter stores, and so do these.
enum class IndexMode { clip, fill_or_drop };
IndexMode gather_mode(const Parameters& parameters);
IndexMode scatter_mode(const Parameters& parameters);

/// A window over every axis of an operand.
struct Window {
  Axes extents, strides, base_dilation, window_dilation;
  Padding padding;
};
Window window(const Parameters& parameters);

/// Axes in the order batch, feature, spatial... (`kernel`: output feature, input feature, spatial...).
struct Convolution {
  Axes operand_axes, kernel_axes, result_axes;
  Axes strides, operand_dilation, kernel_dilation;
  Padding padding;
  std::int64_t feature_groups = 1;
  std::int64_t batch_groups = 1;
};
Convolution convolution(const Parameters& parameters);

enum class FourierKind { forward, inverse, real_forward, real_inverse };
FourierKind fourier_kind(const Parameters& parameters);

/// `round`: false is half away from zero, true is half to even.
bool rounds_to_even(const Parameters& parameters);

/// The jaxpr that a primitive of kind `call` wraps; null when it passes its operands through.
JaxprPointer called_jaxpr(const Equation& equation);

/// platform_index: the first entry that names `platform` or stands for every platform.
std::int64_t platform_position(const Equation& equation, std::string_view platform);

/// custom_linear_solve's four functions (null where absent) and how many constants each takes.
struct LinearSolve {
  struct Part {
    JaxprPointer jaxpr;
    std::int64_t constants = 0;
  };
  Part matvec, vecmat, solve, transpose_solve;
  std::int64_t constants() const {
    return matvec.constants + vecmat.constants + solve.constants + transpose_solve.constants;
  }
};
LinearSolve linear_solve(const Parameters& parameters);

}  // namespace jaxc::ir
