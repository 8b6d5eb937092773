// Reads factors, strides and bounds off the body of a nest.
#include "compiler/plan/contraction.h"

#include <algorithm>
#include <array>
#include <cstdlib>

#include "compiler/plan/schedule.h"
#include "ir/affine.h"

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

/// An index expression of the body that is affine in the axes.
std::optional<Affine> affine_value(const Nest& nest, OpId id) {
  const ScalarOp& op = nest.body.ops[id];
  Affine form{0, std::vector<std::int64_t>(nest.axes.size(), 0)};
  if (op.opcode == Opcode::axis) {
    form.coefficients[op.immediate] = 1;
    return form;
  }
  if (op.opcode == Opcode::constant) {
    form.offset = static_cast<std::int64_t>(op.immediate);
    return form;
  }
  if (op.dtype != DType::i64 || (op.opcode != Opcode::add && op.opcode != Opcode::mul)) return std::nullopt;
  auto left = affine_value(nest, op.arguments[0]);
  auto right = affine_value(nest, op.arguments[1]);
  if (!left || !right) return std::nullopt;
  const auto is_constant = [](const Affine& of) {
    return std::all_of(of.coefficients.begin(), of.coefficients.end(), [](std::int64_t c) { return c == 0; });
  };
  if (op.opcode == Opcode::mul && !is_constant(*right)) std::swap(left, right);
  if (op.opcode == Opcode::mul && !is_constant(*right)) return std::nullopt;
  const bool is_sum = op.opcode == Opcode::add;
  form.offset = is_sum ? left->offset + right->offset : left->offset * right->offset;
  for (std::size_t k = 0; k < nest.axes.size(); ++k)
    form.coefficients[k] =
        is_sum ? left->coefficients[k] + right->coefficients[k] : left->coefficients[k] * right->offset;
  return form;
}

/// The values of an affine form within which an element is read.
struct Range {
  Affine form;  ///< with offset 0
  std::int64_t low = 0;
  std::int64_t high = 0;  ///< included
};

/// The strides of one access, by the nest's axes.
struct Access {
  ArrayId array = 0;
  std::int64_t offset = 0;
  std::vector<std::int64_t> strides;
  std::vector<Affine> indices;
  std::vector<Range> ranges;
};

std::optional<Access> access(const ir::Program& program, const Nest& nest, ArrayId array,
                             const std::vector<ir::Index>& indices) {
  Access result{array, 0, std::vector<std::int64_t>(nest.axes.size(), 0), {}, {}};
  const std::vector<std::int64_t> strides = row_major_strides(program.arrays[array].shape);
  for (std::size_t k = 0; k < indices.size(); ++k) {
    const auto form = ir::affine(indices[k], nest.body, nest.axes.size());
    if (!form) return std::nullopt;
    result.offset += form->offset * strides[k];
    for (std::size_t axis = 0; axis < nest.axes.size(); ++axis)
      result.strides[axis] += form->coefficients[axis] * strides[k];
    result.indices.push_back(*form);
  }
  return result;
}

// Adds what a guard demands: comparisons of affine forms with numbers, all of which hold.
bool add_ranges(const Nest& nest, OpId guard, std::vector<Range>& ranges) {
  const ScalarOp& op = nest.body.ops[guard];
  if (op.opcode == Opcode::bit_and)
    return add_ranges(nest, op.arguments[0], ranges) && add_ranges(nest, op.arguments[1], ranges);
  if (op.opcode != Opcode::le && op.opcode != Opcode::lt) return false;
  const auto left = affine_value(nest, op.arguments[0]);
  const auto right = affine_value(nest, op.arguments[1]);
  if (!left || !right) return false;
  const auto is_constant = [](const Affine& of) {
    return std::all_of(of.coefficients.begin(), of.coefficients.end(), [](std::int64_t c) { return c == 0; });
  };
  if (is_constant(*left) == is_constant(*right)) return false;
  const bool is_lower = is_constant(*left);
  Affine form = is_lower ? *right : *left;
  const std::int64_t limit = (is_lower ? left->offset : right->offset) - std::exchange(form.offset, 0) +
                             (op.opcode == Opcode::le ? 0
                              : is_lower              ? 1
                                                      : -1);
  auto range = std::find_if(ranges.begin(), ranges.end(),
                            [&](const Range& known) { return known.form.coefficients == form.coefficients; });
  if (range == ranges.end()) {
    const ir::Interval values = ir::interval(form, nest.axes);
    range = ranges.insert(range, {std::move(form), values.low, values.high});
  }
  if (is_lower)
    range->low = std::max(range->low, limit);
  else
    range->high = std::min(range->high, limit);
  return true;
}

// A read; where a guard holds it back, it gives 0.
std::optional<Access> read(const ir::Program& program, const Nest& nest, OpId id) {
  const ScalarOp& op = nest.body.ops[id];
  if (op.opcode != Opcode::read) return std::nullopt;
  auto result = access(program, nest, op.array, op.indices);
  if (!result || op.arguments.empty()) return result;
  const ScalarOp& fallback = nest.body.ops[op.arguments[1]];
  if (fallback.opcode != Opcode::constant || fallback.immediate != 0) return std::nullopt;
  return add_ranges(nest, op.arguments[0], result->ranges) ? result : std::nullopt;
}

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

// The bounds that ranges are, and the coordinates of each axis of the nest.
struct Bounds {
  std::vector<ProductPlan::Bound> bounds;
  std::vector<std::array<std::int64_t, ProductPlan::most_bounds>> coordinates;
};

// Each range is that of an index of the array.
std::optional<Bounds> bounds_of(const ir::Program& program, const Nest& nest, const Access& access) {
  Bounds result;
  result.coordinates.resize(nest.axes.size());
  if (access.ranges.size() > ProductPlan::most_bounds) return std::nullopt;
  const std::vector<std::int64_t> strides = row_major_strides(program.arrays[access.array].shape);
  for (const Range& range : access.ranges) {
    const auto index = std::find_if(access.indices.begin(), access.indices.end(),
                                    [&](const Affine& form) { return form.coefficients == range.form.coefficients; });
    if (index == access.indices.end()) return std::nullopt;
    const std::size_t number = result.bounds.size();
    for (std::size_t axis = 0; axis < nest.axes.size(); ++axis) {
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

std::int64_t positions(const std::vector<Axis>& axes) {
  std::int64_t count = 1;
  for (const Axis& axis : axes) count *= axis.extent;
  return count;
}

// Rows are of the left operand and the result, columns of the right one and the result, folded axes of both operands.
bool group(const Nest& nest, const std::array<Access, 3>& arrays, const Bounds& bounds,
           std::optional<std::size_t> parts, ProductPlan& plan) {
  for (std::size_t k = 0; k < nest.axes.size(); ++k) {
    const Axis axis{nest.axes[k].extent, arrays[0].strides[k], arrays[1].strides[k], arrays[2].strides[k],
                    bounds.coordinates[k]};
    if (k == parts) {
      if (axis.left != 0 || axis.right != 0 || axis.extent != 2) return false;
      continue;
    }
    if (axis.extent < 1 || nest.axes[k].kind == ir::AxisKind::ordered) return false;
    if (axis.extent == 1) continue;
    if (nest.axes[k].kind == ir::AxisKind::reduced)
      plan.folded.push_back(axis);
    else if (axis.left != 0 && axis.right == 0)
      plan.rows.push_back(axis);
    else if (axis.left == 0 && axis.right != 0)
      plan.columns.push_back(axis);
    else
      plan.batch.push_back(axis);
  }
  return !plan.rows.empty() && !plan.columns.empty() && !plan.folded.empty();
}

// Makes the columns those that the result has side by side, the left operand that of the rows.
void turn(ProductPlan& plan) {
  for (auto* axes : {&plan.rows, &plan.columns, &plan.folded, &plan.batch}) join(*axes);
  order(plan.rows, &Axis::result);
  if (ends_in(plan.rows, &Axis::result)) {
    std::swap(plan.rows, plan.columns);
    std::swap(plan.left, plan.right);
    std::swap(plan.offsets[0], plan.offsets[1]);
    std::swap(plan.parts[0], plan.parts[1]);
    for (auto* axes : {&plan.rows, &plan.columns, &plan.folded, &plan.batch})
      for (Axis& axis : *axes) std::swap(axis.left, axis.right);
    plan.bounds_right = !plan.bounds_right;
  }
  order(plan.rows, &Axis::left);
  order(plan.columns, &Axis::result);
  // Operands whose rows or columns lie side by side are packed well in any order; of others, the larger one decides.
  const bool left_decides = ends_in(plan.rows, &Axis::left) != ends_in(plan.columns, &Axis::right)
                                ? !ends_in(plan.rows, &Axis::left)
                                : positions(plan.rows) >= positions(plan.columns);
  order(plan.folded, left_decides ? &Axis::left : &Axis::right);
}

}  // namespace

std::optional<ProductPlan> contraction(const ir::Program& program, const Nest& nest) {
  if (nest.outputs.size() != 1 || nest.outputs[0].base) return std::nullopt;
  const std::optional<Factors> found = real_factors(nest);
  const std::optional<Factors> factors = found ? found : complex_factors(nest);
  if (!factors) return std::nullopt;
  const auto left = read(program, nest, factors->left[0]);
  const auto right = read(program, nest, factors->right[0]);
  const auto result = access(program, nest, nest.outputs[0].result, nest.outputs[0].indices);
  if (!left || !right || !result || (!left->ranges.empty() && !right->ranges.empty())) return std::nullopt;
  ProductPlan plan;
  plan.dtype = program.arrays[result->array].dtype;
  plan.left = left->array;
  plan.right = right->array;
  plan.result = result->array;
  plan.offsets = {left->offset, right->offset, result->offset};
  const auto is_same = [&](const Access& operand) { return program.arrays[operand.array].dtype == plan.dtype; };
  if ((plan.dtype != DType::f32 && plan.dtype != DType::f64) || !is_same(*left) || !is_same(*right))
    return std::nullopt;
  plan.bounds_right = !right->ranges.empty();
  auto bounds = bounds_of(program, nest, plan.bounds_right ? *right : *left);
  if (!bounds || !group(nest, {*left, *right, *result}, *bounds, factors->parts, plan)) return std::nullopt;
  plan.bounds = std::move(bounds->bounds);
  if (factors->parts) {
    const auto imaginary_left = read(program, nest, factors->left[1]);
    const auto imaginary_right = read(program, nest, factors->right[1]);
    const auto is_beside = [](const std::optional<Access>& imaginary, const Access& real) {
      return imaginary && imaginary->array == real.array && imaginary->strides == real.strides &&
             imaginary->ranges.size() == real.ranges.size();
    };
    if (!is_beside(imaginary_left, *left) || !is_beside(imaginary_right, *right)) return std::nullopt;
    plan.parts = {imaginary_left->offset - left->offset, imaginary_right->offset - right->offset,
                  result->strides[*factors->parts]};
    if (std::min({plan.parts[0], plan.parts[1], plan.parts[2]}) < 1) return std::nullopt;
  }
  turn(plan);
  for (const auto* axes : {&plan.rows, &plan.columns, &plan.folded, &plan.batch})
    if (axes->size() > ProductPlan::most_axes) return std::nullopt;
  return plan;
}

}  // namespace jaxc::compiler
