// The verifier and the parameters' accessors: the messages of what they refuse.
#include "ir/verify.h"

#include <gtest/gtest.h>

#include "ir/parser.h"
#include "ir/printer.h"
#include "ir/source.h"
#include "jaxc/error.h"

namespace jaxc::ir {
namespace {

template <typename Action>
std::string error_of(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

std::string verify_error(const Jaxpr& jaxpr) {
  return error_of([&] { verify(jaxpr); });
}

const Type f32_2{DType::f32, {2}};

/// { lambda ; a:f32[2]. let b:f32[2] = sin a in (b,) }
Jaxpr sine() {
  Jaxpr jaxpr;
  const Variable a = jaxpr.add_variable(f32_2);
  const Variable b = jaxpr.add_variable(f32_2);
  jaxpr.inputs = {a};
  jaxpr.equations.push_back({Primitive::sin, {}, {a}, {b}, {}});
  jaxpr.outputs = {b};
  return jaxpr;
}

TEST(Verify, AcceptsAProgramThatCodeBuilt) {
  EXPECT_EQ(verify_error(sine()), "");
  EXPECT_EQ(print(sine()), "{ lambda ; a:f32[2]. let\n    b:f32[2] = sin a\n  in (b,) }\n");
}

TEST(Verify, RefusesAVariableThatIsNotThere) {
  Jaxpr jaxpr = sine();
  jaxpr.outputs = {Variable{7}};
  EXPECT_EQ(verify_error(jaxpr), "variable: 7 is not one of the jaxpr's 2");
}

TEST(Verify, RefusesASecondAssignment) {
  Jaxpr jaxpr = sine();
  jaxpr.equations.push_back(jaxpr.equations[0]);
  EXPECT_EQ(verify_error(jaxpr), "variable: 1 is assigned twice\n  c:f32[2] = sin a");
}

TEST(Verify, RefusesAUseBeforeTheAssignment) {
  Jaxpr jaxpr = sine();
  jaxpr.equations[0].inputs = {Variable{1}};
  EXPECT_EQ(verify_error(jaxpr), "variable: 1 is used before it is assigned\n  b:f32[2] = sin b");
}

TEST(Verify, RefusesALiteralOfAnotherType) {
  Jaxpr jaxpr = sine();
  jaxpr.outputs = {Literal{{DType::f32, {}}, std::int64_t{1}}};
  EXPECT_EQ(verify_error(jaxpr), "literal: its value does not fit its type, f32[]");
}

TEST(Verify, RefusesExtentsBeyondTheLimits) {
  Jaxpr jaxpr = sine();
  jaxpr.variables[0].shape = {-3};
  EXPECT_EQ(verify_error(jaxpr), "shape: extents must not be negative, got [-3]");
}

TEST(Verify, RefusesWrongTypesWithinABody) {
  const Jaxpr jaxpr = parse(
      "{ lambda ; a:f32[2]. let\n  b:f32[2] = jit[name=f jaxpr={ lambda ; a:f32[2]. let\n    b:f32[3] = sin a\n  in "
      "(b,) "
      "}] a\n in (b,) }",
      "text");
  const std::string message = verify_error(jaxpr);
  EXPECT_TRUE(message.starts_with("sin: ")) << message;
  EXPECT_TRUE(message.ends_with("\n  line 3:5: _:f32[3] = sin a") ||
              message.ends_with("\n  line 3:5: b:f32[3] = sin a"))
      << message;
}

TEST(Verify, RefusesAScattersFunctionOfOtherTypes) {
  const auto scatter = [](const std::string& function) {
    return verify_error(parse(
        "{ lambda ; a:f32[6] b:i32[2,1] c:f32[2]. let d:f32[6] = scatter[dimension_numbers=ScatterDimensionNumbers("
        "update_window_dims=(), inserted_window_dims=(0,), scatter_dims_to_operand_dims=(0,), "
        "operand_batching_dims=(), scatter_indices_batching_dims=()) indices_are_sorted=False "
        "mode=GatherScatterMode.CLIP unique_indices=False update_consts=() update_jaxpr=" +
            function + "] a b c in (d,) }",
        "text"));
  };
  EXPECT_EQ(scatter("{ lambda ; a:f32[] b:f32[]. let c:f32[] = sin a in (c,) }"), "");
  const std::string message = scatter("{ lambda ; a:f32[] b:f64[]. let c:f32[] = sin a in (c,) }");
  EXPECT_TRUE(message.starts_with("scatter: update_jaxpr's input 1 must be f64[], got f32[]")) << message;
}

TEST(Verify, ShowsTheLineOfATextAndACaret) {
  const Source source(
      "{ lambda ; a:f32[2]. let\n"
      "  c:f32[2] = jit[\n"
      "    jaxpr={ lambda ; a:f32[2]. let\n"
      "      b:f32[3] = sin a\n"
      "    in (b,) }\n"
      "  ] a a\n"
      "in (c,) }",
      "x.jaxpr");
  EXPECT_EQ(error_of([&] { verify(parse(source), source); }),
            "x.jaxpr:4:7: sin: output 0 must be declared f32[2], got f32[3]\n"
            "        b:f32[3] = sin a\n"
            "        ^");
}

TEST(Verify, CountsInTheSingularAndThePlural) {
  const Source source("{ lambda ; a:f32[2]. let b:f32[2] = jit[jaxpr={ lambda ; a:f32[2]. let in (a,) }] a a in (b,) }",
                      "text");
  const std::string message = error_of([&] { verify(parse(source), source); });
  EXPECT_EQ(message.substr(0, message.find('\n')), "text:1:26: jit: its jaxpr takes 1 input, got 2 operands");
}

TEST(Verify, RefusesJaxprsThatAreNestedTooDeep) {
  Jaxpr jaxpr = sine();
  for (int i = 0; i < 1001; ++i) {
    Jaxpr outer = sine();
    outer.equations[0].primitive = Primitive::closed_call;
    outer.equations[0].parameters.set("call_jaxpr", {std::make_shared<const Jaxpr>(std::move(jaxpr))});
    jaxpr = std::move(outer);
  }
  EXPECT_EQ(verify_error(jaxpr), "program: jaxprs are nested more than 1000 deep");
}

TEST(Describe, ShowsOneEquationOnOneLine) {
  const Jaxpr jaxpr = parse(
      "{ lambda ; a:f32[2]. let\n    b:f32[2] = jit[name=f jaxpr={ lambda ; a:f32[2]. let b:f32[2] = sin a in (b,) }] "
      "a\n"
      "  in (b,) }",
      "text");
  EXPECT_EQ(describe(jaxpr, jaxpr.equations[0]), "line 2:5: b:f32[2] = jit[name=f jaxpr={...}] a");
}

TEST(StructuralEquality, IgnoresNamesAndPlacesOnly) {
  const auto equal = [](std::string_view left, std::string_view right) {
    return structurally_equal(parse(left, "left"), parse(right, "right"));
  };
  const std::string_view text = "{ lambda ; a:f32[2]. let b:f32[2] = sin a; c:f32[2] = add a b in (c,) }";
  EXPECT_TRUE(equal(text, "{ lambda ; x:f32[2]. let\n\n y:f32[2] = sin x\n z:f32[2] = add x y in (z,) }"));
  for (const std::string_view other : {
           "{ lambda ; a:f32[2]. let b:f32[2] = cos a; c:f32[2] = add a b in (c,) }",
           "{ lambda ; a:f32[2]. let b:f32[2] = sin a; c:f32[2] = add b a in (c,) }",
           "{ lambda ; a:f32[2]. let b:f32[2] = sin a; c:f32[2] = add a b in (b,) }",
           "{ lambda ; a:f32[2]. let b:f32[2] = sin a; c:f32[2] = add a b in (c, c) }",
           "{ lambda ; a:f32[3]. let b:f32[3] = sin a; c:f32[3] = add a b in (c,) }",
           "{ lambda a:f32[2] ; . let b:f32[2] = sin a; c:f32[2] = add a b in (c,) }",
           "{ lambda ; a:f32[2]. let b:f32[2] = sin[accuracy=1] a; c:f32[2] = add a b in (c,) }",
           "{ lambda ; a:f32[2]. let b:f32[2] = sin a; c:f32[2] = add a 0.0:f32[] in (c,) }",
       }) {
    EXPECT_FALSE(equal(text, other)) << other;
  }
  EXPECT_FALSE(equal("{ lambda ; . let in (0.0:f32[],) }", "{ lambda ; . let in (-0.0:f32[],) }"));
  EXPECT_TRUE(equal("{ lambda ; . let in (nan:f32[],) }", "{ lambda ; . let in (-nan:f32[],) }"));
}

TEST(Parameters, AreReadByKind) {
  const Jaxpr jaxpr = parse(
      "{ lambda ; a:f32[2]. let b:f32[2] = copy[axes=(0, 1) big=18446744073709551615 dtype=float32 flag=True none=None "
      "pairs=((0, 1), (2, 3)) real=0.5 tree=Names(x=1) name=<lambda>] a in (b,) }",
      "text");
  const Parameters& parameters = jaxpr.equations[0].parameters;
  EXPECT_EQ(parameters.integers("axes"), (std::vector<std::int64_t>{0, 1}));
  EXPECT_EQ(parameters.integers_or("none", {5}), (std::vector<std::int64_t>{5}));
  EXPECT_EQ(parameters.dtype("dtype"), DType::f32);
  EXPECT_EQ(parameters.optional_dtype("none"), std::nullopt);
  EXPECT_TRUE(parameters.boolean("flag"));
  EXPECT_TRUE(parameters.boolean_or("absent", true));
  EXPECT_EQ(parameters.integer_pairs("pairs"), (std::vector<std::pair<std::int64_t, std::int64_t>>{{0, 1}, {2, 3}}));
  EXPECT_EQ(parameters.real("real"), 0.5);
  EXPECT_EQ(parameters.call("tree").name, "Names");
  EXPECT_EQ(parameters.symbol_or_empty("name"), "<lambda>");
  EXPECT_EQ(parameters.symbol_or_empty("absent"), "");
  EXPECT_EQ(error_of([&] { parameters.integer("absent"); }), "parameter absent is missing");
  EXPECT_EQ(error_of([&] { parameters.integer("big"); }),
            "parameter big: must be an integer of 64 bits, got an integer");
  EXPECT_EQ(error_of([&] { parameters.boolean("axes"); }), "parameter axes: must be True or False, got a tuple");
  EXPECT_EQ(error_of([&] { parameters.integer_pairs("axes"); }),
            "parameter axes: must be a tuple of integers, got an integer");
  EXPECT_EQ(error_of([&] { parameters.dtype("name"); }),
            "parameter name: must be a dtype such as float32, got <lambda>");
  EXPECT_EQ(error_of([&] { parameters.jaxpr("real"); }), "parameter real: must be a jaxpr, got a real number");
}

struct BadScan {
  std::string parameters;
  std::string message;
};

class BadScans : public testing::TestWithParam<BadScan> {};

TEST_P(BadScans, AreErrors) {
  const Jaxpr jaxpr = parse(
      "{ lambda ; a:f32[] b:f32[3]. let c:f32[] d:f32[3] = scan[jaxpr={ lambda ; e:f32[] f:f32[]. let in (e, f) } " +
          GetParam().parameters + "] a b in (c, d) }",
      "text");
  EXPECT_EQ(error_of([&] { scan_shape(jaxpr.equations[0]); }), GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(
    ScanShape, BadScans,
    testing::Values(
        BadScan{"length=3", "scan: must have num_consts and num_carry, or ft_in and ft_out"},
        BadScan{"length=-1", "scan: length must not be negative, got -1"},
        BadScan{"length=3 num_carry=3 num_consts=0",
                "scan: num_consts and num_carry must be within the 2 operands, got 0 and 3"},
        BadScan{"length=3 num_carry=-1 num_consts=0",
                "scan: num_consts and num_carry must be within the 2 operands, got 0 and -1"},
        BadScan{"length=3 num_carry=9223372036854775807 num_consts=1",
                "scan: num_consts and num_carry must be within the 2 operands, got 1 and 9223372036854775807"},
        BadScan{"length=3 ft_in=((), (None,)) ft_out=((None,), (None,))", "scan: ft_in must have 3 groups of leaves"},
        BadScan{"length=3 ft_in=((), (None,), ()) ft_out=((None,), (None,))",
                "scan: ft_in must have a leaf for each operand, got 1 and 2 operands"},
        BadScan{"length=3 ft_in=((), (None,), (None,)) ft_out=((), (None, None))",
                "scan: ft_out must have as many carries as ft_in, got 0 and 1"},
        BadScan{"length=3 ft_in=((), (None,), (None,)) ft_out=((None,), (None, None))",
                "scan: jaxpr must have an output for each carry and each y, got 2 and 3"},
        BadScan{"length=3 ft_in=Pytree(vals=[None], tree=PyTreeDef(([], [*], [*]))) ft_out=((None,), (None,))",
                "scan: ft_in must have a value for each star of its tree"},
        BadScan{"length=3 ft_in=Pytree(vals=[None, None], tree=PyTreeDef(([], [*], []))) ft_out=((None,), (None,))",
                "scan: ft_in must have a star in its tree for each value"}));

}  // namespace
}  // namespace jaxc::ir
