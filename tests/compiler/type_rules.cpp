// What type rules say of equations that do not fit.
#include "ir/prims/type_rules.h"

#include <gtest/gtest.h>

#include "compiler/evaluate/evaluate.h"
#include "compiler/prims/record.h"
#include "ir/parser.h"
#include "jaxc/error.h"

namespace jaxc {
namespace {

// The message for the first equation of a program.
std::string complaint(const std::string& text) {
  const ir::Jaxpr jaxpr = ir::parse(text, "test");
  const ir::Equation& equation = jaxpr.equations.at(0);
  std::vector<Type> operands;
  std::vector<Type> declared;
  for (const ir::Atom& atom : equation.inputs) operands.push_back(jaxpr.type(atom));
  for (ir::Variable variable : equation.outputs) declared.push_back(jaxpr.type(variable));
  try {
    ir::check_types(equation, operands, declared);
  } catch (const Error& error) {
    const std::string message = error.what();
    return message.substr(0, message.find(" (line"));
  }
  return "no complaint";
}

struct Case {
  const char* binders;
  const char* equation;
  const char* message;
};

const Case cases[] = {
    {"a:f32[3] b:f32[4]", "c:f32[3] = add a b",
     "add: operands must have equal extents or extents of 1, got [3] and [4]"},
    {"a:f32[3] b:f32[3,1]", "c:f32[3] = add a b", "add: operands must have one rank, got [3] and [3,1]"},
    {"a:f32[3] b:i32[3]", "c:f32[3] = add a b", "add: operands must have one dtype, got f32 and i32"},
    {"a:f32[3]", "c:f32[3] = add a", "add: takes 2 operands, got 1"},
    {"a:f32[3]", "c:f32[4] = neg a", "neg: output 0 must be declared f32[3], got f32[4]"},
    {"a:f32[3]", "c:f32[3] d:f32[3] = neg a", "neg: yields 1 output, but the program declares 2"},
    {"a:i32[3]", "c:i32[3] = exp a", "exp: operand must be floating or complex, got i32[3]"},
    {"a:bool[3]", "c:bool[3] = neg a", "neg: operand must be integer, floating or complex, got bool[3]"},
    {"a:i32[3]", "c:i32[3] = integer_pow[y=-1] a",
     "integer_pow: integers cannot be raised to negative powers, got y=-1"},
    {"a:bool[3] b:f32[3]", "c:f32[3] = select_n a b b b",
     "select_n: a boolean selector chooses between at most 2 cases, got 3"},
    {"a:f32[2,3] b:f32[4,2]", "c:f32[2,2] = dot_general[dimension_numbers=(([1], [0]), ([], []))] a b",
     "dot_general: contracted extents must agree, got 3 and 4"},
    {"a:f32[2,3]", "c:f32[2,3] = transpose[permutation=(1, 1)] a", "transpose: axes must be distinct, got 1 twice"},
    {"a:f32[2,3]", "c:f32[2] = reduce_sum[axes=(2,)] a", "reduce_sum: axis must lie in [0, 2), got 2"},
    {"a:f32[2,3]", "c:f32[7] = reshape[dimensions=None new_sizes=(7,)] a",
     "reshape: the number of elements must stay the same, got [2,3] and [7]"},
    {"a:f32[2,3]", "c:f32[2,2] = slice[limit_indices=(2, 4) start_indices=(0, 1) strides=None] a",
     "slice: bounds must satisfy 0 <= start <= limit <= extent, got 1, 4 and 3 on axis 1"},
    {"a:f32[3]", "c:f32[2,4] = broadcast_in_dim[broadcast_dimensions=(1,)] a",
     "broadcast_in_dim: operand extents must be 1 or agree with the result's, got 3 and 4"},
    {"a:f32[3]", "c:f32[4] = pad[padding_config=((0, 1, -1),)] a 0.0:f32[]",
     "pad: interior padding must not be negative, got -1"},
    {"a:f32[3]", "c:f32[4] = pad[padding_config=((9223372036854775807, 1, 0),)] a 0.0:f32[]",
     "pad: padding must lie within 1099511627776, got 9223372036854775807"},
    {"a:f32[3]", "c:f32[3] d:f32[1] = split[axis=0 sizes=(1, 1)] a",
     "split: sizes must add up to the extent 3 of axis 0, got 2"},
    {"a:f32[3,2]", "c:f32[2] = squeeze[dimensions=(0,)] a",
     "squeeze: only axes of extent 1 can be dropped, got axis 0 of f32[3,2]"},
    {"a:f32[3]", "c:f32[2] = dynamic_slice[slice_sizes=(2,)] a",
     "dynamic_slice: takes one index per axis, 1 of them, got 0"},
    {"a:f32[2,3]", "c:f32[2,3] = cholesky a", "cholesky: the matrix must be square, got f32[2,3]"},
    {"a:f32[0]", "c:i32[] = argmax[axes=(0,) index_dtype=int32] a", "argmax: axis 0 of f32[0] has no elements"},
    {"a:f32[3] b:f32[3]", "c:f32[3] = jit[name=f jaxpr={ lambda ; d:f32[3]. let  in (d,) }] a b",
     "jit: its jaxpr takes 1 input, got 2 operands"},
    {"a:f32[3]", "c:f32[3] = jit[name=f jaxpr={ lambda ; d:f32[4]. let  in (d,) }] a",
     "jit: its jaxpr's input 0 must be f32[4], got f32[3]"},
    {"a:f32[] b:f32[4]",
     "c:f32[] = scan[jaxpr={ lambda ; d:f32[] e:f32[]. let f:f32[] = add d e in (f,) } length=5 num_carry=1 "
     "num_consts=0 reverse=False unroll=1] a b",
     "scan: xs must have 5 steps, got f32[4]"},
    {"a:f32[]",
     "c:f32[] = scan[jaxpr={ lambda ; d:f32[]. let e:f32[2] = broadcast_in_dim d in (e,) } length=5 num_carry=1 "
     "num_consts=0 reverse=False unroll=1] a",
     "scan: the body must return carry 0 as f32[], got f32[2]"},
    {"a:f32[]",
     "c:f32[] = while[body_jaxpr={ lambda ; d:f32[]. let  in (d,) } body_nconsts=0 cond_jaxpr={ lambda ; d:f32[]. let "
     " in (d,) } cond_nconsts=0] a",
     "while: the condition must return one boolean, got f32[]"},
    {"a:i32[] b:f32[2]",
     "c:f32[2] = cond[branches=( { lambda ; d:f32[2]. let  in (d,) } { lambda ; d:f32[2]. let e:f32[] = "
     "reduce_sum[axes=(0,)] d in (e,) } )] a b",
     "cond: branches must return equal types, got f32[2] and f32[]"},
    {"a:u32[3]", "c:key<fry>[] = random_wrap[impl=fry] a", "random_wrap: the operand must be u32[...,2], got u32[3]"},
    {"a:f32[2,3,5] b:f32[4,2,3]",
     "c:f32[2,4,3] = conv_general_dilated[batch_group_count=1 dimension_numbers=ConvDimensionNumbers(lhs_spec=(0, 1, "
     "2), rhs_spec=(0, 1, 2), out_spec=(0, 1, 2)) feature_group_count=1 lhs_dilation=(1,) padding=((0, 0),) "
     "rhs_dilation=(1,) window_strides=(1,)] a b",
     "conv_general_dilated: feature extents must agree, got 3 / 1 groups and 2"},
};

TEST(TypeRules, SayWhatDoesNotFit) {
  for (const Case& row : cases) {
    const std::string text = fmt::format("{{ lambda ; {}. let {} in (c,) }}", row.binders, row.equation);
    EXPECT_EQ(complaint(text), row.message) << row.equation;
  }
}

// Draws an array from a domain's interval; keys and integers are drawn as whole numbers.
Array drawn(DType dtype, const ir::Interval& values, std::uint64_t& state) {
  constexpr std::int64_t count = 4;
  std::vector<double> numbers;
  for (std::int64_t i = 0; i < count; ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    const double unit = static_cast<double>(state >> 11) / 9007199254740992.0;
    numbers.push_back(values.low + (values.high - values.low) * unit);
  }
  const ir::Jaxpr identity = ir::parse(
      fmt::format("{{ lambda ; a:f64[4]. let b:{}[4] = convert_element_type[new_dtype={} weak_type=False] a in (b,) }}",
                  name(dtype), numpy_name(dtype)),
      "draw");
  const Array source = Array::of<double>({count}, std::span<const double>(numbers));
  return compiler::evaluate(identity, {}, std::span(&source, 1)).at(0);
}

// Every elementwise primitive and dtype of its domain: the type that the rule gives is the type of the values.
TEST(Domains, GiveValuesOfTheInferredType) {
  std::uint64_t state = 1;
  for (std::size_t i = 0; i < ir::primitive_count; ++i) {
    const auto primitive = static_cast<ir::Primitive>(i);
    if (ir::kind(primitive) != ir::Kind::map) continue;
    const ir::Domain& domain = ir::domain(primitive);
    for (DType dtype : {DType::boolean, DType::i2, DType::i4, DType::i8, DType::i32, DType::u2, DType::u8, DType::u64,
                        DType::f16, DType::bf16, DType::f32, DType::f64, DType::f8_e4m3fn, DType::c64, DType::c128}) {
      if (!ir::contains(domain.dtypes, dtype)) continue;
      if (primitive == ir::Primitive::select_n && dtype != DType::boolean && dtype != DType::i32) continue;
      const bool parts = primitive == ir::Primitive::complex || primitive == ir::Primitive::conj;
      if (parts && dtype != DType::f32 && dtype != DType::f64 && !is_complex(dtype)) continue;
      ir::Jaxpr jaxpr;
      ir::Equation equation{primitive, {}, {}, {}, {}};
      if (primitive == ir::Primitive::integer_pow) equation.parameters.set("y", {std::int64_t{2}});
      if (primitive == ir::Primitive::convert_element_type)
        equation.parameters.set("new_dtype", {ir::Parameter::Symbol{"float32"}});
      if (primitive == ir::Primitive::reduce_precision) {
        equation.parameters.set("exponent_bits", {std::int64_t{5}});
        equation.parameters.set("mantissa_bits", {std::int64_t{3}});
      }
      std::vector<Array> inputs;
      std::vector<Type> types;
      const auto operands = std::min<std::int64_t>(domain.operands.maximum, 3);
      for (std::int64_t operand = 0; operand < operands; ++operand) {
        inputs.push_back(drawn(dtype, domain.values[operand], state));
        types.push_back(inputs.back().type());
        jaxpr.inputs.push_back(jaxpr.add_variable(types.back()));
        equation.inputs.push_back(jaxpr.inputs.back());
      }
      for (const Type& type : ir::infer_types(equation, types, {})) {
        equation.outputs.push_back(jaxpr.add_variable(type));
        jaxpr.outputs.push_back(equation.outputs.back());
      }
      jaxpr.equations.push_back(equation);
      const auto results = compiler::evaluate(jaxpr, {}, inputs);
      ASSERT_EQ(results.size(), 1u) << ir::name(primitive);
      EXPECT_EQ(results[0].type(), jaxpr.output_types()[0]) << ir::name(primitive);
    }
  }
}

TEST(Records, AreAllEvaluatedAndLowered) {
  for (std::size_t i = 0; i < ir::primitive_count; ++i) {
    const auto primitive = static_cast<ir::Primitive>(i);
    EXPECT_FALSE(compiler::record(primitive).evaluate.missing()) << ir::name(primitive);
    EXPECT_FALSE(compiler::record(primitive).lower.missing()) << ir::name(primitive);
  }
}

}  // namespace
}  // namespace jaxc
