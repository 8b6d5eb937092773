// Reads factors off the body of a nest, and groups its axes by the operands that they move.
#include "compiler/plan/contraction.h"

#include <algorithm>
#include <array>
#include <cstdlib>

#include "compiler/plan/contraction_access.h"
#include "compiler/plan/schedule.h"

namespace jaxc::compiler {

namespace {

using ir::Affine;
using ir::ArrayId;
using ir::Nest;
using ir::Opcode;
using ir::OpId;
using ir::ProductPlan;
using ir::ScalarOp;
using Axis = ProductPlan::Axis;
using Piece = ProductPlan::Piece;

/// The factors of a product: reads of the body. Complex numbers have parts, which one axis of the nest counts.
struct Factors {
  std::array<OpId, 2> left = {};  ///< real part, imaginary part
  std::array<OpId, 2> right = {};
  std::optional<std::size_t> parts;  ///< the axis
};

bool folds(const Nest& nest, Opcode opcode, std::size_t results) {
  if (!nest.reduction || nest.reduction->merge != Opcode::add || nest.body.results.size() != results) return false;
  const ir::Region& step = nest.reduction->step;
  return step.results.size() == 1 && nest.reduction->initial.size() == 1 && nest.reduction->initial[0].bits == 0 &&
         step.ops[step.results[0]].opcode == opcode;
}

// Whether operand `operand` of the fold's step is its argument `number`.
bool takes(const ir::Region& step, std::size_t operand, OpId number) {
  const OpId id = step.ops[step.results[0]].arguments[operand];
  return step.ops[id].opcode == Opcode::argument && id == number;
}

// The fold adds the products of the body's two results.
std::optional<Factors> real_factors(const Nest& nest) {
  if (!folds(nest, Opcode::mul_add, 2)) return std::nullopt;
  const ir::Region& step = nest.reduction->step;
  if (!takes(step, 2, 0) || !((takes(step, 0, 1) && takes(step, 1, 2)) || (takes(step, 0, 2) && takes(step, 1, 1))))
    return std::nullopt;
  return Factors{{nest.body.results[0]}, {nest.body.results[1]}, std::nullopt};
}

// The fold adds select(part = 0, a c - b d, a d + b c), as contraction writes it.
std::optional<Factors> complex_factors(const Nest& nest) {
  if (!folds(nest, Opcode::add, 1)) return std::nullopt;
  const ir::Region& step = nest.reduction->step;
  if (!(takes(step, 0, 0) && takes(step, 1, 1)) && !(takes(step, 0, 1) && takes(step, 1, 0))) return std::nullopt;
  const auto& ops = nest.body.ops;
  const auto is = [&](OpId id, Opcode opcode) { return ops[id].opcode == opcode; };
  const ScalarOp& chosen = ops[nest.body.results[0]];
  if (chosen.opcode != Opcode::select || !is(chosen.arguments[0], Opcode::eq) ||
      !is(chosen.arguments[1], Opcode::mul_add) || !is(chosen.arguments[2], Opcode::mul_add))
    return std::nullopt;
  const ScalarOp& first = ops[chosen.arguments[0]];
  const ScalarOp& real = ops[chosen.arguments[1]];
  const ScalarOp& imaginary = ops[chosen.arguments[2]];
  if (!is(first.arguments[0], Opcode::axis) || !is(first.arguments[1], Opcode::constant) ||
      ops[first.arguments[1]].immediate != 0 || !is(real.arguments[2], Opcode::neg) ||
      !is(imaginary.arguments[2], Opcode::mul))
    return std::nullopt;
  const ScalarOp& minus = ops[ops[real.arguments[2]].arguments[0]];
  const ScalarOp& plus = ops[imaginary.arguments[2]];
  if (minus.opcode != Opcode::mul) return std::nullopt;
  const Factors factors{{real.arguments[0], minus.arguments[0]},
                        {real.arguments[1], minus.arguments[1]},
                        static_cast<std::size_t>(ops[first.arguments[0]].immediate)};
  const bool matches = imaginary.arguments[0] == factors.left[0] && imaginary.arguments[1] == factors.right[1] &&
                       plus.arguments[0] == factors.left[1] && plus.arguments[1] == factors.right[0];
  return matches ? std::optional(factors) : std::nullopt;
}

/// A product before its axes are grouped: the left operand, the right one and the result.
struct Operands {
  std::vector<ir::Axis> axes;
  std::array<Access, 3> arrays;
  bool bounds_right = false;

  Access& bounded() { return arrays[bounds_right ? 1 : 0]; }
  const Access& bounded() const { return arrays[bounds_right ? 1 : 0]; }
};

std::int64_t floor_divided(std::int64_t value, std::int64_t base) {
  return value / base - (value % base < 0 ? 1 : 0);
}

// Axis a = base * (what it is now) + first.
void take_every(Operands& operands, std::size_t axis, std::int64_t base, std::int64_t first) {
  const auto change = [&](Affine& form) {
    form.offset += form.coefficients[axis] * first;
    form.coefficients[axis] *= base;
  };
  std::int64_t& extent = operands.axes[axis].extent;
  extent = std::max(floor_divided(extent - first + base - 1, base), std::int64_t{0});
  for (Access& access : operands.arrays) {
    access.offset += access.strides[axis] * first;
    access.strides[axis] *= base;
    for (Affine& index : access.indices) change(index);
    for (AccessDilation& dilation : access.dilations) change(dilation.form);
    for (AccessRange& range : access.ranges) {
      change(range.form);
      const std::int64_t moved = std::exchange(range.form.offset, 0);
      range.low -= moved;
      range.high -= moved;
    }
  }
}

// The index that was dilated is affine, since the base divides all of its form.
void divide(const ir::Program& program, Access& access, AccessDilation dilation) {
  const auto divided = [&](Affine form) {
    form.offset = floor_divided(form.offset, dilation.base);
    for (std::int64_t& coefficient : form.coefficients) coefficient /= dilation.base;
    return form;
  };
  for (AccessRange& range : access.ranges) {
    if (range.form.coefficients != dilation.form.coefficients) continue;
    const std::int64_t rest = dilation.form.offset - floor_divided(dilation.form.offset, dilation.base) * dilation.base;
    range.form = divided(range.form);
    range.low = -floor_divided(rest - range.low, dilation.base);
    range.high = floor_divided(range.high + rest, dilation.base);
  }
  const Affine index = divided(dilation.form);
  const std::int64_t stride = row_major_strides(program.arrays[access.array].shape)[dilation.index];
  access.offset += index.offset * stride;
  for (std::size_t axis = 0; axis < access.strides.size(); ++axis)
    access.strides[axis] += index.coefficients[axis] * stride;
  access.indices[dilation.index] = index;
}

// An image with zeros between its elements meets every so many positions of the result with every so many of the
// window: for each first position of the result there is one of the window, or none, and the rest is affine. Whether
// that is so.
bool part(const ir::Program& program, Operands operands, std::vector<Operands>& parts) {
  if (operands.bounded().dilations.empty()) {
    parts.push_back(std::move(operands));
    return true;
  }
  const AccessDilation dilation = operands.bounded().dilations.back();
  operands.bounded().dilations.pop_back();
  std::optional<std::size_t> place;
  std::optional<std::size_t> window;
  for (std::size_t axis = 0; axis < operands.axes.size(); ++axis) {
    if (dilation.form.coefficients[axis] == 0) continue;
    std::optional<std::size_t>& found = operands.axes[axis].kind == ir::AxisKind::reduced ? window : place;
    if (found) return false;
    found = axis;
  }
  for (std::int64_t first = 0; first < (place ? dilation.base : 1); ++first) {
    if (place && first >= operands.axes[*place].extent) break;
    const std::int64_t at = dilation.form.offset + (place ? dilation.form.coefficients[*place] * first : 0);
    std::vector<std::int64_t> meets;
    for (std::int64_t offset = 0; offset < (window ? dilation.base : 1); ++offset)
      if ((at + (window ? dilation.form.coefficients[*window] * offset : 0)) % dilation.base == 0)
        meets.push_back(offset);
    if (meets.size() > 1) return false;
    Operands next = operands;
    next.bounded().dilations.push_back(dilation);
    if (place) take_every(next, *place, dilation.base, first);
    if (window) take_every(next, *window, dilation.base, meets.empty() ? 0 : meets[0]);
    const AccessDilation exact = next.bounded().dilations.back();
    next.bounded().dilations.pop_back();
    if (!meets.empty()) {
      divide(program, next.bounded(), exact);
    } else {  // sums of nothing
      if (!window) return false;
      next.axes[*window].extent = 0;
      auto& ranges = next.bounded().ranges;
      std::erase_if(ranges,
                    [&](const AccessRange& range) { return range.form.coefficients == exact.form.coefficients; });
    }
    if (!part(program, std::move(next), parts)) return false;
  }
  return true;
}

// The bounds that ranges are, and the coordinates of each axis of the nest.
struct Bounds {
  std::vector<ProductPlan::Bound> bounds;
  std::vector<std::array<std::int64_t, ProductPlan::most_bounds>> coordinates;
};

// Each range is that of an index of the array.
std::optional<Bounds> bounds_of(const ir::Program& program, const Access& access) {
  Bounds result;
  result.coordinates.resize(access.strides.size());
  if (access.ranges.size() > ProductPlan::most_bounds) return std::nullopt;
  const std::vector<std::int64_t> strides = row_major_strides(program.arrays[access.array].shape);
  for (const AccessRange& range : access.ranges) {
    const auto index = std::find_if(access.indices.begin(), access.indices.end(),
                                    [&](const Affine& form) { return form.coefficients == range.form.coefficients; });
    if (index == access.indices.end()) return std::nullopt;
    const std::size_t number = result.bounds.size();
    for (std::size_t axis = 0; axis < access.strides.size(); ++axis) {
      if (range.form.coefficients[axis] < 0) return std::nullopt;
      result.coordinates[axis][number] = range.form.coefficients[axis];
    }
    const std::int64_t limit = std::max(range.high - range.low + 1, std::int64_t{0});
    result.bounds.push_back({-range.low, limit, strides[static_cast<std::size_t>(index - access.indices.begin())]});
  }
  return result;
}

// Joins axes that follow each other in every array and coordinate.
void join(std::vector<Axis>& axes) {
  const auto follows = [](const Axis& outer, const Axis& inner) {
    bool result = outer.left == inner.left * inner.extent && outer.right == inner.right * inner.extent &&
                  outer.result == inner.result * inner.extent;
    for (std::size_t k = 0; k < ProductPlan::most_bounds; ++k)
      result = result && outer.coordinates[k] == inner.coordinates[k] * inner.extent;
    return result;
  };
  for (std::size_t k = 0; k < axes.size(); ++k)
    for (std::size_t other = 0; other < axes.size(); ++other) {
      if (k == other || !follows(axes[k], axes[other])) continue;
      axes[other].extent *= axes[k].extent;
      axes.erase(axes.begin() + static_cast<std::ptrdiff_t>(k));
      return join(axes);
    }
}

using Stride = std::int64_t Axis::*;

// The axis that moves least comes last.
void order(std::vector<Axis>& axes, Stride stride) {
  std::stable_sort(axes.begin(), axes.end(),
                   [&](const Axis& one, const Axis& two) { return std::abs(one.*stride) > std::abs(two.*stride); });
}

bool ends_in(const std::vector<Axis>& axes, Stride stride) {
  return !axes.empty() && axes.back().*stride == 1;
}

// Rows are of the left operand and the result, columns of the right one and the result, folded axes of both operands.
std::optional<Piece> group(const ir::Program& program, const Operands& operands, std::optional<std::size_t> parts) {
  const auto& [left, right, result] = operands.arrays;
  auto bounds = bounds_of(program, operands.bounded());
  if (!bounds) return std::nullopt;
  Piece piece{{left.offset, right.offset, result.offset}, {}, {}, {}, {}, std::move(bounds->bounds)};
  for (std::size_t k = 0; k < operands.axes.size(); ++k) {
    const Axis axis{operands.axes[k].extent, left.strides[k], right.strides[k], result.strides[k],
                    bounds->coordinates[k]};
    if (k == parts) {
      if (axis.left != 0 || axis.right != 0 || axis.extent != 2) return std::nullopt;
      continue;
    }
    if (operands.axes[k].kind == ir::AxisKind::ordered) return std::nullopt;
    if (axis.extent == 1) continue;
    if (operands.axes[k].kind == ir::AxisKind::reduced)
      piece.folded.push_back(axis);
    else if (axis.left != 0 && axis.right == 0)
      piece.rows.push_back(axis);
    else if (axis.left == 0 && axis.right != 0)
      piece.columns.push_back(axis);
    else
      piece.batch.push_back(axis);
  }
  for (std::vector<Axis>* axes : {&piece.rows, &piece.columns, &piece.folded, &piece.batch}) {
    if (axes->empty()) axes->push_back({});
    join(*axes);
    if (axes->size() > ProductPlan::most_axes) return std::nullopt;
  }
  return piece;
}

// Makes the columns those that the result has side by side, the left operand that of the rows.
void turn(ProductPlan& plan) {
  order(plan.pieces[0].rows, &Axis::result);
  if (ends_in(plan.pieces[0].rows, &Axis::result)) {
    std::swap(plan.left, plan.right);
    std::swap(plan.parts[0], plan.parts[1]);
    plan.bounds_right = !plan.bounds_right;
    for (Piece& piece : plan.pieces) {
      std::swap(piece.offsets[0], piece.offsets[1]);
      std::swap(piece.rows, piece.columns);
      for (auto* axes : {&piece.rows, &piece.columns, &piece.folded, &piece.batch})
        for (Axis& axis : *axes) std::swap(axis.left, axis.right);
    }
  }
  for (Piece& piece : plan.pieces) {
    order(piece.rows, &Axis::left);
    order(piece.columns, &Axis::result);
    // Operands whose rows or columns lie side by side are packed well in any order; of others, the larger one decides.
    const bool left_decides = ends_in(piece.rows, &Axis::left) != ends_in(piece.columns, &Axis::right)
                                  ? !ends_in(piece.rows, &Axis::left)
                                  : positions(piece.rows) >= positions(piece.columns);
    order(piece.folded, left_decides ? &Axis::left : &Axis::right);
    // Where positions of the image lie side by side, those of the window need not: what moves no window comes last,
    // since it keeps what is within bounds.
    if (!piece.bounds.empty() && plan.bounds_right && ends_in(piece.columns, &Axis::right))
      std::stable_partition(piece.folded.begin(), piece.folded.end(), [](const Axis& axis) {
        return std::any_of(axis.coordinates.begin(), axis.coordinates.end(), [](std::int64_t c) { return c != 0; });
      });
  }
}

}  // namespace

std::int64_t positions(const std::vector<Axis>& axes) {
  std::int64_t count = 1;
  for (const Axis& axis : axes) count *= axis.extent;
  return count;
}

std::optional<ProductPlan> contraction(const ir::Program& program, const Nest& nest) {
  if (nest.outputs.size() != 1 || nest.outputs[0].base) return std::nullopt;
  const std::optional<Factors> found = real_factors(nest);
  const std::optional<Factors> factors = found ? found : complex_factors(nest);
  if (!factors) return std::nullopt;
  if (std::any_of(nest.axes.begin(), nest.axes.end(), [](const ir::Axis& axis) { return axis.extent < 1; }))
    return std::nullopt;
  const auto left = affine_read(program, nest, factors->left[0]);
  const auto right = affine_read(program, nest, factors->right[0]);
  const auto result = affine_access(program, nest, nest.outputs[0].result, nest.outputs[0].indices);
  const auto is_bounded = [](const Access& access) { return !access.ranges.empty() || !access.dilations.empty(); };
  if (!left || !right || !result || is_bounded(*result) || (is_bounded(*left) && is_bounded(*right)))
    return std::nullopt;
  ProductPlan plan;
  plan.dtype = program.arrays[result->array].dtype;
  plan.left = left->array;
  plan.right = right->array;
  plan.result = result->array;
  plan.bounds_right = is_bounded(*right);
  const auto is_same = [&](const Access& operand) { return program.arrays[operand.array].dtype == plan.dtype; };
  if ((plan.dtype != DType::f32 && plan.dtype != DType::f64) || !is_same(*left) || !is_same(*right))
    return std::nullopt;
  if (factors->parts) {
    const auto& ops = nest.body.ops;
    const auto step = [&](const std::array<OpId, 2>& of, const Access& real) -> std::int64_t {
      const auto imaginary = affine_read(program, nest, of[1]);
      const bool is_beside = imaginary && imaginary->array == real.array && imaginary->strides == real.strides &&
                             ops[of[0]].arguments == ops[of[1]].arguments;
      return is_beside ? imaginary->offset - real.offset : 0;
    };
    plan.parts = {step(factors->left, *left), step(factors->right, *right), result->strides[*factors->parts]};
    if (std::min({plan.parts[0], plan.parts[1], plan.parts[2]}) < 1) return std::nullopt;
  }
  std::vector<Operands> operands;
  if (!part(program, {nest.axes, {*left, *right, *result}, plan.bounds_right}, operands)) return std::nullopt;
  for (const Operands& of : operands) {
    auto piece = group(program, of, factors->parts);
    if (!piece) return std::nullopt;
    plan.pieces.push_back(std::move(*piece));
  }
  turn(plan);
  return plan;
}

}  // namespace jaxc::compiler
