// The parser: each form that a version of JAX prints, and the message for each thing that is refused.
#include "ir/parser.h"

#include <gtest/gtest.h>

#include "ir/printer.h"
#include "ir/verify.h"
#include "jaxc/error.h"

namespace jaxc::ir {
namespace {

/// The text that parse and print make of a text.
std::string normal_form(std::string_view text) {
  return print(parse(text, "text"));
}

std::string error_of(std::string_view text) {
  try {
    parse(text, "text");
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

// Forms ------------------------------------------------------------------------------------------------

struct Form {
  std::string name;
  std::string text;
  std::string same_as;  ///< another text of the same program
};

class Forms : public testing::TestWithParam<Form> {};

TEST_P(Forms, MeanTheSame) {
  const Jaxpr jaxpr = parse(GetParam().text, "text");
  const Jaxpr expected = parse(GetParam().same_as, "expected");
  EXPECT_TRUE(structurally_equal(jaxpr, expected)) << print(jaxpr) << print(expected);
  EXPECT_TRUE(structurally_equal(parse(print(jaxpr), "printed"), jaxpr)) << print(jaxpr);
  EXPECT_NO_THROW(verify(jaxpr));
}

const std::string scan_body =
    "{ lambda ; a:f32[3] b:f32[] c:f32[]. let d:f32[] = mul b c; e:f32[] = reduce_sum[axes=(0,)] a; "
    "f:f32[] = add d e in (f, d) }";

std::string scan(const std::string& parameters) {
  return "{ lambda ; a:f32[3] b:f32[] c:f32[5]. let d:f32[] e:f32[5] = scan[" + parameters + "] a b c in (d, e) }";
}

std::string wrap(const std::string& equations, const std::string& outputs = "(c,)") {
  return "{ lambda ; a:f32[2] b:f32[2]. let " + equations + " in " + outputs + " }";
}

INSTANTIATE_TEST_SUITE_P(
    Parser, Forms,
    testing::Values(
        Form{"UntypedLiteral", wrap("c:f32[2] = mul a 2.0"), wrap("c:f32[2] = mul a 2.0:f32[]")},
        Form{"UntypedComparison", wrap("c:bool[2] = gt a 2.0"), wrap("c:bool[2] = gt a 2.0:f32[]")},
        Form{"UntypedHalf", "{ lambda ; a:bf16[2]. let b:bf16[2] = add 0.5 a in (b,) }",
             "{ lambda ; a:bf16[2]. let b:bf16[2] = add 0.5:bf16[] a in (b,) }"},
        Form{"UntypedExponent", wrap("c:f32[2] = pow a 2"), wrap("c:f32[2] = pow a 2:i32[]")},
        Form{"UntypedUnsigned", "{ lambda ; a:u8[2]. let b:u8[2] = and a 3 in (b,) }",
             "{ lambda ; a:u8[2]. let b:u8[2] = and a 3:u8[] in (b,) }"},
        Form{"UntypedInfinity", wrap("c:f32[2] = max a -inf"), wrap("c:f32[2] = max a -inf:f32[]")},
        Form{"UntypedNan", wrap("c:f32[2] = max a nan"), wrap("c:f32[2] = max a nan:f32[]")},
        Form{"UntypedComplex", "{ lambda ; a:c64[2]. let b:c64[2] = mul a (1+2j) in (b,) }",
             "{ lambda ; a:c64[2]. let b:c64[2] = mul a (1+2j):c64[] in (b,) }"},
        Form{"UntypedImaginary", "{ lambda ; a:c64[2]. let b:c64[2] = mul a 2j in (b,) }",
             "{ lambda ; a:c64[2]. let b:c64[2] = mul a (0+2j):c64[] in (b,) }"},
        Form{"UntypedPadding", wrap("c:f32[3] = pad[padding_config=((1, 0, 0),)] a 0.0"),
             wrap("c:f32[3] = pad[padding_config=((1, 0, 0),)] a 0.0:f32[]")},
        Form{"UntypedIndex", wrap("c:f32[1] = dynamic_slice[slice_sizes=(1,)] a 1"),
             wrap("c:f32[1] = dynamic_slice[slice_sizes=(1,)] a 1:i32[]")},
        Form{"UntypedPredicate", "{ lambda ; a:f32[]. let b:f32[] = select_n True a 1.0 in (b,) }",
             "{ lambda ; a:f32[]. let b:f32[] = select_n True:bool[] a 1.0:f32[] in (b,) }"},
        Form{"UntypedOutputs", "{ lambda ; . let in (1.0, 2, True, 1j) }",
             "{ lambda ; . let in (1.0:f32[], 2:i32[], True:bool[], (0+1j):c64[]) }"},
        Form{"UntypedCallOperandAndOutput",
             "{ lambda ; . let a:f16[] = pjit[name=f jaxpr={ lambda ; b:f16[]. let in (2.5,) }] 1.5 in (a,) }",
             "{ lambda ; . let a:f16[] = pjit[name=f jaxpr={ lambda ; b:f16[]. let in (2.5:f16[],) }] 1.5:f16[] "
             "in (a,) }"},
        Form{"UntypedScan",
             "{ lambda ; a:i16[4]. let b:i16[] c:i16[4] = scan[jaxpr={ lambda ; d:i16[] e:i16[]. let in (7, 8) } "
             "length=4 linear=(False, False) num_carry=1 num_consts=0 reverse=False unroll=1] 0 a in (b, c) }",
             "{ lambda ; a:i16[4]. let b:i16[] c:i16[4] = scan[jaxpr={ lambda ; d:i16[] e:i16[]. let in (7:i16[], "
             "8:i16[]) } length=4 linear=(False, False) num_carry=1 num_consts=0 reverse=False unroll=1] 0:i16[] a "
             "in (b, c) }"},
        Form{"UntypedWhile",
             "{ lambda ; a:i8[]. let b:i8[] = while[body_jaxpr={ lambda ; c:i8[] d:i8[]. let e:i8[] = add d c in (e,) "
             "} body_nconsts=1 cond_jaxpr={ lambda ; f:i8[] g:i8[]. let h:bool[] = lt g f in (h,) } cond_nconsts=1] 5 "
             "1 a in (b,) }",
             "{ lambda ; a:i8[]. let b:i8[] = while[body_jaxpr={ lambda ; c:i8[] d:i8[]. let e:i8[] = add d c in (e,) "
             "} body_nconsts=1 cond_jaxpr={ lambda ; f:i8[] g:i8[]. let h:bool[] = lt g f in (h,) } cond_nconsts=1] "
             "5:i8[] 1:i8[] a in (b,) }"},
        Form{"UntypedCond",
             "{ lambda ; . let a:f64[] = cond[branches=( { lambda ; b:f64[]. let in (b,) } { lambda ; b:f64[]. let in "
             "(2.0,) } )] 1 0.5 in (a,) }",
             "{ lambda ; . let a:f64[] = cond[branches=({ lambda ; b:f64[]. let in (b,) }, { lambda ; b:f64[]. let in "
             "(2.0:f64[],) })] 1:i32[] 0.5:f64[] in (a,) }"},
        Form{"LetInValue",
             "{ lambda ; a:f32[]. let b:f32[] = jit[name=f jaxpr=let g = { lambda ; c:f32[]. let d:f32[] = sin c in "
             "(d,) } in { lambda ; c:f32[]. let d:f32[] = jit[name=g jaxpr=g] c in (d,) }] a in (b,) }",
             "{ lambda ; a:f32[]. let b:f32[] = jit[name=f jaxpr={ lambda ; c:f32[]. let d:f32[] = jit[name=g jaxpr={ "
             "lambda ; c:f32[]. let d:f32[] = sin c in (d,) }] c in (d,) }] a in (b,) }"},
        Form{"LetUsedBeforeItIsDefined",
             "let f = { lambda ; a:f32[]. let b:f32[] = jit[name=x jaxpr=g] a in (b,) } in let g = { lambda ; a:f32[]. "
             "let b:f32[] = sin a in (b,) } in { lambda ; a:f32[]. let b:f32[] = jit[name=x jaxpr=f] a in (b,) }",
             "{ lambda ; a:f32[]. let b:f32[] = jit[name=x jaxpr={ lambda ; a:f32[]. let b:f32[] = jit[name=x jaxpr={ "
             "lambda ; a:f32[]. let b:f32[] = sin a in (b,) }] a in (b,) }] a in (b,) }"},
        Form{
            "InnerLetShadowsOuter",
            "let f = { lambda ; a:f32[]. let b:f32[] = sin a in (b,) } in { lambda ; a:f32[]. let b:f32[] = jit[name=x "
            "jaxpr=let f = { lambda ; a:f32[]. let b:f32[] = cos a in (b,) } in { lambda ; a:f32[]. let b:f32[] = "
            "jit[name=y jaxpr=f] a in (b,) }] a; c:f32[] = jit[name=z jaxpr=f] b in (c,) }",
            "{ lambda ; a:f32[]. let b:f32[] = jit[name=x jaxpr={ lambda ; a:f32[]. let b:f32[] = jit[name=y jaxpr={ "
            "lambda ; a:f32[]. let b:f32[] = cos a in (b,) }] a in (b,) }] a; c:f32[] = jit[name=z jaxpr={ lambda ; "
            "a:f32[]. let b:f32[] = sin a in (b,) }] b in (c,) }"},
        Form{"NameOfALetAsOtherParameter",
             "let f = { lambda ; a:f32[]. let b:f32[] = sin a in (b,) } in { lambda ; a:f32[]. let b:f32[] = "
             "jit[name=f jaxpr=f] a; c:f32[] = jit[name=f jaxpr=f] b in (c,) }",
             "let jaxpr = { lambda ; a:f32[]. let b:f32[] = sin a in (b,) } in { lambda ; a:f32[]. let b:f32[] = "
             "jit[name=f jaxpr=jaxpr] a; c:f32[] = jit[name=f jaxpr=jaxpr] b in (c,) }"},
        Form{"KeywordsAsVariables",
             "{ lambda ; in:f32[2] inf:f32[2] nan:f32[2]. let\n let:f32[2] = add in inf\n if:f32[2] = mul in nan\n "
             "c:f32[2] = sub in if\n nan_:f32[2] = sub let c\n in (nan_, in) }",
             "{ lambda ; a:f32[2] b:f32[2] c:f32[2]. let d:f32[2] = add a b; e:f32[2] = mul a c; f:f32[2] = sub a e; "
             "g:f32[2] = sub d f in (g, a) }"},
        Form{"VariableNamedInfOnANewLine",
             "{ lambda ; a:f32[2]. let\n b:f32[2] = neg a\n inf:f32[2] = exp b\n c:f32[2] = max inf inf:f32[]\n in "
             "(c,) }",
             "{ lambda ; a:f32[2]. let b:f32[2] = neg a; d:f32[2] = exp b; c:f32[2] = max d inf:f32[] in (c,) }"},
        Form{"ComplexLiteralAfterIn", "{ lambda ; in:c64[]. let c:c64[] = mul in (1+2j):c64[] in (c,) }",
             "{ lambda ; a:c64[]. let c:c64[] = mul a (1+2j):c64[] in (c,) }"},
        Form{"OperandsOnManyLines", wrap("c:f32[4] = concatenate[dimension=0]\n a\n   b\n"),
             wrap("c:f32[4] = concatenate[dimension=0] a b")},
        Form{"BindersOnManyLines", wrap("c:f32[2]\n   d:f32[2] = optimization_barrier a b", "(c, d)"),
             wrap("c:f32[2] d:f32[2] = optimization_barrier a b", "(c, d)")},
        Form{"Colours", "\x1b[35m\x1b[1m{ lambda\x1b[0m ; a\x1b[34m:f32[2]\x1b[0m. let\x1b[K in (a,) }",
             "{ lambda ; a:f32[2]. let in (a,) }"},
        Form{"ByteOrderMarkAndCarriageReturns", "\xef\xbb\xbf{ lambda ; a:f32[2]. let\r\n  in (a,) }\r\n",
             "{ lambda ; a:f32[2]. let in (a,) }"},
        Form{"SourceComments", "{ lambda ; a:f32[2]. let # file.py:3:4 (f)\n b:f32[2] = sin a # }\n in (b,) }",
             "{ lambda ; a:f32[2]. let b:f32[2] = sin a in (b,) }"},
        Form{"MemorySpaceAndSharding",
             "{ lambda ; a:f32<host>[2@x,3] b:~f32[4@(x, y)]{V:x}. let c:f32[2,3]{R:y} = sin a in (c, b) }",
             "{ lambda ; a:f32[2,3] b:f32[4]. let c:f32[2,3] = sin a in (c, b) }"},
        Form{"NoEffects", "{ lambda ; a:f32[2]. let in (a,) : { } }", "{ lambda ; a:f32[2]. let in (a,) }"},
        Form{"NoOutputs", "{ lambda ; a:f32[2]. let in () }", "{ lambda ; b:f32[2]. let in () }"},
        Form{"DroppedResults",
             "{ lambda ; a:f32[2] _:i32[]. let _:f32[2] b:f32[2] = optimization_barrier a a in (b,) }",
             "{ lambda ; a:f32[2] d:i32[]. let c:f32[2] b:f32[2] = optimization_barrier a a in (b,) }"},
        Form{"DroppedResultThatIsAnOutput",
             "{ lambda ; a:f32[2]. let b:f32[2] _:i32[2] = jit[name=f jaxpr={ lambda ; a:f32[2]. let _:f32[2] = sin a; "
             "_:i32[2] = iota[dimension=0 dtype=int32 shape=(2,)]; b:f32[2] = cos a in (b, _) }] a in (b,) }",
             "{ lambda ; a:f32[2]. let b:f32[2] c:i32[2] = jit[name=f jaxpr={ lambda ; a:f32[2]. let d:f32[2] = sin a; "
             "c:i32[2] = iota[dimension=0 dtype=int32 shape=(2,)]; b:f32[2] = cos a in (b, c) }] a in (b,) }"},
        Form{"DroppedResultThatIsAnOperand", "{ lambda ; a:f32[2]. let _:f32[2] = sin a; b:f32[2] = cos _ in (b, _) }",
             "{ lambda ; a:f32[2]. let c:f32[2] = sin a; b:f32[2] = cos c in (b, c) }"},
        Form{"PythonNumbers", wrap("c:f32[2,1] = reshape[dimensions=None new_sizes=(np.int64(2), numpy.int32(1))] a"),
             wrap("c:f32[2,1] = reshape[dimensions=None new_sizes=(2, 1)] a")},
        Form{"PythonBooleans", wrap("c:f32[2] = cumsum[axis=0 reverse=np.True_] a"),
             wrap("c:f32[2] = cumsum[axis=0 reverse=True] a")},
        Form{"DTypeForms", wrap("c:i32[2] = convert_element_type[new_dtype=dtype('int32') weak_type=False] a"),
             wrap("c:i32[2] = convert_element_type[new_dtype=int32 weak_type=False] a")},
        Form{"DTypeClass",
             wrap("c:i32[2] = convert_element_type[new_dtype=<class 'jax.numpy.int32'> weak_type=False] a"),
             wrap("c:i32[2] = convert_element_type[new_dtype=int32 weak_type=False] a")},
        Form{"EnumRepresentation", wrap("c:f32[2] = round[rounding_method=<RoundingMethod.TO_NEAREST_EVEN: 1>] a"),
             wrap("c:f32[2] = round[rounding_method=RoundingMethod.TO_NEAREST_EVEN] a")},
        Form{"ScanUpTo09",
             scan("_split_transpose=False jaxpr=" + scan_body +
                  " length=5 linear=(False, False, False) num_carry=1 num_consts=1 reverse=False unroll=1"),
             scan("_split_transpose=False jaxpr=" + scan_body +
                  " length=5 linear=(False, False, False) num_carry=1 num_consts=1 reverse=False unroll=1")},
        Form{"AssociativeScan",
             "{ lambda ; a:f32[8]. let b:f32[8] = associative_scan[axis=0 jaxpr={ lambda ; c:f32[1] d:f32[1]. let "
             "e:f32[1] = add c d in (e,) } num_consts=0 reverse=False] a in (b,) }",
             "{ lambda ; a:f32[8]. let b:f32[8] = associative_scan[axis=0 jaxpr={ lambda ; c:f32[1] d:f32[1]. let "
             "e:f32[1] = add c d in (e,) } num_consts=0 reverse=False] a in (b,) }"},
        Form{"UnknownWrapper",
             wrap("c:f32[2] = my_checkpoint[policy=None body={ lambda ; a:f32[2]. let b:f32[2] = sin a in (b,) }] a"),
             wrap("c:f32[2] = closed_call[name=my_checkpoint call_jaxpr={ lambda ; a:f32[2]. let b:f32[2] = sin a in "
                  "(b,) }] a")},
        Form{"OldCustomDerivative",
             wrap("c:f32[2] = custom_vjp_call_jaxpr[bwd=<function g at 0x7f00> fun_jaxpr={ lambda ; a:f32[2]. let "
                  "b:f32[2] = sin a in (b,) } fwd_jaxpr_thunk=<function f.<locals>.h at 0x7f00> num_consts=0 "
                  "out_trees=<function t at 0x7f00> symbolic_zeros=False] a"),
             wrap("c:f32[2] = closed_call[name=custom_vjp_call_jaxpr call_jaxpr={ lambda ; a:f32[2]. let b:f32[2] = "
                  "sin a in (b,) }] a")},
        Form{"PassThrough", wrap("c:f32[2] d:f32[2] = nontraceable[name='dense layer'] a b"),
             wrap("c:f32[2] d:f32[2] = optimization_barrier[name=nontraceable] a b")},
        Form{"LetNamedByAPhrase",
             "let my f[0] = { lambda ; a:f32[]. let b:f32[] = sin a in (b,) } in let my f = { lambda ; a:f32[]. let "
             "b:f32[] = cos a in (b,) } in { lambda ; a:f32[]. let b:f32[] = jit[name=my f[0] jaxpr=my f[0]] a; "
             "c:f32[] = jit[name=<my f> jaxpr=my f] b in (c,) }",
             "{ lambda ; a:f32[]. let b:f32[] = jit[name=my f[0] jaxpr={ lambda ; a:f32[]. let b:f32[] = sin a in (b,) "
             "}] a; c:f32[] = jit[name=<my f> jaxpr={ lambda ; a:f32[]. let b:f32[] = cos a in (b,) }] b in (c,) }"},
        Form{"UnusedLet", "let f = { lambda ; a:f32[]. let in (a,) } in { lambda ; a:f32[]. let in (a,) }",
             "{ lambda ; a:f32[]. let in (a,) }"}),
    [](const auto& info) { return info.param.name; });

// A parameter's value -----------------------------------------------------------------------------------

struct Value {
  std::string text;
  std::string printed;
};

class Values : public testing::TestWithParam<Value> {};

TEST_P(Values, AreReadAndPrinted) {
  const std::string text = normal_form(wrap("c:f32[2] = copy[key=" + GetParam().text + " last=1] a"));
  EXPECT_NE(text.find("copy[key=" + GetParam().printed + " last=1]"), std::string::npos) << text;
  EXPECT_EQ(normal_form(text), text);
}

INSTANTIATE_TEST_SUITE_P(
    Parser, Values,
    testing::Values(Value{"None", "None"}, Value{"True", "True"}, Value{"-3", "-3"},
                    Value{"18446744073709551615", "18446744073709551615"}, Value{"1e-06", "1e-06"},
                    Value{"-inf", "-inf"}, Value{"nan", "nan"}, Value{"0.1", "0.1"}, Value{"100.0", "100.0"},
                    Value{"(1+2j)", "(1+2j)"}, Value{"(-0-1.5j)", "(-0-1.5j)"}, Value{"()", "()"},
                    Value{"(1,)", "(1,)"}, Value{"[1,2]", "[1, 2]"}, Value{"((1, 0), [])", "((1, 0), [])"},
                    Value{"<lambda>", "<lambda>"},
                    Value{"<function f.<locals>.g at 0x7f1>", "<function f.<locals>.g at 0x7f1>"},
                    Value{"GatherScatterMode.CLIP", "GatherScatterMode.CLIP"}, Value{"'it is'", "'it is'"},
                    Value{"Names(a=(0,), b=None, 3)", "Names(a=(0,), b=None, 3)"},
                    Value{"PyTreeDef(([*], {'a': *, 2: *}))", "PyTreeDef(([*], {'a': *, 2: *}))"},
                    Value{"frozenset({1, 2})", "frozenset({1, 2})"}, Value{"two  words", "two words"}, Value{"", ""},
                    Value{"a/b-c.d", "a/b-c.d"}, Value{"array([1, 2],\n dtype=int32)", "array([1, 2], dtype=int32)"},
                    Value{"NamedSharding(mesh=Mesh('x': 1), spec=P('x',))",
                          "NamedSharding(mesh=Mesh('x': 1), spec=P('x',))"},
                    Value{"jit(f)->g", "jit(f)->g"}, Value{"it's\n g's", "it's g's"}));

// Scans --------------------------------------------------------------------------------------------------

struct ScanForm {
  std::string parameters;
  std::int64_t constants;
  std::int64_t carries;
  std::int64_t stacked;
  std::vector<bool> kept;
};

class ScanForms : public testing::TestWithParam<ScanForm> {};

TEST_P(ScanForms, GiveTheGroups) {
  const Jaxpr jaxpr =
      parse(scan("jaxpr=" + scan_body + " length=5 reverse=True unroll=1 " + GetParam().parameters), "");
  const ScanShape shape = scan_shape(jaxpr.equations[0]);
  EXPECT_EQ(shape.constants, GetParam().constants);
  EXPECT_EQ(shape.carries, GetParam().carries);
  EXPECT_EQ(shape.stacked, GetParam().stacked);
  EXPECT_EQ(shape.kept, GetParam().kept);
  EXPECT_EQ(shape.length, 5);
  EXPECT_TRUE(shape.reverse);
}

INSTANTIATE_TEST_SUITE_P(
    Parser, ScanForms,
    testing::Values(
        ScanForm{"num_carry=1 num_consts=1", 1, 1, 1, {true}},
        ScanForm{"ft_in=((None,), (None,), (None,)) ft_out=((None,), (RightsOnly(Right(None)),))", 1, 1, 1, {true}},
        ScanForm{"ft_in=((None,), (None,), (None,)) ft_out=((None,), (RightsOnly(Left(None)),))", 1, 1, 1, {false}},
        ScanForm{"ft_in=(((None,), ()), ((None,), ()), ((), (None,))) ft_out=(((None,), ()), ((), (None,)))",
                 1,
                 1,
                 1,
                 {true}},
        ScanForm{"ft_in=Pytree(vals=[None, None, None], tree=PyTreeDef((([*], []), ([], [*]), {'x': *}))) "
                 "ft_out=(Pytree(vals=[None], tree=PyTreeDef(([*], []))), "
                 "(RightsOnly(RightsOnly(Right(Right(None)))),))",
                 1,
                 1,
                 1,
                 {true}},
        ScanForm{"ft_in=((None,), (None,), (None,)) "
                 "ft_out=Pytree(vals=[None, RightsOnly(Left(None))], tree=PyTreeDef(([*], [*])))",
                 1,
                 1,
                 1,
                 {false}}));

// Errors -------------------------------------------------------------------------------------------------

struct Refused {
  std::string text;
  std::string message;  ///< the first line, without the origin
};

class Errors : public testing::TestWithParam<Refused> {};

TEST_P(Errors, SayWhereAndWhy) {
  const std::string message = error_of(GetParam().text);
  EXPECT_EQ(message.substr(0, message.find('\n')), "text:" + GetParam().message);
}

Refused unknown_primitive(const std::string& equation, const std::string& message) {
  return {"{ lambda ; a:f32[2]. let\n " + equation + "\n in (a,) }", "2:" + message};
}

const std::string callback = "callbacks into Python cannot run in a compiled program; remove the callback";
const std::string collective =
    "collectives need several devices, and a program runs on one; remove the pmap or shard_map";
const std::string reference =
    "references to mutable memory have no values to compute with; write the program with pure functions";
const std::string sharding = "sharding needs several devices, and a program runs on one; export it without sharding";
const std::string effect = "effects order computations by more than their values; remove the effect";

INSTANTIATE_TEST_SUITE_P(
    Parser, Errors,
    testing::Values(
        Refused{"", "1:1: expected '{' for a jaxpr, got the end of the text"},
        Refused{"x", "1:1: expected '{' for a jaxpr, got 'x'"},
        Refused{"{ a", "1:3: expected 'lambda' after '{', got 'a'"},
        Refused{"{ lambda ", "1:10: expected ';' between constants and inputs, got the end of the text"},
        Refused{"{ lambda ; a:f32[2]. in", "1:22: expected 'let' after the inputs, got 'in'"},
        Refused{"{ lambda ; a:f32[2]. let", "1:25: expected 'in' and the outputs, got the end of the text"},
        Refused{"{ lambda ; a:f32[2]. let in (a,) } x", "1:36: expected the end of the text, got 'x'"},
        Refused{"{ lambda ; a:f32[2] a:f32[2]. let in (a,) }", "1:21: the variable a is defined twice"},
        Refused{"{ lambda ; a:f32[2]. let a:f32[2] = sin a in (a,) }", "1:26: the variable a is defined twice"},
        Refused{"{ lambda ; a:f32[2]. let b:f32[2] = sin b in (b,) }",
                "1:41: the variable b is used before it is defined"},
        Refused{"{ lambda ; a:f32[2]. let in (b,) }", "1:30: the variable b is used before it is defined"},
        Refused{"{ lambda ; a:f32[2]. let in (a b) }", "1:32: expected ',' or ')' after an output, got 'b'"},
        Refused{"{ lambda ; a:f31[2]. let in (a,) }", "1:14: f31: this element type is unknown"},
        Refused{"{ lambda ; a:f32[2]. let b:f32[2] = None[jaxpr={ lambda ; a:f32[2]. let in (a,) }] a in (b,) }",
                "1:37: expected a primitive, got 'None'"},
        Refused{"{ lambda ; a:f32[2]. let b:f32[2] = copy[x== 1] a in (b,) }",
                "1:44: expected a value after the name of a parameter, got '='"},
        Refused{"{ lambda ; a:f32[2]. let b:f32[2] = copy[x=<y] a in (b,) }", "1:44: this '<' has no matching '>'"},
        Refused{"{ lambda ; a:f32. let in (a,) }", "1:17: expected '[' before the extents of a type, got '.'"},
        Refused{"{ lambda ; a:f32[-1]. let in (a,) }", "1:18: an extent must not be negative, got -1"},
        Refused{"{ lambda ; a:f32[1.5]. let in (a,) }", "1:18: an extent must be an integer of 64 bits"},
        Refused{"{ lambda ; a:f32[n]. let in (a,) }",
                "1:18: n: symbolic shapes have no size to compile for; export the program with concrete shapes"},
        Refused{"{ lambda ; a:f32[4611686018427387904]. let in (a,) }",
                "1:14: shape: an array has at most 2^40 elements, got [4611686018427387904]"},
        Refused{"{ lambda ; a:f32[4294967296,4294967296]. let in (a,) }",
                "1:14: shape: an array has at most 2^40 elements, got [4294967296,4294967296]"},
        Refused{"{ lambda ; a:f32[0,4611686018427387904]. let in (a,) }",
                "1:14: shape: an array has at most 2^40 elements, got [0,4611686018427387904]"},
        Refused{"{ lambda ; a:f64[1099511627776]. let in (a,) }",
                "1:14: type: an array takes at most 2^40 bytes, got f64[1099511627776]"},
        Refused{"{ lambda ; a:key<rbg>[]. let in (a,) }",
                "1:14: key<rbg>: random keys must be threefry's, key<fry>; choose jax_default_prng_impl=threefry2x32"},
        Refused{"{ lambda ; a:Ref{f32[2]}. let in () }", "1:14: Ref: " + reference},
        Refused{"{ lambda ; a:Token[]. let in () }", "1:14: Token: " + effect},
        Refused{"{ lambda ; a:i8[]. let b:i8[] = add a 300:i8[] in (b,) }", "1:39: literal: 300 is not a value of i8"},
        Refused{"{ lambda ; a:u8[]. let b:u8[] = add a -1:u8[] in (b,) }", "1:39: literal: -1 is not a value of u8"},
        Refused{"{ lambda ; a:i8[]. let b:i8[] = add a 1.5:i8[] in (b,) }", "1:39: literal: 1.5 is not a value of i8"},
        Refused{"{ lambda ; a:f32[]. let b:f32[] = add a True:f32[] in (b,) }",
                "1:41: literal: True is not a value of f32"},
        Refused{"{ lambda ; a:f32[2]. let b:f32[2] = add a 1.0:f32[2] in (b,) }",
                "1:43: a scalar literal must have a type of rank 0"},
        Refused{"{ lambda ; a:f32[2]. let b:f32[2] = add a [...] in (b,) }",
                "1:43: an array literal must have a type, as JAX prints it from 0.6.1 on"},
        Refused{"{ lambda ; a:f32[2]. let b:f32[2] = add a ? in (b,) }",
                "1:43: expected a variable or a literal, got '?'"},
        Refused{"{ lambda ; a:f32[2]. let b:f32[2] = sin[x=1 x=2] a in (b,) }", "1:45: the parameter x is given twice"},
        Refused{"{ lambda ; a:f32[2]. let b:f32[2] = sin[x=(1 a in (b,) }", "1:56: '}' closes nothing"},
        Refused{"{ lambda ; a:f32[2]. let b:f32[2] = sin[x=f 'g] a in (b,) }",
                "1:45: this string does not end on its line"},
        Refused{"{ lambda ; a:f32[2]. let b:f32[2] = sin[x=1", "1:43: the value of x does not end"},
        Refused{"{ lambda ; a:f32[2]. let b:f32[2] = jit[name=f jaxpr=f] a in (b,) }",
                "1:54: no let defines the jaxpr f"},
        Refused{"{ lambda ; a:f32[2]. let b:f32[2] = jit[jaxpr={ lambda ; a:f32[2]. let in (a,) } ?] a in (b,) }",
                "1:82: expected ']' or another parameter after jaxpr, got '?'"},
        Refused{"let f = { lambda ; . let in () } in let f = { lambda ; . let in () } in { lambda ; . let in () }",
                "1:41: the jaxpr f is defined twice"},
        Refused{"let = { lambda ; . let in () } in { lambda ; . let in () }",
                "1:5: expected a name and '= {' after let, got '='"},
        Refused{"let f { lambda ; . let in () } in { lambda ; . let in () }",
                "1:5: expected a name and '= {' after let, got 'f'"},
        Refused{"let f = { lambda ; . let in () in { lambda ; . let in () }", "1:9: this '{' has no matching '}'"},
        Refused{"let f = { lambda ; . let jit[name=f jaxpr=f] in () } in { lambda ; . let in () }",
                "1:44: the jaxpr f contains itself"},
        Refused{"{ lambda ; a:f32[2]. let _:f32[2] = sin a; _:f32[2] = cos a; b:f32[2] = exp _ in (b,) }",
                "1:77: _ may be any of 2 values here; give the values that are used a name"},
        Refused{"{ lambda ; a:f32[2]. let in (a,) : { Debug } }", "1:38: Debug: " + effect},
        unknown_primitive("debug_callback[callback=<function f at 0x1> effect=DebugEffect()] a",
                          "2: debug_callback: " + callback),
        unknown_primitive("b:f32[2] = pure_callback[callback=f] a", "13: pure_callback: " + callback),
        unknown_primitive("b:f32[2] = io_callback[callback=f] a", "13: io_callback: " + callback),
        unknown_primitive("b:f32[2] = psum[axes=('i',)] a", "13: psum: " + collective),
        unknown_primitive("b:f32[2] = all_gather[axis_name=i] a", "13: all_gather: " + collective),
        unknown_primitive("b:f32[2] = ppermute[axis_name=i] a", "13: ppermute: " + collective),
        unknown_primitive("b:f32[2] = get[tree=*] a", "13: get: " + reference),
        unknown_primitive("b:f32[2] <- a[]", "11: get: " + reference),
        unknown_primitive("b:f32[2] = swap[tree=*] a a", "13: swap: " + reference),
        unknown_primitive("addupdate[tree=*] a a", "2: addupdate: " + reference),
        unknown_primitive("b:f32[2] = sharding_constraint[sharding=s] a", "13: sharding_constraint: " + sharding),
        unknown_primitive("b:f32[2] = shard_map[jaxpr={ lambda ; a:f32[2]. let in (a,) }] a",
                          "13: shard_map: " + sharding),
        unknown_primitive("b:f32[2] = after_all a", "13: after_all: " + effect),
        unknown_primitive("b:f32[2] = pallas_call[name=f] a",
                          "13: pallas_call: foreign kernels hold code that is not part of the program; use the "
                          "operation's plain form"),
        unknown_primitive("b:f32[2] = approx_top_k[k=2] a", "13: approx_top_k: this operation is not supported"),
        unknown_primitive(
            "b:f32[2] = my_square a",
            "2: my_square: this primitive is unknown, and it does not wrap one jaxpr; write it with JAX's own "
            "operations"),
        unknown_primitive("b:f32[2] = my_wrap[jaxpr={ lambda ; . let in (1.0:f32[],) }] a",
                          "2: my_wrap: an unknown primitive is inlined when its jaxpr takes its operands and gives its "
                          "results, got a jaxpr of 0 inputs and 1 output for 1 operand and 1 result")));

TEST(ParserErrors, ShowTheLineAndACaret) {
  EXPECT_EQ(error_of("{ lambda ; a:f32[2]. let\n    b:f32[2] = sin x\n  in (b,) }"),
            "text:2:20: the variable x is used before it is defined\n"
            "      b:f32[2] = sin x\n"
            "                     ^");
}

TEST(ParserErrors, ShowAWindowOfALongLine) {
  const std::string message = error_of(std::string(5000, ' ') + "\t\x01" + std::string(5000, 'x'));
  EXPECT_TRUE(message.starts_with("text:1:5002: expected '{' for a jaxpr, got byte 0x01\n")) << message;
  EXPECT_LT(message.size(), 500u);
}

std::string nested_calls(int depth) {
  std::string text;
  for (int i = 0; i < depth; ++i) text += "{ lambda ; a:f32[]. let b:f32[] = jit[name=f jaxpr=";
  text += "{ lambda ; a:f32[]. let b:f32[] = sin a in (b,) }";
  for (int i = 0; i < depth; ++i) text += "] a in (b,) }";
  return text;
}

TEST(ParserLimits, NestingUpToTheLimitParsesPrintsAndVerifies) {
  const Jaxpr jaxpr = parse(nested_calls(999), "text");
  EXPECT_TRUE(structurally_equal(parse(print(jaxpr), "printed"), jaxpr));
  EXPECT_NO_THROW(verify(jaxpr));
}

TEST(ParserLimits, DeeperNestingIsAnError) {
  for (const std::string& text :
       {nested_calls(1000), nested_calls(100'000), wrap("c:f32[2] = copy[x=" + std::string(100'000, '(') + "] a"),
        wrap("c:f32[2] = copy[x=" + std::string(100'000, '[') + "] a")}) {
    EXPECT_NE(error_of(text).find("brackets and jaxprs are nested more than 1000 deep"), std::string::npos)
        << error_of(text).substr(0, 200);
  }
}

/// Each let calls the next one twice: the program's expansion has 2^count calls.
std::string doubling_lets(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) {
    const std::string next = i + 1 < count ? "f" + std::to_string(i + 1) : "last";
    text += "let f" + std::to_string(i) + " = { lambda ; a:f32[]. let b:f32[] = jit[name=x jaxpr=" + next +
            "] a; c:f32[] = jit[name=x jaxpr=" + next + "] b in (c,) } in\n";
  }
  return text +
         "let last = { lambda ; a:f32[]. let b:f32[] = sin a in (b,) } in\n"
         "{ lambda ; a:f32[]. let b:f32[] = jit[name=x jaxpr=f0] a in (b,) }";
}

TEST(ParserLimits, SharedJaxprsStayShared) {
  const Jaxpr jaxpr = parse(doubling_lets(60), "text");
  const std::string printed = print(jaxpr);
  EXPECT_LT(printed.size(), 20'000u);
  EXPECT_TRUE(structurally_equal(parse(printed, "printed"), jaxpr));
  EXPECT_NO_THROW(verify(jaxpr));
  EXPECT_NO_THROW(require_runnable(jaxpr));
}

TEST(ParserLimits, ManyLiteralsAndOutputsAreRead) {
  std::string text = "{ lambda ; a:f32[]. let";
  for (int i = 0; i < 20'000; ++i) text += "\n v" + std::to_string(i) + ":f32[] = add a 1.0:f32[]";
  EXPECT_EQ(parse(text + " in (a,) }", "text").equations.size(), 20'000u);
}

// What runs ------------------------------------------------------------------------------------------------

std::string run_error_of(std::string_view text) {
  const Jaxpr jaxpr = parse(text, "text");
  EXPECT_TRUE(structurally_equal(parse(print(jaxpr), "printed"), jaxpr)) << print(jaxpr);
  try {
    require_runnable(jaxpr);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Runnable, OutermostConstantsAre) {
  EXPECT_EQ(run_error_of("{ lambda a:f32[2] ; . let in (a,) }"), "");
}

TEST(Runnable, InnerConstantsAreNot) {
  EXPECT_EQ(run_error_of("{ lambda ; a:f32[2]. let\n b:f32[2] = pjit[name=f jaxpr={ lambda d:f32[2] ; a:f32[2]. let "
                         "b:f32[2] = add a d in (b,) }] a in (b,) }"),
            "pjit: a jaxpr within an equation has 1 constant, whose values are not in the text, so the program cannot "
            "run; export it with its constants hoisted\n"
            "  line 2:2: b:f32[2] = pjit[name=f jaxpr={...}] a");
}

TEST(Runnable, ArrayLiteralsAreNot) {
  EXPECT_EQ(run_error_of("{ lambda ; a:f32[2]. let b:f32[2] = add a [...]:f32[2] in (b,) }"),
            "add: an operand is an array literal, whose elements are not in the text, so the program cannot run; "
            "export it with its constants hoisted\n"
            "  line 1:26: b:f32[2] = add a [...]:f32[2]");
  EXPECT_EQ(run_error_of("{ lambda ; . let in ([...]:f32[2],) }"),
            "program: an output is an array literal, whose elements are not in the text, so the program cannot run; "
            "export it with its constants hoisted");
}

}  // namespace
}  // namespace jaxc::ir
