// Recognises products of matrices by the strides that each axis of a nest has in the operands and the result.
#include "compiler/plan/cpu_products.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "compiler/plan/schedule.h"
#include "ir/affine.h"

namespace jaxc::compiler {

namespace {

using ir::ArrayId;
using ir::Nest;
using ir::Opcode;
using ir::OpId;
using ir::ProductPlan;
using ir::ScalarOp;
using Axis = ProductPlan::Axis;

// Up to this, generated code multiplies straight from the operands, as fast; see docs/libraries.md.
constexpr std::int64_t most_generated = std::int64_t{1} << 24;
// Packing costs as much as a few multiplications of each element.
constexpr std::int64_t shortest_axis = 48;

// Packed operands: tiles that the last rows and columns do not fill, a panel's depth, and what is packed at one time.
constexpr std::int64_t padding = 96;
constexpr std::int64_t panel_depth = 256;
constexpr std::int64_t most_packed = std::int64_t{1} << 25;

/// The strides of one access, by the nest's axes.
struct Access {
  ArrayId array = 0;
  std::int64_t offset = 0;
  std::vector<std::int64_t> strides;
};

std::optional<Access> access(const ir::Program& program, const Nest& nest, ArrayId array,
                             const std::vector<ir::Index>& indices) {
  Access result{array, 0, std::vector<std::int64_t>(nest.axes.size(), 0)};
  const std::vector<std::int64_t> strides = row_major_strides(program.arrays[array].shape);
  for (std::size_t k = 0; k < indices.size(); ++k) {
    const auto form = ir::affine(indices[k], nest.body, nest.axes.size());
    if (!form) return std::nullopt;
    result.offset += form->offset * strides[k];
    for (std::size_t axis = 0; axis < nest.axes.size(); ++axis)
      result.strides[axis] += form->coefficients[axis] * strides[k];
  }
  return result;
}

// A read that no guard holds back.
std::optional<Access> read(const ir::Program& program, const Nest& nest, OpId id) {
  const ScalarOp& op = nest.body.ops[id];
  if (op.opcode != Opcode::read || !op.arguments.empty()) return std::nullopt;
  return access(program, nest, op.array, op.indices);
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

// Joins axes that follow each other in every array, as the two free axes of an operand do; longest first.
void join(std::vector<Axis>& axes) {
  const auto follows = [](const Axis& outer, const Axis& inner) {
    return outer.left == inner.left * inner.extent && outer.right == inner.right * inner.extent &&
           outer.result == inner.result * inner.extent;
  };
  for (std::size_t k = 0; k < axes.size(); ++k)
    for (std::size_t other = 0; other < axes.size(); ++other) {
      if (k == other || !follows(axes[k], axes[other])) continue;
      axes[other].extent *= axes[k].extent;
      axes.erase(axes.begin() + static_cast<std::ptrdiff_t>(k));
      return join(axes);
    }
  std::stable_sort(axes.begin(), axes.end(), [](const Axis& one, const Axis& two) { return one.extent > two.extent; });
}

// The groups of axes: in the left operand and the result, in the right one and the result, in both operands, in all.
struct Groups {
  std::vector<Axis> rows, columns, folded, batch;
};

std::optional<Groups> group(const Nest& nest, const Access& left, const Access& right, const Access& result,
                            std::optional<std::size_t> parts) {
  Groups groups;
  for (std::size_t k = 0; k < nest.axes.size(); ++k) {
    const Axis axis{nest.axes[k].extent, left.strides[k], right.strides[k], result.strides[k]};
    if (k == parts) {
      if (axis.left != 0 || axis.right != 0 || axis.extent != 2) return std::nullopt;
      continue;
    }
    if (axis.left < 0 || axis.right < 0 || axis.result < 0 || axis.extent < 1) return std::nullopt;
    if (axis.extent == 1) continue;
    if (nest.axes[k].kind == ir::AxisKind::ordered) return std::nullopt;
    if (nest.axes[k].kind == ir::AxisKind::reduced)
      groups.folded.push_back(axis);
    else if (axis.left != 0 && axis.right == 0)
      groups.rows.push_back(axis);
    else if (axis.left == 0 && axis.right != 0)
      groups.columns.push_back(axis);
    else
      groups.batch.push_back(axis);
  }
  for (std::vector<Axis>* axes : {&groups.rows, &groups.columns, &groups.folded, &groups.batch}) join(*axes);
  if (groups.rows.empty() || groups.columns.empty() || groups.folded.size() != 1) return std::nullopt;
  for (std::vector<Axis>* axes : {&groups.rows, &groups.columns}) {
    groups.batch.insert(groups.batch.end(), axes->begin() + 1, axes->end());
    axes->resize(1);
  }
  if (groups.batch.size() > ProductPlan::batch_axes) return std::nullopt;
  return groups;
}

}  // namespace

std::int64_t product_workspace(std::int64_t rows, std::int64_t columns, std::int64_t folded, std::int64_t bytes) {
  const std::int64_t position = (rows + columns + padding) * bytes;  // of the folded axis
  const std::int64_t panels = std::max(most_packed / position / panel_depth, std::int64_t{1});
  return std::min(position * std::min(folded, panels * panel_depth), most_packed);
}

std::optional<ir::ProductPlan> library_product(const ir::Program& program, const Nest& nest) {
  if (nest.outputs.size() != 1 || nest.outputs[0].base) return std::nullopt;
  const std::optional<Factors> found = real_factors(nest);
  const std::optional<Factors> factors = found ? found : complex_factors(nest);
  if (!factors) return std::nullopt;
  const auto left = read(program, nest, factors->left[0]);
  const auto right = read(program, nest, factors->right[0]);
  const auto result = access(program, nest, nest.outputs[0].result, nest.outputs[0].indices);
  if (!left || !right || !result) return std::nullopt;
  const DType dtype = program.arrays[result->array].dtype;
  const auto is_same = [&](const Access& operand) { return program.arrays[operand.array].dtype == dtype; };
  if ((dtype != DType::f32 && dtype != DType::f64) || !is_same(*left) || !is_same(*right)) return std::nullopt;
  const std::optional<Groups> groups = group(nest, *left, *right, *result, factors->parts);
  if (!groups) return std::nullopt;
  ProductPlan plan;
  plan.dtype = dtype;
  plan.left = left->array;
  plan.right = right->array;
  plan.result = result->array;
  plan.offsets = {left->offset, right->offset, result->offset};
  if (factors->parts) {
    const auto imaginary_left = read(program, nest, factors->left[1]);
    const auto imaginary_right = read(program, nest, factors->right[1]);
    const auto is_beside = [](const std::optional<Access>& imaginary, const Access& real) {
      return imaginary && imaginary->array == real.array && imaginary->strides == real.strides;
    };
    if (!is_beside(imaginary_left, *left) || !is_beside(imaginary_right, *right)) return std::nullopt;
    plan.parts = {imaginary_left->offset - left->offset, imaginary_right->offset - right->offset,
                  result->strides[*factors->parts]};
    if (std::min({plan.parts[0], plan.parts[1], plan.parts[2]}) < 1) return std::nullopt;
  }
  plan.axes = {groups->rows[0], groups->columns[0], groups->folded[0]};
  std::copy(groups->batch.begin(), groups->batch.end(), plan.batch.begin());
  const std::int64_t m = plan.axes[0].extent;
  const std::int64_t n = plan.axes[1].extent;
  const std::int64_t k = plan.axes[2].extent;
  if (std::min({m, n, k}) < shortest_axis || m * n <= most_generated / k) return std::nullopt;
  plan.bytes = product_workspace(m, n, k, static_cast<std::int64_t>(element_bytes(dtype)));
  plan.reason = fmt::format("a product of {} x {} and {} x {}, whose operands are worth packing", m, k, k, n);
  return plan;
}

}  // namespace jaxc::compiler
