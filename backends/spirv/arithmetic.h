// Total scalar operations: Program's opcodes as SPIR-V, guarded where the instruction is not defined.
#pragma once

#include <map>
#include <span>

#include "backends/spirv/module.h"
#include "ir/scalar.h"
#include "jaxc/types.h"

namespace jaxc::spirv {

/// How a dtype of a Program is held in registers. Throws InternalError for a dtype that Program lacks.
Kind kind_of(DType dtype);
/// How it is held in memory: booleans as bytes.
Kind memory_kind_of(DType dtype);

/// Emits operations whose operands are values. Helpers such as fmod become functions of the module.
class Arithmetic {
 public:
  /// `fused` says that the device's fused_multiply_add rounds once.
  Arithmetic(Module& module, bool fused) : module_(module), fused_(fused) {}

  /// `opcode` on `operands`, which have type `operand`, giving `result`.
  Value apply(ir::Opcode opcode, DType result, DType operand, std::span<const Value> operands);
  Value convert(Value operand, DType from, DType to);
  /// Registers to memory and back: booleans become 0 or 1 and any byte but 0 is true.
  Value to_memory(Value value);
  Value from_memory(Value value, DType dtype);
  Value constant(DType dtype, std::uint64_t bits) { return module_.bits(kind_of(dtype), bits); }

 private:
  Value is_nan(Value operand);
  Value divide(Value left, Value right, bool is_signed);
  Value remainder(Value left, Value right, bool is_signed);
  Value shift(ir::Opcode opcode, Value left, Value amount);
  Value extremum(Value left, Value right, DType dtype, bool smaller);
  Value multiply_high(Value left, Value right, bool is_signed);
  Value multiply_high_64(Value left, Value right, bool is_signed);
  Value float_to_integer(Value operand, DType to);
  Value logical(ir::Opcode opcode, Value left, Value right);
  Value integer(ir::Opcode opcode, DType dtype, Value left, Value right);
  Value floating(ir::Opcode opcode, DType dtype, Value left, Value right);
  Value compare(ir::Opcode opcode, DType dtype, Value left, Value right);
  Value unary(ir::Opcode opcode, DType dtype, Value operand);
  /// C's fmod, exact: long division of the significands.
  Value float_remainder(Value left, Value right);
  /// One rounding. f32 through f64, rounded to odd; f64 by Boldo and Melquiond, "Emulation of FMA and correctly
  /// rounded sums: proved algorithms using rounding to odd" (2008).
  Value exact_fma(Value a, Value b, Value c);
  struct Pair {
    Value high;
    Value low;
  };
  Pair two_sum(Value a, Value b);
  Pair two_product(Value a, Value b);
  /// The f64 sum of a pair, rounded to odd.
  Value sum_to_odd(Pair pair);

  Module& module_;
  bool fused_;
  std::map<Kind, Function> float_remainders_;
  std::map<Kind, Function> exact_fmas_;
};

}  // namespace jaxc::spirv
