// Collects affine forms, comparisons with numbers, and remainders, off the body of a nest.
#include "compiler/plan/contraction_access.h"

#include <algorithm>
#include <utility>

#include "compiler/plan/schedule.h"

namespace jaxc::compiler {

namespace {

using ir::Affine;
using ir::Nest;
using ir::Opcode;
using ir::OpId;
using ir::ScalarOp;

bool is_constant(const Affine& form) {
  return std::all_of(form.coefficients.begin(), form.coefficients.end(), [](std::int64_t c) { return c == 0; });
}

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
  if (op.opcode == Opcode::mul && !is_constant(*right)) std::swap(left, right);
  if (op.opcode == Opcode::mul && !is_constant(*right)) return std::nullopt;
  const bool is_sum = op.opcode == Opcode::add;
  form.offset = is_sum ? left->offset + right->offset : left->offset * right->offset;
  for (std::size_t k = 0; k < nest.axes.size(); ++k)
    form.coefficients[k] =
        is_sum ? left->coefficients[k] + right->coefficients[k] : left->coefficients[k] * right->offset;
  return form;
}

/// A number that is above 1, of a body.
std::optional<std::int64_t> base_of(const Nest& nest, OpId id) {
  const ScalarOp& op = nest.body.ops[id];
  const auto value = static_cast<std::int64_t>(op.immediate);
  return op.opcode == Opcode::constant && value > 1 ? std::optional(value) : std::nullopt;
}

std::optional<AccessDilation> dilation(const Nest& nest, const ir::Index& index) {
  if (index.offset != 0 || index.terms.size() != 1 || index.terms[0].coefficient != 1) return std::nullopt;
  const ScalarOp& op = nest.body.ops[index.terms[0].op];
  if (op.opcode != Opcode::div) return std::nullopt;
  const auto form = affine_value(nest, op.arguments[0]);
  const auto base = base_of(nest, op.arguments[1]);
  return form && base ? std::optional(AccessDilation{0, *form, *base}) : std::nullopt;
}

// Whether this is a remainder that is 0 where some dilated index is read.
bool is_dilation(const Nest& nest, const ScalarOp& op, const Access& access) {
  const ScalarOp& left = nest.body.ops[op.arguments[0]];
  const ScalarOp& right = nest.body.ops[op.arguments[1]];
  if (left.opcode != Opcode::rem || right.opcode != Opcode::constant || right.immediate != 0) return false;
  const auto form = affine_value(nest, left.arguments[0]);
  const auto base = base_of(nest, left.arguments[1]);
  return form && base &&
         std::any_of(access.dilations.begin(), access.dilations.end(), [&](const AccessDilation& known) {
           return known.base == *base && known.form.offset == form->offset &&
                  known.form.coefficients == form->coefficients;
         });
}

// Adds what a guard demands, all of which holds: comparisons of affine forms with numbers, and remainders, which it
// counts.
bool add_guard(const Nest& nest, OpId guard, Access& access, std::size_t& remainders) {
  const ScalarOp& op = nest.body.ops[guard];
  if (op.opcode == Opcode::bit_and)
    return add_guard(nest, op.arguments[0], access, remainders) && add_guard(nest, op.arguments[1], access, remainders);
  if (op.opcode == Opcode::eq) {
    ++remainders;
    return is_dilation(nest, op, access);
  }
  if (op.opcode != Opcode::le && op.opcode != Opcode::lt) return false;
  const auto left = affine_value(nest, op.arguments[0]);
  const auto right = affine_value(nest, op.arguments[1]);
  if (!left || !right || is_constant(*left) == is_constant(*right)) return false;
  const bool is_lower = is_constant(*left);
  Affine form = is_lower ? *right : *left;
  const std::int64_t number = (is_lower ? left->offset : right->offset) - std::exchange(form.offset, 0);
  auto range = std::find_if(access.ranges.begin(), access.ranges.end(),
                            [&](const AccessRange& known) { return known.form.coefficients == form.coefficients; });
  if (range == access.ranges.end()) {
    const ir::Interval values = ir::interval(form, nest.axes);
    range = access.ranges.insert(range, {std::move(form), values.low, values.high});
  }
  const std::int64_t open = op.opcode == Opcode::lt ? 1 : 0;
  if (is_lower)
    range->low = std::max(range->low, number + open);
  else
    range->high = std::min(range->high, number - open);
  return true;
}

}  // namespace

std::optional<Access> affine_access(const ir::Program& program, const Nest& nest, ir::ArrayId array,
                                    const std::vector<ir::Index>& indices) {
  Access result{array, 0, std::vector<std::int64_t>(nest.axes.size(), 0), {}, {}, {}};
  const std::vector<std::int64_t> strides = row_major_strides(program.arrays[array].shape);
  for (std::size_t k = 0; k < indices.size(); ++k) {
    auto form = ir::affine(indices[k], nest.body, nest.axes.size());
    if (!form) {
      auto dilated = dilation(nest, indices[k]);
      if (!dilated) return std::nullopt;
      dilated->index = k;
      result.dilations.push_back(std::move(*dilated));
      form = Affine{0, std::vector<std::int64_t>(nest.axes.size(), 0)};
    }
    result.offset += form->offset * strides[k];
    for (std::size_t axis = 0; axis < nest.axes.size(); ++axis)
      result.strides[axis] += form->coefficients[axis] * strides[k];
    result.indices.push_back(std::move(*form));
  }
  return result;
}

std::optional<Access> affine_read(const ir::Program& program, const Nest& nest, OpId id) {
  const ScalarOp& op = nest.body.ops[id];
  if (op.opcode != Opcode::read) return std::nullopt;
  auto result = affine_access(program, nest, op.array, op.indices);
  if (!result) return std::nullopt;
  std::size_t remainders = 0;
  if (!op.arguments.empty()) {
    const ScalarOp& fallback = nest.body.ops[op.arguments[1]];
    if (fallback.opcode != Opcode::constant || fallback.immediate != 0) return std::nullopt;
    if (!add_guard(nest, op.arguments[0], *result, remainders)) return std::nullopt;
  }
  return remainders == result->dilations.size() ? result : std::nullopt;
}

}  // namespace jaxc::compiler
