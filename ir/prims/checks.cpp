// Checks that several type rules share.
#include "ir/prims/checks.h"

namespace jaxc::ir {

void require_same_dtype(const TypeQuery& query) {
  for (const Type& type : query.operands) {
    query.require(type.dtype == query.operands[0].dtype, "operands must have one dtype, got {} and {}",
                  name(query.operands[0].dtype), name(type.dtype));
  }
}

void require_same_shape(const TypeQuery& query) {
  for (const Type& type : query.operands) {
    query.require(type.shape == query.operands[0].shape, "operands must have one shape, got {} and {}",
                  to_string(query.operands[0].shape), to_string(type.shape));
  }
}

Shape broadcast_shape(const TypeQuery& query) {
  Shape result;
  for (const Type& type : query.operands) {
    if (type.shape.empty()) continue;
    if (result.empty()) {
      result = type.shape;
      continue;
    }
    query.require(result.size() == type.shape.size(), "operands must have one rank, got {} and {}", to_string(result),
                  to_string(type.shape));
    for (std::size_t axis = 0; axis < result.size(); ++axis) {
      const std::int64_t extent = type.shape[axis];
      query.require(extent == result[axis] || extent == 1 || result[axis] == 1,
                    "operands must have equal extents or extents of 1, got {} and {}", to_string(result),
                    to_string(type.shape));
      if (result[axis] == 1) result[axis] = extent;
    }
  }
  return result;
}

std::size_t require_axis(const TypeQuery& query, std::int64_t axis, std::size_t rank) {
  query.require(axis >= 0 && axis < static_cast<std::int64_t>(rank), "axis must lie in [0, {}), got {}", rank, axis);
  return static_cast<std::size_t>(axis);
}

std::vector<bool> require_axes(const TypeQuery& query, const std::vector<std::int64_t>& axes, std::size_t rank) {
  std::vector<bool> mask(rank, false);
  for (std::int64_t axis : axes) {
    const std::size_t at = require_axis(query, axis, rank);
    query.require(!mask[at], "axes must be distinct, got {} twice", axis);
    mask[at] = true;
  }
  return mask;
}

void require_count(const TypeQuery& query, std::string_view what, std::size_t got, std::size_t count) {
  query.require(got == count, "{} must have {}, got {}", what, counted(count, "entry"), got);
}

Shape without_axes(const Shape& shape, const std::vector<bool>& mask) {
  Shape result;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    if (!mask[axis]) result.push_back(shape[axis]);
  }
  return result;
}

std::int64_t checked_sum(const TypeQuery& query, std::int64_t left, std::int64_t right) {
  std::int64_t result = 0;
  query.require(!__builtin_add_overflow(left, right, &result), "extent overflows: {} + {}", left, right);
  return result;
}

std::int64_t checked_product(const TypeQuery& query, std::int64_t left, std::int64_t right) {
  std::int64_t result = 0;
  query.require(!__builtin_mul_overflow(left, right, &result), "extent overflows: {} * {}", left, right);
  return result;
}

void require_padding(const TypeQuery& query, std::int64_t amount) {
  query.require(-max_bytes <= amount && amount <= max_bytes, "padding must lie within {}, got {}", max_bytes, amount);
}

Types call_types(const TypeQuery& query, std::string_view what, const Jaxpr& jaxpr, const Types& operands) {
  query.require(jaxpr.inputs.size() == operands.size(), "{} takes {}, got {}", what,
                counted(jaxpr.inputs.size(), "input"), counted(operands.size(), "operand"));
  for (std::size_t i = 0; i < operands.size(); ++i) {
    query.require(jaxpr.type(jaxpr.inputs[i]) == operands[i], "{}'s input {} must be {}, got {}", what, i,
                  to_string(jaxpr.type(jaxpr.inputs[i])), to_string(operands[i]));
  }
  return jaxpr.output_types();
}

void require_holds(const TypeQuery& query, std::string_view parameter, DType result, DType operand) {
  const bool holds = result == operand || is_complex(result) || (is_floating(result) && !is_complex(operand)) ||
                     (is_integer(result) && !is_complex(operand) && !is_floating(operand));
  query.require(holds, "{} must hold {}, got {}", parameter, name(operand), name(result));
}

DType complex_dtype(const TypeQuery& query, DType real) {
  if (real == DType::f32) return DType::c64;
  if (real == DType::f64) return DType::c128;
  query.fail("operand must be f32 or f64, got {}", name(real));
}

namespace rules {

Types elementwise(const TypeQuery& query) {
  require_same_dtype(query);
  return {{query.operands[0].dtype, broadcast_shape(query)}};
}

Types predicate(const TypeQuery& query) {
  require_same_dtype(query);
  return {{DType::boolean, broadcast_shape(query)}};
}

Types unchanged(const TypeQuery& query) {
  return query.operands;
}

}  // namespace rules

}  // namespace jaxc::ir
