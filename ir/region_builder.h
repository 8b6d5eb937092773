// RegionBuilder: writes scalar code, sharing equal operations as it goes.
#pragma once

#include <initializer_list>
#include <span>
#include <unordered_map>
#include <vector>

#include "ir/scalar.h"

namespace jaxc::ir {

/// Appends operations to a Region. An operation equal to an earlier one is not written again; conversions
/// to the same type and selections by constants are folded. Types are checked: InternalError on misuse.
class RegionBuilder {
 public:
  OpId constant(ScalarConstant value);
  OpId constant(DType dtype, double value) { return constant(constant_of(dtype, value)); }
  OpId integer(DType dtype, std::int64_t value) { return constant(constant_of_integer(dtype, value)); }
  OpId boolean(bool value) { return integer(DType::boolean, value ? 1 : 0); }
  /// The position on an axis of the nest, i64.
  OpId axis(int number);
  /// A new argument of the region.
  OpId argument(DType dtype);
  OpId read(DType dtype, ArrayId array, std::vector<Index> indices);
  /// The element where `guard` holds, elsewhere `fallback` without an access.
  OpId read(DType dtype, ArrayId array, std::vector<Index> indices, OpId guard, OpId fallback);
  /// Any opcode of one, two or three operands whose result type follows from them.
  OpId unary(Opcode opcode, OpId operand);
  OpId binary(Opcode opcode, OpId left, OpId right);
  OpId select(OpId condition, OpId when_true, OpId when_false);
  OpId mul_add(OpId factor, OpId other_factor, OpId addend);
  OpId fma(OpId factor, OpId other_factor, OpId addend);
  OpId convert(DType dtype, OpId operand);
  OpId bitcast(DType dtype, OpId operand);
  OpId call(DType dtype, std::uint64_t function, std::vector<OpId> arguments);
  std::vector<OpId> branch(OpId condition, std::span<const OpId> arguments, Region when_true, Region when_false);
  std::vector<OpId> repeat(std::uint64_t bound, std::span<const OpId> arguments, Region condition, Region body);
  /// An operation copied from elsewhere, its operands already renumbered to this region.
  OpId append(ScalarOp op);

  /// offset + sum of terms; adds the terms of equal operations.
  static Index index(std::int64_t offset, std::initializer_list<Index::Term> terms = {}) {
    return Index{offset, std::vector<Index::Term>(terms)};
  }
  /// The Index as one i64 operation.
  OpId materialize(const Index& index);

  DType dtype(OpId op) const { return region_.ops[op].dtype; }
  const ScalarOp& op(OpId op) const { return region_.ops[op]; }
  std::size_t size() const { return region_.ops.size(); }
  /// The region so far, with these results. The builder is left empty.
  Region finish(std::vector<OpId> results);

 private:
  Region region_;
  std::unordered_multimap<std::size_t, OpId> known_;  ///< operations by hash
};

}  // namespace jaxc::ir
