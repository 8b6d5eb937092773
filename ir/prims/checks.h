// Checks that several type rules share.
#pragma once

#include "ir/counted.h"
#include "ir/prims/signature.h"

namespace jaxc::ir {

/// All operands have the first one's dtype.
void require_same_dtype(const TypeQuery& query);
/// All operands have the first one's shape.
void require_same_shape(const TypeQuery& query);
/// The shape of an elementwise result: operands have one rank; extents agree or are 1; scalars fit all.
Shape broadcast_shape(const TypeQuery& query);
/// `axis` lies in [0, rank).
std::size_t require_axis(const TypeQuery& query, std::int64_t axis, std::size_t rank);
/// Distinct axes in [0, rank), as a mask.
std::vector<bool> require_axes(const TypeQuery& query, const std::vector<std::int64_t>& axes, std::size_t rank);
/// Exactly `count` values for the parameter `what`.
void require_count(const TypeQuery& query, std::string_view what, std::size_t got, std::size_t count);
/// `shape` without the axes in `mask`.
Shape without_axes(const Shape& shape, const std::vector<bool>& mask);
/// Padding is no longer than an array may be.
void require_padding(const TypeQuery& query, std::int64_t amount);
/// a + b and a * b, or an Error when they leave 64 bits.
std::int64_t checked_sum(const TypeQuery& query, std::int64_t left, std::int64_t right);
std::int64_t checked_product(const TypeQuery& query, std::int64_t left, std::int64_t right);
/// The types of `jaxpr`'s inputs must be `operands`; returns its outputs' types.
Types call_types(const TypeQuery& query, std::string_view what, const Jaxpr& jaxpr, const Types& operands);
/// `result`, as the dtype of a computation's result, can hold what comes of `operand`s.
void require_holds(const TypeQuery& query, std::string_view parameter, DType result, DType operand);
/// f32 -> c64, f64 -> c128.
DType complex_dtype(const TypeQuery& query, DType real);

/// Type rules that many primitives have.
namespace rules {
/// Elementwise over operands of one dtype; the result has it too.
Types elementwise(const TypeQuery& query);
/// Elementwise over operands of one dtype; the result is boolean.
Types predicate(const TypeQuery& query);
/// The results have the operands' types.
Types unchanged(const TypeQuery& query);
}  // namespace rules

}  // namespace jaxc::ir
