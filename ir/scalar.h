// Scalar code: pure functions over scalars, in single-assignment form, that nests and scalar functions hold.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "jaxc/types.h"

namespace jaxc::ir {

// X(enumerator, arity, meaning). Arity -1: any. Every operation is total: its result is defined for all
// operands, and a backend guards where its instruction is not. Operands have the result's type unless said.
//
// Types: booleans, i8..i64, u8..u64, f32, f64. f16 and bf16 are storage only: u16 in Program, converted by
// scalar functions. Integers wrap. Floats follow IEEE 754, rounding to nearest even.
#define JAXC_OPCODES(X)                                                                                  \
  X(constant, 0, "the value whose bits are `immediate`")                                                 \
  X(axis, 0, "i64: the position on axis number `immediate` of the nest")                                 \
  X(argument, 0, "argument number `immediate` of the region")                                            \
  X(read, -1,                                                                                            \
    "an element of `array` at `indices`; with arguments (guard, fallback): fallback, and no access, "    \
    "where guard is false")                                                                              \
  X(neg, 1, "-a; flips a float's sign bit")                                                              \
  X(abs, 1, "|a|; INT_MIN stays")                                                                        \
  X(bit_not, 1, "~a; logical not of a boolean")                                                          \
  X(floor, 1, "")                                                                                        \
  X(ceil, 1, "")                                                                                         \
  X(trunc, 1, "")                                                                                        \
  X(round_even, 1, "to the nearest integer, ties to even")                                               \
  X(sqrt, 1, "correctly rounded or within 1 ULP; NaN below zero; sqrt(-0) = -0")                         \
  X(is_nan, 1, "boolean; the operand is a float")                                                        \
  X(population_count, 1, "")                                                                             \
  X(count_leading_zeros, 1, "the width for zero")                                                        \
  X(convert, 1,                                                                                          \
    "to dtype: integers wrap; float to integer truncates and saturates, NaN gives 0; integer to "        \
    "float rounds to even; to boolean: a != 0 (NaN is true)")                                            \
  X(bitcast, 1, "the same bits as another type of the same width")                                       \
  X(add, 2, "")                                                                                          \
  X(sub, 2, "")                                                                                          \
  X(mul, 2, "booleans: and")                                                                             \
  X(mul_high, 2, "the high half of the double-width integer product")                                    \
  X(div, 2, "integers truncate; a / 0 = -1 (all bits set); INT_MIN / -1 = INT_MIN; floats within 1 ULP") \
  X(rem, 2, "integers: sign of the dividend, a rem 0 = a, INT_MIN rem -1 = 0; floats: C's fmod, exact")  \
  X(min, 2, "NaN if either is; -0 < +0; booleans: and")                                                  \
  X(max, 2, "NaN if either is; -0 < +0; booleans: or")                                                   \
  X(bit_and, 2, "")                                                                                      \
  X(bit_or, 2, "")                                                                                       \
  X(bit_xor, 2, "")                                                                                      \
  X(shift_left, 2, "0 when b, taken as unsigned, is the width or more")                                  \
  X(shift_right_logical, 2, "0 when b, taken as unsigned, is the width or more")                         \
  X(shift_right_arithmetic, 2, "copies of the sign bit when b, taken as unsigned, is the width or more") \
  X(eq, 2, "boolean; operands of one type; false on NaN")                                                \
  X(ne, 2, "boolean; operands of one type; true on NaN")                                                 \
  X(lt, 2, "boolean; operands of one type; false on NaN")                                                \
  X(le, 2, "boolean; operands of one type; false on NaN")                                                \
  X(select, 3, "a ? b : c; a is boolean")                                                                \
  X(mul_add, 3, "a * b + c with one rounding or two, as is cheaper; floats")                             \
  X(fma, 3, "a * b + c with one rounding; floats")                                                       \
  X(call, -1, "function number `immediate` of the Program applied to the arguments; one result")         \
  X(branch, -1,                                                                                          \
    "arguments (condition, a...): regions[0](a...) where true, regions[1](a...) where false; both "      \
    "sides are pure, so lanes may compute both; as many results as a region has")                        \
  X(repeat, -1,                                                                                          \
    "arguments a...: while regions[0](a...) gives true, a... = regions[1](a...); at most "               \
    "`immediate` times; as many results as arguments")                                                   \
  X(element, 1, "result number `immediate` of a branch or repeat")

enum class Opcode : std::uint8_t {
#define JAXC_OPCODE_ENUMERATOR(enumerator, ...) enumerator,
  JAXC_OPCODES(JAXC_OPCODE_ENUMERATOR)
#undef JAXC_OPCODE_ENUMERATOR
};

std::string_view name(Opcode opcode);
/// The number of arguments, or -1.
int arity(Opcode opcode);
/// eq, ne, lt, le, is_nan: boolean results from other operands.
bool is_comparison(Opcode opcode);

/// An array of a Program: an index into Program::arrays.
using ArrayId = std::uint32_t;
/// An operation: an index into its Region's ops.
using OpId = std::uint32_t;

/// offset + sum of coefficient * op, in elements; the ops are i64. Affine when every op is an `axis`.
struct Index {
  struct Term {
    std::int64_t coefficient = 1;
    OpId op = 0;
    friend bool operator==(const Term&, const Term&) = default;
  };
  std::int64_t offset = 0;
  std::vector<Term> terms;
  friend bool operator==(const Index&, const Index&) = default;
};

struct Region;

/// One operation. Fields that its opcode does not name stay empty.
struct ScalarOp {
  Opcode opcode = Opcode::constant;
  DType dtype = DType::f32;
  std::vector<OpId> arguments;
  std::uint64_t immediate = 0;
  ArrayId array = 0;            ///< read
  std::vector<Index> indices;   ///< read: one per dimension, always in bounds where the guard holds
  std::vector<Region> regions;  ///< branch: then, else; repeat: condition, body
  friend bool operator==(const ScalarOp&, const ScalarOp&) = default;
};

/// A closed piece of scalar code: operations in order, each using earlier ones only. Regions inside an
/// operation see their own arguments and nothing else. Only a nest's body may hold `axis` and `read`.
struct Region {
  std::vector<DType> arguments;
  std::vector<ScalarOp> ops;
  std::vector<OpId> results;
  friend bool operator==(const Region&, const Region&) = default;
};

/// A named scalar function with one result, such as exp_f32; called by number.
struct ScalarFunction {
  std::string name;
  Region region;
};

/// A typed scalar constant; `bits` holds the value in its low bits.
struct ScalarConstant {
  DType dtype = DType::f32;
  std::uint64_t bits = 0;
  friend bool operator==(const ScalarConstant&, const ScalarConstant&) = default;
};

/// The constant of `dtype` nearest to a number (booleans: != 0).
ScalarConstant constant_of(DType dtype, double value);
ScalarConstant constant_of_integer(DType dtype, std::int64_t value);

}  // namespace jaxc::ir
