// Parameters: those that a primitive does not know are refused, and those that it ignores must be harmless.
#include <gtest/gtest.h>

#include "ir/parser.h"
#include "ir/source.h"
#include "ir/verify.h"
#include "jaxc/error.h"

namespace jaxc::ir {
namespace {

/// The first line of what the verifier says of one equation on a:f32[2] b:f32[2]; "" when it accepts it.
std::string verdict(const std::string& equation) {
  const std::string text = "{ lambda ; a:f32[2] b:f32[2]. let " + equation + " in (c,) }";
  try {
    const Source source(text, "test");
    verify(parse(source), source);
  } catch (const Error& error) {
    const std::string message = error.what();
    const std::size_t start = message.find("error: ");
    return message.substr(start == std::string::npos ? 0 : start + 7, message.find('\n') - start - 7);
  }
  return "";
}

struct Row {
  std::string equation;
  std::string message;  ///< a part of it; empty: accepted
};

class KnownParameters : public testing::TestWithParam<Row> {};

TEST_P(KnownParameters, AreJudged) {
  const std::string got = verdict(GetParam().equation);
  if (GetParam().message.empty()) {
    EXPECT_EQ(got, "") << GetParam().equation;
  } else {
    EXPECT_NE(got.find(GetParam().message), std::string::npos) << GetParam().equation << "\n" << got;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Verify, KnownParameters,
    testing::Values(
        Row{"c:f32[2] = exp[accuracy=None] a", ""}, Row{"c:f32[2] = exp[accuracy=AccuracyMode.DEFAULT] a", ""},
        Row{"c:f32[2] = exp[accuracy=AccuracyMode.HIGHEST] a", ""},
        Row{"c:f32[2] = exp[accuracy=Tolerance(atol=0.0, rtol=0.0, ulps=2)] a",
            "exp: the parameter accuracy must be None or DEFAULT or HIGHEST, got a composed value"},
        Row{"c:f32[2] = exp[scale=2] a", "exp: the parameter scale is unknown"},
        Row{"c:f32[2] = max[accuracy=None] a b", "max: the parameter accuracy is unknown"},
        Row{"c:f32[2] = convert_element_type[new_dtype=float32 weak_type=True sharding=None] a", ""},
        Row{"c:f32[2] = convert_element_type[new_dtype=float32 weak_type=True saturate=True] a",
            "the parameter saturate is unknown"},
        Row{"c:f32[] = reduce_sum[axes=(0,) out_sharding=None] a", ""},
        Row{"c:f32[] = reduce_sum[axes=(0,) out_sharding=P('x')] a",
            "the parameter out_sharding must be None or replicated, got"},
        Row{"c:f32[2] = convert_element_type[new_dtype=float32 weak_type=False sharding=NamedSharding("
            "mesh=AbstractMesh((), axis_types=()), spec=PartitionSpec())] a",
            ""},
        Row{"c:f32[2] = convert_element_type[new_dtype=float32 weak_type=False sharding=NamedSharding("
            "mesh=AbstractMesh((), axis_types=()), spec=PartitionSpec(None))] a",
            ""},
        Row{"c:f32[2] = convert_element_type[new_dtype=float32 weak_type=False sharding=NamedSharding("
            "mesh=AbstractMesh((), axis_types=()), spec=PartitionSpec(None, 'x'))] a",
            "the parameter sharding must be None or replicated"},
        Row{"c:f32[2] = convert_element_type[new_dtype=float32 weak_type=False sharding=NamedSharding("
            "mesh=AbstractMesh('x': 2), spec=PartitionSpec('x',))] a",
            "the parameter sharding must be None or replicated"},
        Row{"c:f32[] = dot_general[dimension_numbers=(([0], [0]), ([], [])) "
            "precision=(Precision.HIGHEST, Precision.HIGHEST) preferred_element_type=float32 out_sharding=None] a b",
            ""},
        Row{"c:f32[] = dot_general[dimension_numbers=(([0], [0]), ([], [])) "
            "precision=(Precision.HIGHEST, BF16_BF16_F32) preferred_element_type=float32 out_sharding=None] a b",
            "the parameter precision must be None or DEFAULT"},
        Row{"c:f32[] = dot_general[dimension_numbers=(([0], [0]), ([], [])) precision=HIGHEST "
            "preferred_element_type=float32] a b",
            ""},
        Row{"c:f32[] = dot_general[dimension_numbers=(([0], [0]), ([], [])) "
            "precision=DotAlgorithmPreset.F32_F32_F32 preferred_element_type=float32] a b",
            ""},
        Row{"c:f32[] = dot_general[dimension_numbers=(([0], [0]), ([], [])) precision=BF16_BF16_F32 "
            "preferred_element_type=float32] a b",
            "the parameter precision must be None or DEFAULT or HIGH or HIGHEST or F32_F32_F32, got BF16_BF16_F32"},
        Row{"c:f32[2] = sort[dimension=0 is_stable=False num_keys=1] a", ""},
        Row{"c:f32[2] = sort[dimension=0 is_stable=False num_keys=1 descending=True] a", "descending is unknown"},
        Row{"c:f32[2] = cumsum[axis=0 reverse=False exclusive=True] a", "cumsum: the parameter exclusive is unknown"},
        Row{"c:f32[2] = jit[name=f jaxpr={ lambda ; d:f32[2]. let  in (d,) } inline=True keep_unused=False] a", ""},
        Row{"c:f32[2] = jit[name=f jaxpr={ lambda ; d:f32[2]. let e:f32[2] = exp[base=2] d in (e,) }] a",
            "exp: the parameter base is unknown"}));

}  // namespace
}  // namespace jaxc::ir
